//! The end of every kernel that writes bytes: eight real numbers, in steps of a grid, to its values.

use crate::format::Grid;
use core::arch::aarch64::*;

/// A grid in registers.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    lo: float32x4_t,
    hi: float32x4_t,
    zero: int16x8_t,
}

impl Bounds {
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn new(grid: Grid) -> Self {
        let zero = f32::from(grid.zero);
        Self {
            lo: vdupq_n_f32(f32::from(grid.lo) - zero),
            hi: vdupq_n_f32(f32::from(grid.hi) - zero),
            zero: vdupq_n_s16(grid.zero.into()),
        }
    }

    /// Bounded, rounded half to even, moved by the zero point: `to_grid`, eight times.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn apply(self, steps: [float32x4_t; 2]) -> uint8x8_t {
        // Where one operand is no number, the first of these gives the other, the lower bound.
        let integers = steps.map(|steps| vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(steps, self.lo), self.hi)));
        // At most 255 from 0, so that 16 bits hold them.
        let words = vcombine_s16(vmovn_s32(integers[0]), vmovn_s32(integers[1]));
        vqmovun_s16(vaddq_s16(words, self.zero))
    }
}

/// Eight integers of 16 bits as real numbers.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn reals(words: int16x8_t) -> [float32x4_t; 2] {
    [vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), vcvtq_f32_s32(vmovl_high_s16(words))]
}
