//! Maximum of pixels, one value at a time.

use crate::kernels::max_pool::MaxPool;

pub(super) const MAX_POOL: MaxPool = MaxPool { name: "f32-max_pool-generic", kernel: max_pool };

fn max_pool(input: &[f32], offsets: &[u32], out: &mut [f32]) {
    for (tap, &offset) in offsets.iter().enumerate() {
        let pixel = &input[offset as usize..][..out.len()];
        for (max, &value) in out.iter_mut().zip(pixel) {
            if tap == 0 || value > *max {
                *max = value;
            }
        }
    }
}
