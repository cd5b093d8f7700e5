//! The filter of one axis: which input pixels an output pixel is the weighted sum of.
//!
//! The formula is that of Pillow's `Resample.c` (`precompute_coeffs`, `normalize_coeffs_8bpc`): a
//! triangle of half-width `max(scale, 1)` around the output pixel's centre, weights normalised in `f64`
//! and then rounded to 22 fractional bits.

/// Fractional bits of a weight: 32, less 8 for the pixel and 2 for the sum.
pub(super) const PRECISION: u32 = 32 - 8 - 2;
/// Bytes in front of an output pixel's weights: first input pixel and number of weights.
const HEAD: usize = 8;

/// One axis of a resize of which only some outputs are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels before.
    pub input: u32,
    /// Pixels after.
    pub output: u32,
    /// First output that is needed.
    pub first: u32,
    /// How many outputs are needed.
    pub count: u32,
}

impl Axis {
    fn scale(&self) -> f64 {
        f64::from(self.input) / f64::from(self.output)
    }

    /// Half-width of the filter in input pixels.
    fn support(&self) -> f64 {
        self.scale().max(1.0)
    }

    /// Most input pixels that one output takes.
    pub fn taps(&self) -> usize {
        (libm::ceil(self.support()) as usize * 2 + 1).min(self.input as usize)
    }

    /// Bytes of a table entry.
    fn entry(&self) -> usize {
        HEAD + self.taps() * 4
    }

    /// Bytes of the axis's table.
    pub fn table_bytes(&self) -> usize {
        self.entry() * self.count as usize
    }

    /// Writes the table: for each output the first input, the number of weights and the weights.
    pub fn fill(&self, table: &mut [u8]) {
        let (scale, support) = (self.scale(), self.support());
        for (output, entry) in (self.first..).zip(table.chunks_exact_mut(self.entry())) {
            let centre = (f64::from(output) + 0.5) * scale;
            // Conversion truncates, and turns what is below zero into zero.
            let start = (centre - support + 0.5) as u32;
            let end = ((centre + support + 0.5) as u32).min(self.input);
            let weight = |input: u32| {
                let distance = (f64::from(input) - centre + 0.5) / support;
                (1.0 - distance.abs()).max(0.0)
            };
            let total: f64 = (start..end).map(weight).sum();
            let (head, weights) = entry.split_at_mut(HEAD);
            let words = [start, end - start];
            for (bytes, word) in head.as_chunks_mut::<4>().0.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
            for (bytes, input) in weights.as_chunks_mut::<4>().0.iter_mut().zip(start..end) {
                let share = if total == 0.0 { weight(input) } else { weight(input) / total };
                *bytes = ((share * f64::from(1u32 << PRECISION) + 0.5) as i32).to_le_bytes();
            }
        }
    }

    /// First input and weights of the needed output `index`, from a filled table.
    pub fn entry_at<'t>(&self, table: &'t [u8], index: usize) -> (usize, &'t [[u8; 4]]) {
        let entry = table.get(index * self.entry()..).unwrap_or_default();
        let (words, _) = entry.as_chunks::<4>();
        match words {
            [start, count, weights @ ..] => {
                let count = u32::from_le_bytes(*count) as usize;
                (u32::from_le_bytes(*start) as usize, weights.get(..count).unwrap_or_default())
            }
            _ => (0, &[]),
        }
    }
}
