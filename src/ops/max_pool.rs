//! Maximum over windows; pads do not take part.

use super::{Input, Output};
use crate::arena::words;
use crate::format::{Buffer, Window};
use crate::kernels::Kernels;

/// One offset for each real pixel that a window can cover; a kernel may be much larger than the image.
pub(super) fn scratch_words(window: &Window, input: &Buffer) -> usize {
    let along = |kernel: u16, size: u32| usize::from(kernel).min(size as usize);
    // At most as many as the input has pixels, which a checked model keeps in the arena.
    along(window.kernel.0, input.height) * along(window.kernel.1, input.width)
}

pub(super) fn run(
    window: &Window,
    input: Input<'_>,
    mut output: Output<'_>,
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let offsets = words(scratch);
    for (place, out) in output.places() {
        let offsets = fill(window, &input, place, offsets);
        kernels.max_pool.pixel(input.data, offsets, out);
    }
}

/// As [`run`], for bytes.
pub(super) fn run_bytes(
    window: &Window,
    input: Input<'_, u8>,
    mut output: Output<'_, u8>,
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let offsets = words(scratch);
    for (place, out) in output.places() {
        let offsets = fill(window, &input, place, offsets);
        kernels.qmax_pool.pixel(input.data, offsets, out);
    }
}

/// Writes where the real pixels under the window of the output pixel at `(row, column)` begin.
fn fill<'a, T>(
    window: &Window,
    input: &Input<'_, T>,
    (row, column): (usize, usize),
    offsets: &'a mut [u32],
) -> &'a [u32] {
    let (rows, columns) = covered(window, input.size(), row, column);
    let mut count = 0;
    for row in rows {
        for column in columns.clone() {
            offsets[count] = input.at(row, column) as u32;
            count += 1;
        }
    }
    &offsets[..count]
}

/// The real rows and columns under the window of an output pixel, in an image of `(height, width)`.
pub(super) fn covered(
    window: &Window,
    (height, width): (usize, usize),
    row: usize,
    column: usize,
) -> (core::ops::Range<usize>, core::ops::Range<usize>) {
    let along = |at: usize, stride: u16, pad: u16, kernel: u16, size: usize| {
        let start = at * usize::from(stride);
        let end = (start + usize::from(kernel)).saturating_sub(pad.into()).min(size);
        start.saturating_sub(pad.into())..end
    };
    (
        along(row, window.stride.0, window.pad_start.0, window.kernel.0, height),
        along(column, window.stride.1, window.pad_start.1, window.kernel.1, width),
    )
}
