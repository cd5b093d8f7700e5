//! The filter of one axis: which input pixels an output pixel is the weighted sum of.
//!
//! The formula is that of Pillow's `Resample.c` (`precompute_coeffs`, `normalize_coeffs_8bpc`): a
//! triangle of half-width `max(scale, 1)` around the output pixel's centre, weights normalised in `f64`
//! and then rounded to 22 fractional bits.
//!
//! Every output has the same number of weights, those beyond its own being zero: loops over them then
//! have one length for the whole frame, which a CPU predicts.

use crate::kernels::resample::{Filter, HEAD, PRECISION};

/// One axis of a resize of which only some outputs are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Pixels before.
    pub input: u32,
    /// Pixels after.
    output: u32,
    /// First output that is needed.
    first: u32,
    /// How many outputs are needed.
    pub count: u32,
    /// Input pixels that an output takes.
    taps: u32,
}

impl Axis {
    /// The outputs `first..first + count` of a resize from `input` to `output` pixels.
    pub fn new(input: u32, output: u32, first: u32, count: u32) -> Self {
        let axis = Self { input, output, first, count, taps: 0 };
        let spans = (first..first + count).map(|output| axis.span(output));
        let taps = spans.map(|(start, end)| end - start).max().unwrap_or(0);
        Self { taps, ..axis }
    }

    fn scale(&self) -> f64 {
        f64::from(self.input) / f64::from(self.output)
    }

    /// Half-width of the filter in input pixels.
    fn support(&self) -> f64 {
        self.scale().max(1.0)
    }

    /// Where an output lies in the input.
    fn centre(&self, output: u32) -> f64 {
        (f64::from(output) + 0.5) * self.scale()
    }

    /// First input that an output takes, and the one behind its last.
    fn span(&self, output: u32) -> (u32, u32) {
        let (centre, support) = (self.centre(output), self.support());
        // Conversion truncates, and turns what is below zero into zero.
        let start = (centre - support + 0.5) as u32;
        let end = ((centre + support + 0.5) as u32).min(self.input);
        (start, end)
    }

    /// Input pixels that an output takes.
    pub fn taps(&self) -> usize {
        self.taps as usize
    }

    /// Bytes of a table entry; at most four times the input's pixels and one more.
    fn entry(&self) -> usize {
        HEAD + self.taps() * 4
    }

    /// Bytes of the axis's table.
    pub fn table_bytes(&self) -> u64 {
        self.entry() as u64 * u64::from(self.count)
    }

    /// Writes the table: for each output the first input and the weights.
    pub fn fill(&self, table: &mut [u8]) {
        let support = self.support();
        for (output, entry) in (self.first..).zip(table.chunks_exact_mut(self.entry())) {
            let (start, end) = self.span(output);
            let centre = self.centre(output);
            let weight = |input: u32| {
                let distance = (f64::from(input) - centre + 0.5) / support;
                (1.0 - distance.abs()).max(0.0)
            };
            let total: f64 = (start..end).map(weight).sum();
            let first = self.first_tap(output);
            let (words, _) = entry.as_chunks_mut::<4>();
            let Some((head, weights)) = words.split_first_mut() else { continue };
            *head = first.to_le_bytes();
            for (bytes, input) in weights.iter_mut().zip(first..) {
                let share = match weight(input) {
                    _ if !(start..end).contains(&input) => 0.0,
                    weight if total == 0.0 => weight,
                    weight => weight / total,
                };
                *bytes = ((share * f64::from(1u32 << PRECISION) + 0.5) as i32).to_le_bytes();
            }
        }
    }

    /// A filled table as the kernels take it.
    pub fn filter<'t>(&self, table: &'t [u8]) -> Filter<'t> {
        Filter { table, taps: self.taps() }
    }

    /// The first input that is needed, and the one behind the last.
    pub fn needed(&self) -> (u32, u32) {
        let last = self.first + (self.count - 1);
        (self.first_tap(self.first), self.first_tap(last) + self.taps)
    }

    /// The input of an output's first weight. The last outputs take pixels in front of their own too, with a
    /// weight of zero.
    fn first_tap(&self, output: u32) -> u32 {
        self.span(output).0.min(self.input - self.taps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longest side, so also the largest table.
    const MAX: u32 = u16::MAX as u32;

    #[test]
    fn weights_stay_inside_the_input_and_sum_to_one() {
        for (input, output) in [(1, 1), (1, 9), (2, 1), (9, 1), (640, 224), (33, 64), (7, 7), (255, 256)] {
            let axis = Axis::new(input, output, 0, output);
            let mut memory = [0; 8192];
            let table = &mut memory[..axis.table_bytes() as usize];
            axis.fill(table);
            let mut last = 0;
            for (first, weights) in axis.filter(table).entries() {
                assert!(first >= last && first + weights.len() <= input as usize, "{input} to {output}");
                assert_eq!(weights.len(), axis.taps());
                let sum: i32 = weights.iter().map(|weight| i32::from_le_bytes(*weight)).sum();
                // Each weight is off by half a unit at most.
                let error = (sum - (1 << PRECISION)).unsigned_abs() as usize;
                assert!(error <= weights.len().div_ceil(2), "{input} to {output}: {error}");
                last = first;
            }
        }
    }

    #[test]
    fn the_longest_sides_have_a_table() {
        assert_eq!(Axis::new(MAX, 1, 0, 1).table_bytes(), 4 + 4 * u64::from(MAX));
        assert_eq!(Axis::new(1, MAX, 0, MAX).table_bytes(), 8 * u64::from(MAX));
        // The largest crop: 65535 outputs from the middle of 65535².
        assert_eq!(Axis::new(MAX, MAX * MAX, MAX * (MAX / 2), MAX).taps(), 2);
    }
}
