//! Camera pixels to red, green and blue: the contract that every instruction set keeps.
//!
//! For each pixel, in exact integers with 13 fractional bits (`docs/vision.md`):
//!
//! ```text
//! l = luma · (Y − black)       u = U − 128       v = V − 128
//! red   = clip((l + red_v · v             + ½) >> 13)
//! green = clip((l + green_u · u + green_v · v + ½) >> 13)          clip: to 0..255
//! blue  = clip((l + blue_u · u            + ½) >> 13)
//! ```
//!
//! Two pixels side by side share `U` and `V`.

/// Fractional bits of a [`Matrix`].
pub(crate) const BITS: u32 = 13;

/// Factors from luma and chroma to colour, `2^13` being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Luma of black.
    pub black: u8,
    /// Of luma in every colour.
    pub luma: i16,
    /// Of V in red.
    pub red_v: i16,
    /// Of U in green.
    pub green_u: i16,
    /// Of V in green.
    pub green_v: i16,
    /// Of U in blue.
    pub blue_u: i16,
}

impl Matrix {
    /// What the products with `Y`, `U` and `V` as they are leave out, for red, green and blue: the offsets of
    /// black and grey, and the half that rounds.
    pub fn offsets(&self) -> [i32; 3] {
        let base = (1 << (BITS - 1)) - i32::from(self.luma) * i32::from(self.black);
        [i32::from(self.red_v), i32::from(self.green_u) + i32::from(self.green_v), i32::from(self.blue_u)]
            .map(|chroma| base - 128 * chroma)
    }
}

/// A row of pixels, and whatever lies behind it. Each begins with a pixel whose chroma begins there too.
#[derive(Clone, Copy)]
pub(crate) enum Row<'a> {
    /// `Y U Y V` for two pixels.
    Yuyv(&'a [u8]),
    /// `Y` for each pixel; `U V` for two.
    Nv12([&'a [u8]; 2]),
    /// `Y` for each pixel; `U` for two; `V` for two.
    I420([&'a [u8]; 3]),
}

impl<'a> Row<'a> {
    /// The row from a pixel with an even index on.
    pub fn from(self, pixel: usize) -> Self {
        let skip = |bytes: &'a [u8], count: usize| bytes.get(count..).unwrap_or_default();
        match self {
            Self::Yuyv(pairs) => Self::Yuyv(skip(pairs, pixel * 2)),
            Self::Nv12([y, uv]) => Self::Nv12([skip(y, pixel), skip(uv, pixel)]),
            Self::I420([y, u, v]) => Self::I420([skip(y, pixel), skip(u, pixel / 2), skip(v, pixel / 2)]),
        }
    }

    /// Whether so many pixels are there.
    fn has(self, pixels: usize) -> bool {
        let pairs = pixels.div_ceil(2);
        match self {
            Self::Yuyv(bytes) => bytes.len() / 4 >= pairs,
            Self::Nv12([y, uv]) => y.len() >= pixels && uv.len() / 2 >= pairs,
            Self::I420([y, u, v]) => y.len() >= pixels && u.len() >= pairs && v.len() >= pairs,
        }
    }
}

/// A colour conversion and its name.
#[derive(Debug)]
pub(crate) struct Yuv {
    /// Type, operation and instruction set, as in `u8-yuv-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, `out` is whole pixels, and the row has as many.
    pub(super) kernel: unsafe fn(row: Row<'_>, matrix: &Matrix, out: &mut [u8]),
}

impl Yuv {
    /// Writes red, green and blue of the row's first pixels, as many as `out` has room for.
    pub fn run(&self, row: Row<'_>, matrix: &Matrix, out: &mut [u8]) {
        let fits = out.len().is_multiple_of(3) && row.has(out.len() / 3);
        assert!(fits, "operands of {} do not fit together", self.name);
        // SAFETY: the operands have just been checked, and a `Yuv` is reached only through `Kernels::of`,
        // which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(row, matrix, out) }
    }
}
