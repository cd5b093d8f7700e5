//! Mean over windows, summed row by row in `f32`.

use super::max_pool::covered;
use super::{Input, Output};
use crate::format::Window;

pub(super) fn run(window: &Window, include_pad: bool, input: Input<'_>, mut output: Output<'_>) {
    for ((row, column), out) in output.places() {
        let (rows, columns) = covered(window, input.size(), row, column);
        let count = divisor(window, include_pad, &input, row, column);
        out.fill(0.0);
        for row in rows {
            for column in columns.clone() {
                let at = input.at(row, column);
                for (sum, value) in out.iter_mut().zip(&input.data[at..at + input.channels]) {
                    *sum += value;
                }
            }
        }
        for sum in out {
            *sum /= count as f32;
        }
    }
}

/// How many pixels the mean of a window is divided by.
pub(super) fn divisor<T>(
    window: &Window,
    include_pad: bool,
    input: &Input<'_, T>,
    row: usize,
    column: usize,
) -> usize {
    if include_pad {
        let Window { kernel, stride, pad_start, pad_end } = window;
        padded(row, stride.0, kernel.0, input.height, pad_start.0, pad_end.0)
            * padded(column, stride.1, kernel.1, input.width, pad_start.1, pad_end.1)
    } else {
        let (rows, columns) = covered(window, input.size(), row, column);
        rows.len() * columns.len()
    }
}

/// Rows (or columns) of a window that lie in the image or its pads: a window that `ceil_mode` lets hang
/// over the padded image counts only what is inside, as ONNX defines `count_include_pad`.
fn padded(at: usize, stride: u16, kernel: u16, size: usize, pad_start: u16, pad_end: u16) -> usize {
    let start = at * usize::from(stride);
    let end = (start + usize::from(kernel)).min(size + usize::from(pad_start) + usize::from(pad_end));
    end - start
}
