//! Maximum of `u8` pixels, sixteen channels at a time.

use crate::kernels::qmax_pool::QMaxPool;
use core::arch::aarch64::*;

const LANES: usize = 16;
const HALF: usize = 8;

pub(super) const QMAX_POOL: QMaxPool = QMaxPool { name: "u8-max_pool-neon", kernel: max_pool };

/// # Safety
/// As [`QMaxPool::kernel`](QMaxPool) says.
#[target_feature(enable = "neon")]
unsafe fn max_pool(input: &[u8], offsets: &[u32], out: &mut [u8]) {
    let channels = out.len();
    let pixel = |offset: u32, channel: usize| {
        // SAFETY: the caller promises `channels` values behind each offset, and `channel` is one of them.
        unsafe { input.as_ptr().add(offset as usize + channel) }
    };
    let mut channel = 0;
    while channel + LANES <= channels {
        // SAFETY: 16 values of each pixel and of `out` stand from `channel` on.
        unsafe {
            let max = offsets
                .iter()
                .fold(vdupq_n_u8(0), |max, &offset| vmaxq_u8(max, vld1q_u8(pixel(offset, channel))));
            vst1q_u8(out.as_mut_ptr().add(channel), max);
        }
        channel += LANES;
    }
    if channel + HALF <= channels {
        // SAFETY: 8 values of each pixel and of `out` stand from `channel` on.
        unsafe {
            let max = offsets
                .iter()
                .fold(vdup_n_u8(0), |max, &offset| vmax_u8(max, vld1_u8(pixel(offset, channel))));
            vst1_u8(out.as_mut_ptr().add(channel), max);
        }
        channel += HALF;
    }
    for (channel, out) in out.iter_mut().enumerate().skip(channel) {
        *out = offsets.iter().fold(0, |max, &offset| max.max(input[offset as usize + channel]));
    }
}
