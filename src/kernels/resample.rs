//! Resizing rows of pixels: the contract that every instruction set keeps.
//!
//! Both passes are weighted sums of bytes, Pillow's `ImagingResampleHorizontal_8bpc` and `…Vertical_8bpc`:
//!
//! ```text
//! out = min((Σ weight · byte + ½) >> 22, 255)          in u32; weights have 22 fractional bits
//! ```
//!
//! Bytes and weights are never negative and the weights of an output sum to about one, so that a sum takes
//! less than 31 bits.

/// Fractional bits of a weight: 32, less 8 for the pixel and 2 for the sum.
pub(crate) const PRECISION: u32 = 32 - 8 - 2;
/// Half of the last bit kept, so that the shift rounds to nearest.
pub(crate) const HALF: u32 = 1 << (PRECISION - 1);
/// Bytes in front of an output's weights: the first input.
pub(crate) const HEAD: usize = 4;
/// A row between the passes takes a multiple of this: whole pixels, and whole groups of lanes.
pub(crate) const BLOCK: usize = 48;

/// A filled table: for each output the first input, then a weight for each input from there on. Every number
/// is a little-endian `u32`.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'t> {
    /// The entries, one behind the other.
    pub table: &'t [u8],
    /// Weights of an entry, at least one.
    pub taps: usize,
}

impl<'t> Filter<'t> {
    /// Bytes of an entry.
    pub fn entry(&self) -> usize {
        HEAD + self.taps * 4
    }

    /// First input and weights of each output.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &'t [[u8; 4]])> + use<'t> {
        self.table.chunks_exact(self.entry()).map(|entry| match entry.as_chunks().0 {
            [first, weights @ ..] => (u32::from_le_bytes(*first) as usize, weights),
            [] => (0, &[][..]),
        })
    }
}

/// Input values of bytes, for each channel of the tensor: `(byte · scale − mean) / std`, each operation rounded.
#[derive(Clone, Copy, Debug)]
// Plain Rust needs no more than the table.
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
pub(crate) struct Values {
    /// Every result.
    pub table: [[f32; 256]; 3],
    /// Where they come from.
    pub scale: f32,
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by.
    pub std: [f32; 3],
    /// Whether the tensor has the channels of a pixel the other way round.
    pub swap: bool,
}

/// Two rows, or two parts of a ring of rows.
type Two<'a> = [&'a [u8]; 2];

/// The kernels of a resize and their name.
#[derive(Debug)]
pub(crate) struct Resample {
    /// Type, operation and instruction set, as in `u8-resample-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set. Nothing is promised of the entries.
    pub(super) horizontal: unsafe fn(filter: Filter<'_>, rows: Two<'_>, out: [&mut [u8]; 2]),
    /// # Safety
    /// The CPU has the instruction set, `out` is a multiple of [`BLOCK`] long, and the two parts hold together
    /// at least as many whole rows of that length as there are weights.
    pub(super) vertical: unsafe fn(parts: Two<'_>, weights: &[[u8; 4]], out: &mut [u8]),
    /// # Safety
    /// The CPU has the instruction set, and there are as many bytes as values, whole pixels.
    pub(super) values: unsafe fn(values: &Values, bytes: &[u8], out: &mut [f32]),
}

impl Resample {
    /// Two rows of three-byte pixels to the pixels that the filter names, two because they share its weights. `out`
    /// has a pixel for each entry and perhaps more, which stay as they are, and so does one whose inputs are not
    /// all in the row.
    pub fn horizontal(&self, filter: Filter<'_>, rows: [&[u8]; 2], out: [&mut [u8]; 2]) {
        // SAFETY: a `Resample` is reached only through `Kernels::of`, which has asked the CPU for the
        // instruction set.
        unsafe { (self.horizontal)(filter, rows, out) }
    }

    /// A row of bytes from the same place in each of several rows, which lie in two parts one behind the other,
    /// each as long as `out`.
    pub fn vertical(&self, parts: [&[u8]; 2], weights: &[[u8; 4]], out: &mut [u8]) {
        let rows = |part: &[u8]| part.len().checked_div(out.len()).unwrap_or(weights.len());
        let fits = out.len().is_multiple_of(BLOCK) && rows(parts[0]) + rows(parts[1]) >= weights.len();
        assert!(fits, "operands of {} do not fit together", self.name);
        // SAFETY: the operands have just been checked, and a `Resample` is reached only through `Kernels::of`,
        // which has asked the CPU for the instruction set.
        unsafe { (self.vertical)(parts, weights, out) }
    }

    /// A value for each byte.
    pub fn values(&self, values: &Values, bytes: &[u8], out: &mut [f32]) {
        let fits = bytes.len() == out.len() && out.len().is_multiple_of(3);
        assert!(fits, "operands of {} do not fit together", self.name);
        // SAFETY: the lengths have just been checked, and a `Resample` is reached only through `Kernels::of`,
        // which has asked the CPU for the instruction set.
        unsafe { (self.values)(values, bytes, out) }
    }
}
