//! One tile of an integer matrix multiplication: the contract that every instruction set keeps.
//!
//! `sums[row][column] = bias[column] + Σ_k left[row][k] · panel[k][column]`, wrapping in `i32`: the same
//! everywhere, in whatever order it is added. The left rows are the taps of output pixels, `u8` gathered
//! into memory in the form that the kernel wants; one gathering serves all panels.

/// No kernel has more rows in a tile.
pub(crate) const MAX_ROWS: usize = 8;
/// No kernel has more columns in a tile.
pub(crate) const MAX_COLUMNS: usize = 16;

/// Runs of left values to be gathered: run `i` stands at `from[i · from_step..]`, and goes to
/// `to[i · to_step..]` in the kernel's form.
pub(crate) struct Runs<'a> {
    pub from: &'a [u8],
    /// Values from one run to the next; 0 for the same again.
    pub from_step: usize,
    /// Values of a run.
    pub run: usize,
    /// How many runs, at least 1.
    pub count: usize,
    pub to: &'a mut [u8],
    /// Bytes from one run to the next.
    pub to_step: usize,
}

/// The operands of tiles below each other.
pub(crate) struct QTile<'a> {
    /// Row `r` begins at byte `r · pitch`; `depth` values of the kernel's form each.
    pub left: &'a [u8],
    /// Bytes from one row to the next.
    pub pitch: usize,
    /// Values a row, a multiple of the kernel's group.
    pub depth: usize,
    /// `[depth / group][columns of the kernel's tile][group]`, packed by [`QGemm::pack_column`].
    pub panel: &'a [i8],
    /// One a column.
    pub bias: &'a [i32],
    /// Rows to compute, at least 1; a kernel is given one tile's at most.
    pub rows: usize,
    /// `[row][columns of the kernel's tile]`.
    pub sums: &'a mut [i32],
}

/// An integer tile kernel, its shape and its name.
#[derive(Debug)]
pub(crate) struct QGemm {
    /// Types, operation, tile and instruction set, as in `u8i8-gemm-6x16-avx2`.
    pub name: &'static str,
    /// Rows of a tile.
    pub rows: usize,
    /// Columns of a tile.
    pub columns: usize,
    /// Values of a row that are multiplied in one instruction and stand side by side in a panel.
    pub group: usize,
    /// Bytes of a left value in the kernel's form.
    pub bytes: usize,
    /// What the kernel's form subtracts from a left value; made good in the bias, see [`QGemm::bias`].
    pub offset: i32,
    /// Brings runs of values into the kernel's form.
    ///
    /// # Safety
    /// The CPU has the instruction set, and the runs have passed [`QGemm::holds`].
    pub(super) gather: unsafe fn(&mut Runs<'_>),
    /// # Safety
    /// The CPU has the instruction set, and the tile, of no more rows than its own, has passed
    /// [`QGemm::fits`].
    pub(super) kernel: unsafe fn(&mut QTile<'_>),
}

impl QGemm {
    /// Number of panels that `columns` output channels take.
    pub fn panels(&self, columns: usize) -> usize {
        columns.div_ceil(self.columns)
    }

    /// `depth` rounded up to whole groups.
    pub fn padded(&self, depth: usize) -> Option<usize> {
        depth.checked_next_multiple_of(self.group)
    }

    /// Packs the weights of one column of a panel of zeros: that of `k` goes to
    /// `[k / group][column][k % group]`.
    pub fn pack_column(&self, column: usize, weights: &[i8], panel: &mut [i8]) {
        let blocks = panel.chunks_exact_mut(self.columns * self.group);
        for (values, weights) in blocks.zip(weights.chunks(self.group)) {
            let values = values.iter_mut().skip(column * self.group);
            values.zip(weights).for_each(|(value, &weight)| *value = weight);
        }
    }

    /// The bias of a column whose weights add up to `sum`, for left values in the kernel's form.
    pub fn bias(&self, bias: i32, sum: i32) -> i32 {
        bias.wrapping_add(self.offset.wrapping_mul(sum))
    }

    /// Brings runs of values into the kernel's form.
    pub fn gather(&self, mut runs: Runs<'_>) {
        assert!(self.holds(&runs), "runs for {} do not fit into their memory", self.name);
        // SAFETY: the runs have just been checked, and a `QGemm` is reached only through `Kernels::of`,
        // which has asked the CPU for the instruction set.
        unsafe { (self.gather)(&mut runs) }
    }

    /// Every run stays inside both slices.
    fn holds(&self, runs: &Runs<'_>) -> bool {
        let reach = |step: usize, length: usize| {
            let before = runs.count.checked_sub(1)?.checked_mul(step)?;
            before.checked_add(length)
        };
        reach(runs.from_step, runs.run).is_some_and(|end| end <= runs.from.len())
            && reach(runs.to_step, runs.run.saturating_mul(self.bytes))
                .is_some_and(|end| end <= runs.to.len())
    }

    /// Computes tiles below each other.
    pub fn tiles(&self, tiles: QTile<'_>) {
        assert!(self.fits(&tiles), "operands of a {} tile do not fit together", self.name);
        let QTile { left, pitch, depth, panel, bias, rows, sums } = tiles;
        for (index, sums) in sums[..rows * self.columns].chunks_mut(self.rows * self.columns).enumerate() {
            let left = &left[index * self.rows * pitch..];
            let rows = sums.len() / self.columns;
            // SAFETY: the operands of all rows have just been checked, and these are some of them; for
            // the instruction set see `gather`.
            unsafe { (self.kernel)(&mut QTile { left, pitch, depth, panel, bias, rows, sums }) }
        }
    }

    /// Every access of a kernel stays inside the slices of the tile.
    fn fits(&self, tile: &QTile<'_>) -> bool {
        let row = tile.depth.saturating_mul(self.bytes);
        tile.rows > 0
            && tile.depth.is_multiple_of(self.group)
            && tile.left.len() >= (tile.rows - 1).saturating_mul(tile.pitch).saturating_add(row)
            && tile.panel.len() >= tile.depth.saturating_mul(self.columns)
            && tile.bias.len() >= self.columns
            && tile.sums.len() >= tile.rows.saturating_mul(self.columns)
    }
}
