//! Mean of bytes over windows, summed exactly.

use super::average_pool::divisor;
use super::max_pool::covered;
use super::{Input, Output};
use crate::format::{Grid, Window};
use crate::kernels::requantise::to_grid;

/// `Σ (q − input_zero) · (factor / count)` in steps of the output's grid.
pub(super) fn run(
    window: &Window,
    include_pad: bool,
    input_zero: u8,
    factor: f32,
    grid: Grid,
    input: Input<'_, u8>,
    mut output: Output<'_, u8>,
) {
    for ((row, column), out) in output.places() {
        let (rows, columns) = covered(window, input.size(), row, column);
        let count = divisor(window, include_pad, &input, row, column);
        let factor = factor / count as f32;
        let zeros = (rows.len() * columns.len()) as i64 * i64::from(input_zero);
        for (channel, out) in out.iter_mut().enumerate() {
            let mut sum = 0i64;
            for row in rows.clone() {
                for column in columns.clone() {
                    sum += i64::from(input.data[input.at(row, column) + channel]);
                }
            }
            *out = to_grid((sum - zeros) as f32 * factor, grid);
        }
    }
}
