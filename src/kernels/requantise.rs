//! From sums to bytes: the contract that every instruction set keeps.
//!
//! For each value, in this order (`docs/arithmetic.md`): `t = f32(sum)`, rounded half to even;
//! `t = t · factor`, rounded once; `t` bounded by `lo − zero` and `hi − zero`; `t` rounded half to even to
//! an integer; `zero` added. No multiply-add may join two of these.

use crate::format::Grid;

/// A requantising kernel and its name.
#[derive(Debug)]
pub(crate) struct Requantise {
    /// Types, operation and instruction set, as in `i32u8-requantise-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, and the three slices are of one length.
    pub(super) kernel: unsafe fn(sums: &[i32], factors: &[f32], grid: Grid, out: &mut [u8]),
}

impl Requantise {
    /// Writes a byte for each sum.
    pub fn run(&self, sums: &[i32], factors: &[f32], grid: Grid, out: &mut [u8]) {
        let fits = sums.len() == out.len() && factors.len() == out.len();
        assert!(fits, "operands of {} do not fit together", self.name);
        // SAFETY: the lengths have just been checked, and a `Requantise` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(sums, factors, grid, out) }
    }
}

/// The byte of a real number in steps of a grid: bounded, rounded half to even, moved by the zero point.
/// Not a number gives the lower bound.
pub(crate) fn to_grid(steps: f32, grid: Grid) -> u8 {
    let zero = f32::from(grid.zero);
    let (lo, hi) = (f32::from(grid.lo) - zero, f32::from(grid.hi) - zero);
    // Comparisons and not max: what becomes of a NaN is then the same everywhere.
    let steps = if steps > lo { steps } else { lo };
    let steps = if steps < hi { steps } else { hi };
    // The bounds make it fit.
    (libm::rintf(steps) as i32 + i32::from(grid.zero)) as u8
}
