//! One tile of an indirect matrix multiplication: the contract that every instruction set keeps.
//!
//! A convolution in NHWC is a matrix product whose left rows are scattered: output pixel `r` needs, for
//! each kernel tap, a run of input channels that starts somewhere in the input. So the left side is
//! given as a table of offsets (`[segment][row]`), one start for each row and segment of `run` values;
//! taps that lie in the padding point at zeros. No column matrix is ever built. The idea is known from
//! XNNPACK's indirect GEMM (Dukhan, "The Indirect Convolution Algorithm", arXiv 1907.02129).

use crate::format::Clamp;

/// The offset of a tap in the padding.
pub(crate) const PADDING: u32 = u32::MAX;
/// No kernel has more rows in a tile.
pub(crate) const MAX_ROWS: usize = 8;
/// No kernel has more columns in a tile.
pub(crate) const MAX_COLUMNS: usize = 16;

/// The operands of one tile:
/// `out[r][c] = clamp(bias[c] + Σ_k left[r][k] · panel[k][c])`, summed in the order of `k`.
pub(crate) struct Tile<'a> {
    /// What the offsets point into.
    pub input: &'a [f32],
    /// At least `run` zeros, read for taps in the padding; there even if there are none.
    pub zeros: &'a [f32],
    /// `[segment][rows of the kernel's tile]`; entries of rows that do not exist repeat one that does.
    pub offsets: &'a [u32],
    /// Values a segment.
    pub run: usize,
    /// `[segment · run][columns of the kernel's tile]`, packed by [`Gemm::pack`].
    pub panel: &'a [f32],
    /// What the next calls will read, to be brought into a cache meanwhile.
    // Only x86 has a stable way to ask for it.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub ahead: &'a [f32],
    /// One a column.
    pub bias: &'a [f32],
    /// The activation.
    pub clamp: Clamp,
    /// Rows to store, 1 to the tile's.
    pub rows: usize,
    /// Columns to store, 1 to the tile's. Nothing behind them is touched: a neighbour's channels
    /// may stand there.
    pub columns: usize,
    /// Where row 0, column 0 goes.
    pub out: &'a mut [f32],
    /// Distance in values between two rows of `out`.
    pub stride: usize,
}

/// A tile kernel, its shape and its name.
#[derive(Debug)]
pub(crate) struct Gemm {
    /// Type, operation, tile and instruction set, as in `f32-gemm-6x16-avx2`.
    pub name: &'static str,
    /// Rows of a tile.
    pub rows: usize,
    /// Columns of a tile.
    pub columns: usize,
    /// # Safety
    /// The CPU has the instruction set, and the tile has passed [`Gemm::fits`].
    pub(super) kernel: unsafe fn(&mut Tile<'_>),
}

impl Gemm {
    /// Number of panels that `columns` output channels take.
    pub fn panels(&self, columns: usize) -> usize {
        columns.div_ceil(self.columns)
    }

    /// Packs the weights of one panel: `weight(column, k)` to `[k][column]`, zero where there is no column.
    pub fn pack(
        &self,
        depth: usize,
        columns: usize,
        weight: impl Fn(usize, usize) -> f32,
        panel: &mut [f32],
    ) {
        for (k, row) in panel.chunks_exact_mut(self.columns).take(depth).enumerate() {
            for (column, value) in row.iter_mut().enumerate() {
                *value = if column < columns { weight(column, k) } else { 0.0 };
            }
        }
    }

    /// Computes one tile.
    pub fn tile(&self, mut tile: Tile<'_>) {
        assert!(self.fits(&tile), "operands of a {} tile do not fit together", self.name);
        // SAFETY: the operands have just been checked, and a `Gemm` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(&mut tile) }
    }

    /// Every access of a kernel stays inside the slices of the tile.
    fn fits(&self, tile: &Tile<'_>) -> bool {
        let segments = tile.offsets.len() / self.rows;
        let Some(last) = tile.input.len().checked_sub(tile.run) else { return false };
        // One more than each offset, so that those in the padding are the smallest.
        let furthest = tile.offsets.iter().fold(0, |most, offset| offset.wrapping_add(1).max(most));
        let rows = (1..=self.rows).contains(&tile.rows);
        let columns = (1..=self.columns).contains(&tile.columns) && tile.bias.len() >= self.columns;
        let reach = (tile.rows - 1).saturating_mul(tile.stride).saturating_add(tile.columns);
        let panel = segments.saturating_mul(tile.run).saturating_mul(self.columns);
        rows && columns
            && tile.offsets.len().is_multiple_of(self.rows)
            && furthest as usize <= last + 1
            && tile.zeros.len() >= tile.run
            && tile.panel.len() >= panel
            && tile.out.len() >= reach
    }
}
