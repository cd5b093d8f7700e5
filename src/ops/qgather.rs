//! The left side of an integer convolution: the taps of output pixels, each pixel's in a row.

use super::Input;
use crate::format::Window;
use crate::kernels::qgemm::{QGemm, Runs};
use core::ops::Range;

/// Where taps come from and how they stand in their rows.
pub(super) struct Gather<'a> {
    pub window: &'a Window,
    pub input: Input<'a, u8>,
    /// First channel of the group, counted from the view's.
    pub channel: usize,
    /// What stands for a tap in the padding: a value for each channel of the group.
    pub padding: &'a [u8],
    /// Width of the output image.
    pub width: usize,
    /// Whose form the values take.
    pub gemm: &'a QGemm,
    /// Bytes from one row to the next.
    pub pitch: usize,
}

impl Gather<'_> {
    /// Writes a row for each output pixel, its taps in the order of the weights.
    pub fn pixels(&self, pixels: Range<usize>, mut rows: &mut [u8]) {
        let mut first = pixels.start;
        while first < pixels.end {
            let (y, x) = (first / self.width, first % self.width);
            let count = (self.width - x).min(pixels.end - first);
            let (line, behind) = rows.split_at_mut(count * self.pitch);
            self.line(y, x..x + count, line);
            (rows, first) = (behind, first + count);
        }
    }

    /// As [`pixels`](Self::pixels), for some of one line of the output image.
    fn line(&self, y: usize, xs: Range<usize>, rows: &mut [u8]) {
        let Self { window, input, .. } = self;
        let (kernel_rows, kernel_columns) = (usize::from(window.kernel.0), usize::from(window.kernel.1));
        // Taps of whole pixels stand side by side; where all of them are inside, they are one run.
        let joined = if self.padding.len() == input.stride {
            within(self.inside(0).start..self.inside(kernel_columns - 1).end, &xs)
        } else {
            xs.start..xs.start
        };
        for kernel_row in 0..kernel_rows {
            // A row above the image has wrapped around and is not inside either.
            let row = (y * usize::from(window.stride.0) + kernel_row).wrapping_sub(window.pad_start.0.into());
            let mut take = |pixels: Range<usize>, inside: bool, kernel_column: usize, taps: usize| {
                if pixels.is_empty() {
                    return;
                }
                let to = (pixels.start - xs.start) * self.pitch;
                let tap = kernel_row * kernel_columns + kernel_column;
                let to = &mut rows[to + tap * self.padding.len() * self.gemm.bytes..];
                self.copy(row, pixels, inside, kernel_column, taps, to);
            };
            if row >= input.height {
                (0..kernel_columns).for_each(|column| take(xs.clone(), false, column, 1));
                continue;
            }
            take(joined.clone(), true, 0, kernel_columns);
            for some in [xs.start..joined.start, joined.end..xs.end] {
                for column in 0..kernel_columns {
                    let inside = within(self.inside(column), &some);
                    take(some.start..inside.start, false, column, 1);
                    take(inside.clone(), true, column, 1);
                    take(inside.end..some.end, false, column, 1);
                }
            }
        }
    }

    /// Which pixels of a line have a column of the window inside the image.
    fn inside(&self, kernel_column: usize) -> Range<usize> {
        let (pad, stride) = (usize::from(self.window.pad_start.1), usize::from(self.window.stride.1));
        let end = (self.input.width + pad).saturating_sub(kernel_column).div_ceil(stride);
        pad.saturating_sub(kernel_column).div_ceil(stride)..end
    }

    /// Copies `taps` side by side for each of some pixels of a line, at least one; or the padding.
    fn copy(
        &self,
        row: usize,
        pixels: Range<usize>,
        inside: bool,
        kernel_column: usize,
        taps: usize,
        to: &mut [u8],
    ) {
        let (stride, pad) = (usize::from(self.window.stride.1), usize::from(self.window.pad_start.1));
        let (from, from_step) = if inside {
            let column = pixels.start * stride + kernel_column - pad;
            (&self.input.data[self.input.at(row, column) + self.channel..], stride * self.input.stride)
        } else {
            (self.padding, 0)
        };
        let run = taps * self.padding.len();
        self.gemm.gather(Runs { from, from_step, run, count: pixels.len(), to, to_step: self.pitch });
    }
}

/// The part of a range that lies in another; where none does, an empty one in it.
fn within(range: Range<usize>, outer: &Range<usize>) -> Range<usize> {
    let start = range.start.clamp(outer.start, outer.end);
    start..range.end.clamp(start, outer.end)
}
