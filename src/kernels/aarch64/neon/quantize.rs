//! Real numbers to bytes, eight at a time.

use super::grid::Bounds;
use crate::format::Grid;
use crate::kernels::quantize::Quantize;
use core::arch::aarch64::*;

const LANES: usize = 8;

pub(super) const QUANTIZE: Quantize = Quantize { name: "f32u8-quantize-neon", kernel: quantize };

/// # Safety
/// As [`Quantize::kernel`](Quantize) says.
#[target_feature(enable = "neon")]
unsafe fn quantize(values: &[f32], scale: f32, grid: Grid, out: &mut [u8]) {
    let bounds = Bounds::new(grid);
    let scale = vdupq_n_f32(scale);
    let eight = |values: &[f32; LANES], out: &mut [u8; LANES]| {
        // SAFETY: eight floats are there, and room for eight bytes.
        unsafe {
            let steps = [0, LANES / 2].map(|at| vdivq_f32(vld1q_f32(values.as_ptr().add(at)), scale));
            vst1_u8(out.as_mut_ptr(), bounds.apply(steps));
        }
    };
    let (values, rest) = values.as_chunks();
    let (out, rest_out) = out.as_chunks_mut();
    for (values, out) in values.iter().zip(out) {
        eight(values, out);
    }
    let (mut padded, mut bytes) = ([0.0; LANES], [0; LANES]);
    padded[..rest.len()].copy_from_slice(rest);
    eight(&padded, &mut bytes);
    rest_out.copy_from_slice(&bytes[..rest.len()]);
}
