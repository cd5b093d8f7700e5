//! Maximum of `u8` pixels, 32 channels at a time.

use crate::kernels::qmax_pool::QMaxPool;
use core::arch::x86_64::*;

const LANES: usize = 32;
const HALF: usize = 16;

pub(super) const QMAX_POOL: QMaxPool = QMaxPool { name: "u8-max_pool-avx2", kernel: max_pool };

/// # Safety
/// As [`QMaxPool::kernel`](QMaxPool) says.
#[target_feature(enable = "avx2")]
unsafe fn max_pool(input: &[u8], offsets: &[u32], out: &mut [u8]) {
    let channels = out.len();
    let pixel = |offset: u32, channel: usize| {
        // SAFETY: the caller promises `channels` values behind each offset, and `channel` is one of them.
        unsafe { input.as_ptr().add(offset as usize + channel) }
    };
    let mut channel = 0;
    while channel + LANES <= channels {
        // SAFETY: 32 values of each pixel and of `out` stand from `channel` on.
        unsafe {
            let max = offsets.iter().fold(_mm256_setzero_si256(), |max, &offset| {
                _mm256_max_epu8(max, _mm256_loadu_si256(pixel(offset, channel).cast()))
            });
            _mm256_storeu_si256(out.as_mut_ptr().add(channel).cast(), max);
        }
        channel += LANES;
    }
    if channel + HALF <= channels {
        // SAFETY: 16 values of each pixel and of `out` stand from `channel` on.
        unsafe {
            let max = offsets.iter().fold(_mm_setzero_si128(), |max, &offset| {
                _mm_max_epu8(max, _mm_loadu_si128(pixel(offset, channel).cast()))
            });
            _mm_storeu_si128(out.as_mut_ptr().add(channel).cast(), max);
        }
        channel += HALF;
    }
    for (channel, out) in out.iter_mut().enumerate().skip(channel) {
        *out = offsets.iter().fold(0, |max, &offset| max.max(input[offset as usize + channel]));
    }
}
