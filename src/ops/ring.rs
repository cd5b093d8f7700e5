//! A max-pool over a map that is never stored: rows of the map are made in bands when a window first covers
//! them, and kept in a ring until none does any more.

use super::Output;
use super::max_pool::covered;
use crate::format::{ALIGN, Window};
use core::ops::Range;

/// The rows of a map that are kept.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    /// Height and width of the map.
    size: (usize, usize),
    channels: usize,
    /// Rows that are made at a time; the first of them is a multiple of it.
    band: usize,
    /// Rows that are kept, whole bands.
    rows: usize,
}

impl Ring {
    /// For the map that `window` makes of an image of `input` (rows, columns), and windows over it.
    pub fn new(window: &Window, pool: &Window, input: (usize, usize), channels: usize, band: usize) -> Self {
        let (height, width) = window.outputs(input.0 as u32, input.1 as u32);
        let size = (height as usize, width as usize);
        // A window may begin at the last row of a band and end at the first of another.
        let rows = usize::from(pool.kernel.0).min(size.0) + 2 * (band - 1);
        Self { size, channels, band, rows: rows.next_multiple_of(band) }
    }

    /// Rows and columns of a band.
    pub fn band(&self) -> (usize, usize) {
        (self.band, self.size.1)
    }

    /// Values that are kept.
    pub fn values(&self) -> Option<usize> {
        self.rows.checked_mul(self.size.1)?.checked_mul(self.channels)
    }

    /// Words of the offsets of a window's pixels, a whole number of lines. A checked model's map is small
    /// enough.
    pub fn offset_words(&self, pool: &Window) -> usize {
        let pixels =
            usize::from(pool.kernel.0).min(self.size.0) * usize::from(pool.kernel.1).min(self.size.1);
        pixels.next_multiple_of(ALIGN / size_of::<f32>())
    }

    /// Writes each pixel of `output`: `make` computes rows of the map, `reduce` a pixel from the places in
    /// `kept` of those that its window covers.
    pub fn run<T>(
        &self,
        pool: &Window,
        mut output: Output<'_, T>,
        (kept, offsets): (&mut [T], &mut [u32]),
        mut make: impl FnMut(Range<usize>, &mut [T]),
        mut reduce: impl FnMut(&[T], &[u32], &mut [T]),
    ) {
        let Self { size, channels, band, rows } = *self;
        let line = size.1 * channels;
        let mut next = 0;
        for ((row, column), out) in output.places() {
            let (wanted, columns) = covered(pool, size, row, column);
            // Rows that no window covers are left out.
            next = next.max(wanted.start / band * band);
            while next < wanted.end {
                let end = size.0.min(next + band);
                make(next..end, &mut kept[next % rows * line..]);
                next = end;
            }
            let mut count = 0;
            for row in wanted {
                for column in columns.clone() {
                    offsets[count] = (row % rows * line + column * channels) as u32;
                    count += 1;
                }
            }
            reduce(kept, &offsets[..count], out);
        }
    }
}
