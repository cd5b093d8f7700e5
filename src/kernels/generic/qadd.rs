//! Sums of bytes, one pair at a time.

use crate::kernels::qadd::{QAdd, Scales};
use crate::kernels::requantise::to_grid;

pub(super) const QADD: QAdd = QAdd { name: "u8-add-generic", kernel: add };

fn add(scales: Scales, first: &[u8], second: &[u8], out: &mut [u8]) {
    let Scales { zeros, factors, grid } = scales;
    let steps = |value: u8, at: usize| (i32::from(value) - i32::from(zeros[at])) as f32 * factors[at];
    for ((a, b), out) in first.iter().zip(second).zip(out) {
        *out = to_grid(steps(*a, 0) + steps(*b, 1), grid);
    }
}
