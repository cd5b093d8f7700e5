//! Real numbers to bytes, one value at a time.

use crate::format::Grid;
use crate::kernels::quantize::Quantize;
use crate::kernels::requantise::to_grid;

pub(super) const QUANTIZE: Quantize = Quantize { name: "f32u8-quantize-generic", kernel: quantize };

fn quantize(values: &[f32], scale: f32, grid: Grid, out: &mut [u8]) {
    for (value, out) in values.iter().zip(out) {
        *out = to_grid(value / scale, grid);
    }
}
