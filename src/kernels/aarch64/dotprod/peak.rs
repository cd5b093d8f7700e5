//! Sixteen sums of four lanes, each of four products.

use crate::kernels::aarch64::neon;
use crate::kernels::aarch64::neon::peak::rounds;
use crate::kernels::peak::{Peak, Peaks};
use core::arch::asm;

const SUMS: u64 = 16;

pub(super) const PEAKS: Peaks =
    Peaks { floats: neon::peak::PEAKS.floats, integers: Peak { macs: 16 * SUMS, kernel: integers } };

macro_rules! multiply_fours {
    ($($sum:literal)+) => {
        concat!($("sdot v", $sum, ".4s, v30.16b, v31.16b\n"),+)
    };
}

/// # Safety
/// As [`Peak::kernel`](Peak) says; `rounds` is not 0.
#[target_feature(enable = "neon,dotprod")]
unsafe fn integers(rounds: u32) {
    // SAFETY: registers only, all of them named; the caller vouches for the instructions.
    unsafe { rounds!(rounds, multiply_fours!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)) }
}
