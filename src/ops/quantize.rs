//! Between real numbers and grids: quantise, dequantise, and tables from byte to byte.

use super::{Input, Output, flat};
use crate::arena::bytes_mut;
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

/// As [`quantize`], over the floats themselves: byte `i` takes the place of float `i / 4`, which has been read.
pub(crate) fn quantize_in_place(scale: f32, zero: u8, data: &mut [f32], kernels: &Kernels) {
    const PIECE: usize = 256;
    let grid = Grid { zero, lo: 0, hi: u8::MAX };
    let mut piece = [0; PIECE];
    for start in (0..data.len()).step_by(PIECE) {
        let end = data.len().min(start + PIECE);
        let piece = &mut piece[..end - start];
        kernels.quantize.run(&data[start..end], scale, grid, piece);
        bytes_mut(data)[start..end].copy_from_slice(piece);
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
