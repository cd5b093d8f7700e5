//! The sum of two tensors on grids of their own, on a third.

use super::{Input, Output};
use crate::format::Grid;
use crate::kernels::requantise::to_grid;

/// `(a − zeros₀) · factors₀ + (b − zeros₁) · factors₁` in steps of the output's grid; each product is
/// rounded before the sum.
pub(super) fn run(
    zeros: [u8; 2],
    factors: [f32; 2],
    grid: Grid,
    first: Input<'_, u8>,
    second: Input<'_, u8>,
    output: &mut Output<'_, u8>,
) {
    let steps = |value: u8, at: usize| (i32::from(value) - i32::from(zeros[at])) as f32 * factors[at];
    for ((a, b), out) in first.pixels().zip(second.pixels()).zip(output.pixels()) {
        for ((a, b), out) in a.iter().zip(b).zip(out) {
            *out = to_grid(steps(*a, 0) + steps(*b, 1), grid);
        }
    }
}
