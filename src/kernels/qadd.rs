//! The sum of two rows of bytes, each on a grid of its own: the contract that every instruction set keeps.
//!
//! For each pair, in this order (`docs/arithmetic.md`): `s = f32(a − zeros₀) · factors₀`, rounded once;
//! `t = f32(b − zeros₁) · factors₁`, rounded once; `s + t`, rounded once; then as
//! [`to_grid`](super::requantise::to_grid). No multiply-add may join two of these.

use crate::format::Grid;

/// What an addition does to each pair of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Scales {
    /// What stands for 0 in either row.
    pub zeros: [u8; 2],
    /// Steps of the output's grid in a step of either row's.
    pub factors: [f32; 2],
    /// The output's grid.
    pub grid: Grid,
}

/// An adding kernel and its name.
#[derive(Debug)]
pub(crate) struct QAdd {
    /// Type, operation and instruction set, as in `u8-add-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, and the three slices are of one length.
    pub(super) kernel: unsafe fn(scales: Scales, first: &[u8], second: &[u8], out: &mut [u8]),
}

impl QAdd {
    /// Writes a byte for each pair.
    pub fn run(&self, scales: Scales, first: &[u8], second: &[u8], out: &mut [u8]) {
        let fits = first.len() == out.len() && second.len() == out.len();
        assert!(fits, "operands of {} do not fit together", self.name);
        // SAFETY: the lengths have just been checked, and a `QAdd` is reached only through `Kernels::of`,
        // which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(scales, first, second, out) }
    }
}
