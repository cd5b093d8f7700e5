//! Between real numbers and grids: quantise, dequantise, and tables from byte to byte.

use super::{Input, Output, flat};
use crate::format::Grid;
use crate::kernels::Kernels;

/// `round(x / scale) + zero`, bounded by a byte.
pub(super) fn quantize(scale: f32, zero: u8, input: Input<'_>, output: Output<'_, u8>, kernels: &Kernels) {
    let grid = Grid { zero, lo: 0, hi: u8::MAX };
    let (input, mut output) = flat(input, output);
    for (from, to) in input.pixels().zip(output.pixels()) {
        kernels.quantize.run(from, scale, grid, to);
    }
}

/// `(q − zero) · scale`.
pub(super) fn dequantize(scale: f32, zero: u8, input: Input<'_, u8>, output: Output<'_>) {
    let (input, mut output) = flat(input, output);
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (value, out) in from.iter().zip(to) {
            *out = (i32::from(*value) - i32::from(zero)) as f32 * scale;
        }
    }
}

/// `table[q]`.
pub(super) fn lookup(table: &[u8], input: Input<'_, u8>, output: Output<'_, u8>) {
    let Ok(table) = <&[u8; 256]>::try_from(table) else { return };
    let (input, mut output) = flat(input, output);
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (value, out) in from.iter().zip(to) {
            *out = table[usize::from(*value)];
        }
    }
}

/// The same bytes elsewhere.
pub(super) fn copy(input: Input<'_, u8>, output: Output<'_, u8>) {
    let (input, mut output) = flat(input, output);
    for (from, to) in input.pixels().zip(output.pixels()) {
        to.copy_from_slice(from);
    }
}
