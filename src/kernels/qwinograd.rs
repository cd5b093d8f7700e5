//! Convolution of 3×3 windows with fewer multiplications, exact in integers: the contract that every
//! instruction set keeps.
//!
//! A tile of m×m outputs sees a patch of n×n inputs, n = m + 2. With the matrices of a [`Transform`], all of
//! integers, and `⊙` for the product of each position by itself,
//!
//! ```text
//! V = Bᵀ·patch·B        16 bits; a patch is u8
//! U = G·weights·Gᵀ      16 bits, once, when a model is prepared
//! M = Σ over channels of U ⊙ V                     wrapping in i32
//! y = ((Aᵀ·M·A · inverse) mod 2³²) >> shift        the window's sum, without a bias
//! ```
//!
//! `docs/arithmetic.md` says why the last line is exact however often the sums have wrapped around, and
//! for how many channels: [`QWinograd::is_exact`].

/// Rows and columns of a window.
pub(crate) const WINDOW: usize = 3;
/// Positions of the largest patch.
pub(crate) const MAX_POSITIONS: usize = 36;
/// Most tiles of a product.
pub(crate) const TILES: usize = 6;
/// Output channels of a panel.
pub(crate) const COLUMNS: usize = 16;
/// Patches and their transforms have a whole number of so many channels.
pub(crate) const BLOCK: usize = 16;
/// Channels that stand side by side in a panel.
const PAIR: usize = 2;

/// The matrices of one size of tile, and how its results are scaled down.
#[derive(Debug)]
pub(crate) struct Transform {
    /// Outputs of a tile along each axis: m.
    pub size: usize,
    /// Bᵀ, n×n, row by row.
    pub input: &'static [i8],
    /// G, n×3, row by row: each row of the rational one times a number that makes it integer.
    pub weights: &'static [i8],
    /// Aᵀ, m×n, row by row: each column times what makes the scale the same for all.
    pub output: &'static [i8],
    /// Inverse of the odd part of the scale, modulo 2³².
    pub inverse: u32,
    /// The scale's power of two.
    pub shift: u32,
}

/// F(2×2, 3×3), of the points 0, 1, −1 and ∞. The scale is 2 for each axis.
pub(crate) static TWO: Transform = Transform {
    size: 2,
    #[rustfmt::skip]
    input: &[
        1, 0, -1, 0,
        0, 1, 1, 0,
        0, -1, 1, 0,
        0, 1, 0, -1,
    ],
    #[rustfmt::skip]
    weights: &[
        2, 0, 0,
        1, 1, 1,
        1, -1, 1,
        0, 0, 2,
    ],
    #[rustfmt::skip]
    output: &[
        1, 1, 1, 0,
        0, 1, -1, -1,
    ],
    inverse: 1,
    shift: 2,
};

/// F(4×4, 3×3), of the points 0, 1, −1, 2, −2 and ∞. The scale is 24 for each axis, 64 · 9 for both.
pub(crate) static FOUR: Transform = Transform {
    size: 4,
    #[rustfmt::skip]
    input: &[
        4, 0, -5, 0, 1, 0,
        0, -4, -4, 1, 1, 0,
        0, 4, -4, -1, 1, 0,
        0, -2, -1, 2, 1, 0,
        0, 2, -1, -2, 1, 0,
        0, 4, 0, -5, 0, 1,
    ],
    #[rustfmt::skip]
    weights: &[
        3, 0, 0,
        -1, -1, -1,
        -1, 1, -1,
        1, 2, 4,
        1, -2, 4,
        0, 0, 3,
    ],
    #[rustfmt::skip]
    output: &[
        2, 4, 4, 1, 1, 0,
        0, 4, -4, 2, -2, 0,
        0, 4, 4, 4, 4, 0,
        0, 4, -4, 8, -8, 8,
    ],
    inverse: 0x38e3_8e39,
    shift: 6,
};

impl Transform {
    /// Inputs of a patch along each axis: n.
    pub const fn patch(&self) -> usize {
        self.size + WINDOW - 1
    }

    /// Positions of a patch.
    pub const fn positions(&self) -> usize {
        self.patch() * self.patch()
    }
}

/// A row of tiles, side by side, whose patches are transformed.
pub(crate) struct Patches<'a> {
    /// n lines of pixels with `channels` values each; the patch of tile `t` begins at pixel `t · m`.
    pub lines: &'a [u8],
    /// Values from one line to the next.
    pub pitch: usize,
    /// Channels of a pixel, a multiple of [`BLOCK`].
    pub channels: usize,
    /// How many tiles, at least 1.
    pub tiles: usize,
    /// V: position `p` of tile `t` goes to `p · step + t · channels`.
    pub to: &'a mut [i16],
    /// Values from one position to the next.
    pub step: usize,
}

/// Some tiles and a panel of transformed weights.
pub(crate) struct Products<'a> {
    /// V: position `p` of tile `t` stands at `p · step + t · channels`.
    pub left: &'a [i16],
    /// Values from one position to the next.
    pub step: usize,
    /// Values from one tile to the next.
    pub channels: usize,
    /// Channels to add, a whole number of pairs, at least one.
    pub depth: usize,
    /// U: `[position][depth / 2][COLUMNS][2]`, packed by [`QWinograd::pack`].
    pub panel: &'a [i16],
    /// 1 to [`TILES`].
    pub tiles: usize,
    /// M: `[position][TILES][COLUMNS]`.
    pub sums: &'a mut [i32],
}

/// The products of one tile, to be turned into its outputs.
pub(crate) struct Outputs<'a> {
    /// M: `[position][TILES][COLUMNS]`, from the tile on.
    pub sums: &'a [i32],
    /// One a column.
    pub bias: &'a [i32; COLUMNS],
    /// `[m][m][COLUMNS]`: line `y` begins at `y · pitch`.
    pub to: &'a mut [i32],
    /// Values from one line to the next.
    pub pitch: usize,
}

/// The kernels of one size of tile.
#[derive(Debug)]
pub(crate) struct QWinograd {
    /// Types, algorithm, tile of outputs, tile of products and instruction set, as in
    /// `u8i8-winograd4-6x16-avx2`.
    pub name: &'static str,
    pub transform: &'static Transform,
    /// # Safety
    /// The CPU has the instruction set, and the patches have passed [`QWinograd::holds_patches`].
    pub(super) input: unsafe fn(&mut Patches<'_>),
    /// # Safety
    /// The CPU has the instruction set, and the products have passed [`QWinograd::holds_products`].
    pub(super) multiply: unsafe fn(&mut Products<'_>),
    /// # Safety
    /// The CPU has the instruction set, and the outputs have passed [`QWinograd::holds_outputs`].
    pub(super) output: unsafe fn(&mut Outputs<'_>),
}

impl QWinograd {
    /// Whether results are exact for every input and every weight of so many channels.
    pub fn is_exact(&self, channels: usize) -> bool {
        const MOST: u64 = 255 * 128 * (WINDOW * WINDOW) as u64;
        (channels as u64).checked_mul(MOST).is_some_and(|most| most < 1 << (31 - self.transform.shift))
    }

    /// `channels` rounded up to whole pairs.
    pub fn padded(&self, channels: usize) -> Option<usize> {
        channels.checked_next_multiple_of(PAIR)
    }

    /// Values of a packed panel.
    pub fn panel_values(&self, channels: usize) -> Option<usize> {
        self.padded(channels)?.checked_mul(self.transform.positions() * COLUMNS)
    }

    /// Transforms and packs the weights of one column of a panel of zeros: `weights[tap][channel]`.
    pub fn pack_column(&self, channels: usize, column: usize, weights: &[i8], panel: &mut [i16]) {
        let Some(step) = self.padded(channels).map(|depth| depth * COLUMNS) else { return };
        for channel in 0..channels {
            let window: [i16; WINDOW * WINDOW] = core::array::from_fn(|tap| {
                weights.get(tap * channels + channel).copied().unwrap_or_default().into()
            });
            let first = (channel / PAIR * COLUMNS + column) * PAIR + channel % PAIR;
            let positions = panel.get_mut(first..).unwrap_or_default().iter_mut().step_by(step);
            for (value, to) in self.transform.window(&window).into_iter().zip(positions) {
                *to = value;
            }
        }
    }

    /// Transforms the patches of a row of tiles.
    pub fn input(&self, mut patches: Patches<'_>) {
        assert!(self.holds_patches(&patches), "patches for {} do not fit together", self.name);
        // SAFETY: the operands have just been checked, and a `QWinograd` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.input)(&mut patches) }
    }

    /// Every access of a kernel stays inside both slices.
    fn holds_patches(&self, patches: &Patches<'_>) -> bool {
        let Patches { lines, pitch, channels, tiles, to, step } = patches;
        let (size, patch) = (self.transform.size, self.transform.patch());
        let read = || {
            let pixels = tiles.checked_sub(1)?.checked_mul(size)?.checked_add(patch)?;
            pitch.checked_mul(patch - 1)?.checked_add(pixels.checked_mul(*channels)?)
        };
        let written = || {
            let last = step.checked_mul(self.transform.positions() - 1)?;
            last.checked_add(tiles.checked_mul(*channels)?)
        };
        channels.is_multiple_of(BLOCK)
            && read().is_some_and(|end| end <= lines.len())
            && written().is_some_and(|end| end <= to.len())
    }

    /// Multiplies and adds over the channels.
    pub fn multiply(&self, mut products: Products<'_>) {
        assert!(self.holds_products(&products), "operands of {} do not fit together", self.name);
        // SAFETY: as in `input`.
        unsafe { (self.multiply)(&mut products) }
    }

    /// Every access of a kernel stays inside the three slices.
    fn holds_products(&self, products: &Products<'_>) -> bool {
        let Products { left, step, channels, depth, panel, tiles, sums } = products;
        let positions = self.transform.positions();
        let read = || {
            let last = step.checked_mul(positions - 1)?;
            last.checked_add(tiles.checked_sub(1)?.checked_mul(*channels)?)?.checked_add(*depth)
        };
        *tiles <= TILES
            && *depth > 0
            && depth.is_multiple_of(PAIR)
            && read().is_some_and(|end| end <= left.len())
            && depth.checked_mul(positions * COLUMNS).is_some_and(|values| values <= panel.len())
            && sums.len() >= positions * TILES * COLUMNS
    }

    /// Turns the products of a tile into its outputs.
    pub fn output(&self, mut outputs: Outputs<'_>) {
        assert!(self.holds_outputs(&outputs), "outputs of {} do not fit together", self.name);
        // SAFETY: as in `input`.
        unsafe { (self.output)(&mut outputs) }
    }

    /// Every access of a kernel stays inside both slices.
    fn holds_outputs(&self, outputs: &Outputs<'_>) -> bool {
        let size = self.transform.size;
        let written = || outputs.pitch.checked_mul(size - 1)?.checked_add(size * COLUMNS);
        let read = ((self.transform.positions() - 1) * TILES + 1) * COLUMNS;
        outputs.sums.len() >= read && written().is_some_and(|end| end <= outputs.to.len())
    }
}

impl Transform {
    /// U of one window: G·window·Gᵀ, at most 49 · 128. Positions that the size does not have are zero.
    fn window(&self, window: &[i16; WINDOW * WINDOW]) -> [i16; MAX_POSITIONS] {
        let mut transformed = [0; MAX_POSITIONS];
        let dot = |row: &[i8], values: [i16; WINDOW]| -> i16 {
            row.iter().zip(values).map(|(&factor, value)| i16::from(factor) * value).sum()
        };
        let rows = self.weights.chunks_exact(WINDOW);
        for (down, to) in rows.clone().zip(transformed.chunks_exact_mut(self.patch())) {
            let line = core::array::from_fn(|x| dot(down, [window[x], window[3 + x], window[6 + x]]));
            for (across, to) in rows.clone().zip(to) {
                *to = dot(across, line);
            }
        }
        transformed
    }
}
