//! Between real numbers and grids: quantise, dequantise, and tables from byte to byte.

use super::{Input, Output};
use crate::format::Grid;
use crate::kernels::requantise::to_grid;

/// `round(x / scale) + zero`, bounded by a byte. ONNX divides; a product with the reciprocal would round
/// other values up.
pub(super) fn quantize(scale: f32, zero: u8, input: Input<'_>, output: &mut Output<'_, u8>) {
    let grid = Grid { zero, lo: 0, hi: u8::MAX };
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (value, out) in from.iter().zip(to) {
            *out = to_grid(value / scale, grid);
        }
    }
}

/// `(q − zero) · scale`.
pub(super) fn dequantize(scale: f32, zero: u8, input: Input<'_, u8>, output: &mut Output<'_>) {
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (value, out) in from.iter().zip(to) {
            *out = (i32::from(*value) - i32::from(zero)) as f32 * scale;
        }
    }
}

/// `table[q]`.
pub(super) fn lookup(table: &[u8], input: Input<'_, u8>, output: &mut Output<'_, u8>) {
    let Ok(table) = <&[u8; 256]>::try_from(table) else { return };
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (value, out) in from.iter().zip(to) {
            *out = table[usize::from(*value)];
        }
    }
}

/// The same bytes elsewhere.
pub(super) fn copy(input: Input<'_, u8>, output: &mut Output<'_, u8>) {
    for (from, to) in input.pixels().zip(output.pixels()) {
        to.copy_from_slice(from);
    }
}
