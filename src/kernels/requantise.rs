//! From sums to bytes: the contract that every instruction set keeps.
//!
//! For each value, in this order (`docs/arithmetic.md`): `t = f32(sum)`, rounded half to even;
//! `t = t · factor`, rounded once; `t` bounded by `lo − zero` and `hi − zero`; `t` rounded half to even to
//! an integer; `zero` added. No multiply-add may join two of these.

use crate::format::Grid;

/// The sums of one tile, and where their bytes go.
pub(crate) struct Sums<'a> {
    /// Row `r` begins at `r · pitch`.
    pub sums: &'a [i32],
    /// Sums from one row to the next.
    pub pitch: usize,
    /// Rows to store, at least 1.
    pub rows: usize,
    /// One a column that is stored.
    pub factors: &'a [f32],
    /// What a byte stands for, and its bounds.
    pub grid: Grid,
    /// Where row 0, column 0 goes. Nothing behind the columns of a row is touched: a neighbour's channels
    /// may stand there.
    pub out: &'a mut [u8],
    /// Distance in values between two rows of `out`.
    pub stride: usize,
}

/// A requantising kernel and its name.
#[derive(Debug)]
pub(crate) struct Requantise {
    /// Types, operation and instruction set, as in `i32u8-requantise-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, and the sums have passed [`Requantise::fits`].
    pub(super) kernel: unsafe fn(&mut Sums<'_>),
}

impl Requantise {
    /// Writes a byte for each sum.
    pub fn tile(&self, mut tile: Sums<'_>) {
        assert!(Self::fits(&tile), "operands of {} do not fit together", self.name);
        // SAFETY: the operands have just been checked, and a `Requantise` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(&mut tile) }
    }

    /// Every access of a kernel stays inside the slices of the tile.
    fn fits(tile: &Sums<'_>) -> bool {
        let reach = |step: usize| {
            let before = tile.rows.checked_sub(1)?.checked_mul(step)?;
            before.checked_add(tile.factors.len())
        };
        reach(tile.pitch).is_some_and(|end| end <= tile.sums.len())
            && reach(tile.stride).is_some_and(|end| end <= tile.out.len())
    }
}

/// The byte of a real number in steps of a grid: bounded, rounded half to even, moved by the zero point.
/// Not a number gives the lower bound.
pub(crate) fn to_grid(steps: f32, grid: Grid) -> u8 {
    let zero = f32::from(grid.zero);
    let (lo, hi) = (f32::from(grid.lo) - zero, f32::from(grid.hi) - zero);
    // Comparisons and not max: what becomes of a NaN is then the same everywhere.
    let steps = if steps > lo { steps } else { lo };
    let steps = if steps < hi { steps } else { hi };
    // The bounds make it fit.
    (libm::rintf(steps) as i32 + i32::from(grid.zero)) as u8
}
