//! Real numbers to bytes, sixteen at a time.

use super::grid::{Bounds, bytes_8, bytes_16};
use crate::format::Grid;
use crate::kernels::quantize::Quantize;
use core::arch::x86_64::*;

const LANES: usize = 8;

pub(super) const QUANTIZE: Quantize = Quantize { name: "f32u8-quantize-avx2", kernel: quantize };

/// # Safety
/// As [`Quantize::kernel`](Quantize) says.
#[target_feature(enable = "avx2")]
unsafe fn quantize(values: &[f32], scale: f32, grid: Grid, out: &mut [u8]) {
    let bounds = Bounds::new(grid);
    let scale = _mm256_set1_ps(scale);
    let eight = |values: &[f32; LANES]| {
        // SAFETY: eight floats are there.
        let values = unsafe { _mm256_loadu_ps(values.as_ptr()) };
        bounds.apply(_mm256_div_ps(values, scale))
    };
    let (whole, rest) = values.as_chunks::<{ 2 * LANES }>();
    let (whole_out, rest_out) = out.as_chunks_mut::<{ 2 * LANES }>();
    for (values, out) in whole.iter().zip(whole_out) {
        let ([first, second], _) = values.as_chunks() else { continue };
        let bytes = bytes_16(eight(first), eight(second));
        // SAFETY: there is room for sixteen bytes.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) };
    }
    for (values, out) in rest.chunks(LANES).zip(rest_out.chunks_mut(LANES)) {
        let mut padded = [0.0; LANES];
        padded[..values.len()].copy_from_slice(values);
        out.copy_from_slice(&bytes_8(eight(&padded))[..values.len()]);
    }
}
