//! Sums of bytes, eight pairs at a time.

use super::grid::{Bounds, bytes_8, widened};
use crate::kernels::qadd::{QAdd, Scales};
use core::arch::x86_64::*;

const LANES: usize = 8;

pub(super) const QADD: QAdd = QAdd { name: "u8-add-avx2", kernel: add };

/// # Safety
/// As [`QAdd::kernel`](QAdd) says.
#[target_feature(enable = "avx2")]
unsafe fn add(scales: Scales, first: &[u8], second: &[u8], out: &mut [u8]) {
    let bounds = Bounds::new(scales.grid);
    let zeros = scales.zeros.map(|zero| _mm256_set1_epi32(zero.into()));
    let factors = scales.factors.map(|factor| _mm256_set1_ps(factor));
    let steps = |bytes: [u8; LANES], at: usize| {
        _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(widened(bytes), zeros[at])), factors[at])
    };
    let eight = |a, b| bytes_8(bounds.apply(_mm256_add_ps(steps(a, 0), steps(b, 1))));
    let (a, a_rest) = first.as_chunks();
    let (b, b_rest) = second.as_chunks();
    let (out, out_rest) = out.as_chunks_mut();
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        *out = eight(*a, *b);
    }
    let (mut a, mut b) = ([0; LANES], [0; LANES]);
    a[..a_rest.len()].copy_from_slice(a_rest);
    b[..b_rest.len()].copy_from_slice(b_rest);
    out_rest.copy_from_slice(&eight(a, b)[..out_rest.len()]);
}
