//! Sums to bytes, one value at a time.

use crate::format::Grid;
use crate::kernels::requantise::{Requantise, to_grid};

pub(in crate::kernels) const REQUANTISE: Requantise =
    Requantise { name: "i32u8-requantise-generic", kernel: requantise };

fn requantise(sums: &[i32], factors: &[f32], grid: Grid, out: &mut [u8]) {
    for ((&sum, &factor), out) in sums.iter().zip(factors).zip(out) {
        *out = to_grid(sum as f32 * factor, grid);
    }
}
