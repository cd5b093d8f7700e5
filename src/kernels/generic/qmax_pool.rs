//! Maximum of `u8` pixels, one value at a time.

use crate::kernels::qmax_pool::QMaxPool;

pub(super) const QMAX_POOL: QMaxPool = QMaxPool { name: "u8-max_pool-generic", kernel: max_pool };

fn max_pool(input: &[u8], offsets: &[u32], out: &mut [u8]) {
    out.fill(0);
    for &offset in offsets {
        let pixel = &input[offset as usize..][..out.len()];
        for (max, &value) in out.iter_mut().zip(pixel) {
            *max = value.max(*max);
        }
    }
}
