//! One value at a time.

use crate::format::Clamp;
use crate::kernels::lanes::Lanes;

impl Lanes for f32 {
    const COUNT: usize = 1;

    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { *from }
    }

    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { *to = self }
    }

    unsafe fn splat(value: f32) -> Self {
        value
    }

    unsafe fn add(self, other: Self) -> Self {
        self + other
    }

    unsafe fn sub(self, other: Self) -> Self {
        self - other
    }

    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        self * factor + addend
    }

    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        Clamp { lo, hi }.apply(self)
    }
}
