//! Sums of bytes, eight pairs at a time.

use super::grid::{Bounds, reals};
use crate::kernels::qadd::{QAdd, Scales};
use core::arch::aarch64::*;

const LANES: usize = 8;

pub(super) const QADD: QAdd = QAdd { name: "u8-add-neon", kernel: add };

/// # Safety
/// As [`QAdd::kernel`](QAdd) says.
#[target_feature(enable = "neon")]
unsafe fn add(scales: Scales, first: &[u8], second: &[u8], out: &mut [u8]) {
    let bounds = Bounds::new(scales.grid);
    let zeros = scales.zeros.map(|zero| vdup_n_u8(zero));
    let factors = scales.factors.map(|factor| vdupq_n_f32(factor));
    let steps = |bytes: &[u8; LANES], at: usize| {
        // SAFETY: eight bytes are there.
        let bytes = unsafe { vld1_u8(bytes.as_ptr()) };
        // The difference in 16 bits without a sign has the bits of the one with it.
        reals(vreinterpretq_s16_u16(vsubl_u8(bytes, zeros[at]))).map(|value| vmulq_f32(value, factors[at]))
    };
    let eight = |a: &[u8; LANES], b: &[u8; LANES], out: &mut [u8; LANES]| {
        let (a, b) = (steps(a, 0), steps(b, 1));
        let sums = [vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1])];
        // SAFETY: there is room for eight bytes.
        unsafe { vst1_u8(out.as_mut_ptr(), bounds.apply(sums)) };
    };
    let (a, a_rest) = first.as_chunks();
    let (b, b_rest) = second.as_chunks();
    let (out, out_rest) = out.as_chunks_mut();
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        eight(a, b, out);
    }
    let (mut a, mut b, mut bytes) = ([0; LANES], [0; LANES], [0; LANES]);
    a[..a_rest.len()].copy_from_slice(a_rest);
    b[..b_rest.len()].copy_from_slice(b_rest);
    eight(&a, &b, &mut bytes);
    out_rest.copy_from_slice(&bytes[..out_rest.len()]);
}
