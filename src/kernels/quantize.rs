//! From real numbers to bytes: the contract that every instruction set keeps.
//!
//! For each value, in this order (`docs/arithmetic.md`): `t = x / scale`, rounded once; then as
//! [`to_grid`](super::requantise::to_grid). ONNX divides; a product with the reciprocal would round other
//! values up.

use crate::format::Grid;

/// A quantising kernel and its name.
#[derive(Debug)]
pub(crate) struct Quantize {
    /// Types, operation and instruction set, as in `f32u8-quantize-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, and both slices are of one length.
    pub(super) kernel: unsafe fn(values: &[f32], scale: f32, grid: Grid, out: &mut [u8]),
}

impl Quantize {
    /// Writes a byte for each value.
    pub fn run(&self, values: &[f32], scale: f32, grid: Grid, out: &mut [u8]) {
        assert_eq!(values.len(), out.len(), "operands of {} do not fit together", self.name);
        // SAFETY: the lengths have just been checked, and a `Quantize` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(values, scale, grid, out) }
    }
}
