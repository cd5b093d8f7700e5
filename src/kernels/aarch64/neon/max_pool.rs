//! Maximum of pixels, four channels at a time.

use crate::kernels::max_pool::MaxPool;
use core::arch::aarch64::*;

const LANES: usize = 4;

pub(super) const MAX_POOL: MaxPool = MaxPool { name: "f32-max_pool-neon", kernel: max_pool };

/// # Safety
/// As [`MaxPool::kernel`](MaxPool) says.
#[target_feature(enable = "neon")]
unsafe fn max_pool(input: &[f32], offsets: &[u32], out: &mut [f32]) {
    let Some((&first, others)) = offsets.split_first() else { return };
    let whole = out.len() - out.len() % LANES;
    for channel in (0..whole).step_by(LANES) {
        // SAFETY: the caller promises `out.len()` values behind each offset, and channel + LANES is
        // at most that.
        unsafe {
            let mut max = vld1q_f32(input.as_ptr().add(first as usize + channel));
            for &offset in others {
                let value = vld1q_f32(input.as_ptr().add(offset as usize + channel));
                // A comparison with NaN is false: a NaN behind the first pixel is passed over.
                max = vbslq_f32(vcgtq_f32(value, max), value, max);
            }
            vst1q_f32(out.as_mut_ptr().add(channel), max);
        }
    }
    for channel in whole..out.len() {
        let values = others.iter().map(|&offset| input[offset as usize + channel]);
        out[channel] =
            values.fold(input[first as usize + channel], |max, value| if value > max { value } else { max });
    }
}
