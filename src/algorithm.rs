//! Which algorithm computes a convolution: the trade of memory for time, made once for each model.
//!
//! Winograd's convolutions (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv
//! 1509.09308) multiply less, and their transformed weights take more memory. A [`Price`] says how much time
//! a byte must save to be taken; each step then has the algorithm with the lowest time and price of its
//! bytes together. One price for all steps is the best use of a given memory (Everett 1963). It is found once, by
//! halving, and with it the algorithm of a step follows from the step alone: no table is kept.

use crate::costs::Costs;
use crate::format::{Buffer, Layer, Op, Step};
use crate::kernels::Kernels;
use crate::ops;

/// How a convolution is computed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Every product, one by one. What is no convolution has this algorithm too.
    #[default]
    Direct,
    /// F(2×2, 3×3): 16 products for four outputs instead of 36; 16/9 of the weights.
    Winograd2,
    /// F(4×4, 3×3): 36 products for sixteen outputs instead of 144; four times the weights.
    Winograd4,
}

impl Algorithm {
    /// All of them, from the least memory to the most.
    pub const ALL: &[Self] = &[Self::Direct, Self::Winograd2, Self::Winograd4];

    /// Outputs of a tile along one side; `None` where there are no tiles.
    pub fn tile(self) -> Option<usize> {
        match self {
            Self::Direct => None,
            Self::Winograd2 => Some(2),
            Self::Winograd4 => Some(4),
        }
    }

    /// Name as `inspect` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Winograd2 => "winograd2",
            Self::Winograd4 => "winograd4",
        }
    }
}

/// What is to be had: little memory, or little time.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimize {
    /// As little memory as there can be.
    Size,
    /// As little time as the memory budget allows; without a budget, as half as much memory again as
    /// `Size` takes and 800 kB allow.
    #[default]
    Speed,
}

/// Femtoseconds that a byte of prepared weights must save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price(u32);

impl Price {
    /// No byte is worth its time.
    pub const PROHIBITIVE: Self = Self(u32::MAX);
    /// Memory does not count.
    pub const FREE: Self = Self(0);

    /// A price at which `fits` holds, as low as halving finds; `fits` holds for [`Price::PROHIBITIVE`].
    pub fn lowest(mut fits: impl FnMut(Self) -> bool) -> Self {
        if fits(Self::FREE) {
            return Self::FREE;
        }
        let (mut low, mut high) = (Self::FREE.0, Self::PROHIBITIVE.0);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if fits(Self(middle)) { &mut high } else { &mut low }) = middle;
        }
        Self(high)
    }

    /// The algorithm of a step that reads `input`.
    pub fn algorithm(self, step: &Step, input: &Buffer, kernels: &Kernels) -> Algorithm {
        if self == Self::PROHIBITIVE {
            return Algorithm::Direct;
        }
        let price = |algorithm: Algorithm| {
            let bytes = ops::prepared_floats(step, algorithm, kernels)?.checked_mul(size_of::<f32>())? as u64;
            let time = time(step, input, algorithm, bytes, kernels)?;
            time.checked_add(bytes.checked_mul(self.0.into())?)
        };
        let offered =
            Algorithm::ALL.iter().copied().filter(|&algorithm| ops::offers(step, algorithm, kernels));
        // The first of equals takes the least memory.
        offered.min_by_key(|&algorithm| price(algorithm).unwrap_or(u64::MAX)).unwrap_or_default()
    }
}

/// Femtoseconds that a convolution takes, as the tables of [`Costs`] have it.
fn time(step: &Step, input: &Buffer, algorithm: Algorithm, bytes: u64, kernels: &Kernels) -> Option<u64> {
    let Layer { window, groups, .. } = step.op.layer()?;
    let costs = Costs::of(kernels.isa);
    let (costs, columns) = match step.op {
        Op::Conv(_) => (&costs.float, kernels.gemm.columns),
        Op::QConv(ref conv) => (&costs.integer, kernels.integers(conv).columns),
        _ => return None,
    };
    let (height, width) = window.outputs(input.height, input.width);
    let groups = u64::from(groups.max(1));
    let columns = columns as u64;
    let inputs = u64::from(step.input.channels);
    // A panel is multiplied in full, however few of its columns there are.
    let outputs = (u64::from(step.output.channels) / groups).next_multiple_of(columns).checked_mul(groups)?;
    let pairs = (inputs / groups).checked_mul(outputs)?;
    let work = match algorithm.tile() {
        None => {
            let taps = u64::from(window.kernel.0) * u64::from(window.kernel.1);
            let pixels = u64::from(height).checked_mul(width.into())?;
            pixels.checked_mul(taps)?.checked_mul(pairs)?.checked_mul(costs.direct)?
        }
        Some(tile) => {
            let tile = tile as u64;
            let tiles = u64::from(height).div_ceil(tile).checked_mul(u64::from(width).div_ceil(tile))?;
            let points = tiles.checked_mul((tile + 2) * (tile + 2))?;
            let products = points.checked_mul(pairs)?.checked_mul(costs.product)?;
            let inputs = points.checked_mul(inputs)?.checked_mul(costs.input)?;
            let outputs = points.checked_mul(outputs)?.checked_mul(costs.output)?;
            products.checked_add(inputs)?.checked_add(outputs)?
        }
    };
    work.checked_add(bytes.checked_mul(costs.byte)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_price_is_found() {
        for needed in [0, 1, 2, 999, 1 << 31, u32::MAX - 1, u32::MAX] {
            assert_eq!(Price::lowest(|price| price.0 >= needed), Price(needed));
        }
    }
}
