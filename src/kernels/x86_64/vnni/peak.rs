//! Sixteen sums of sixteen lanes.

use crate::kernels::peak::{Peak, Peaks};
use crate::kernels::x86_64::avx2;
use core::arch::asm;

const SUMS: u64 = 16;

pub(super) const PEAKS: Peaks =
    Peaks { floats: avx2::ALL.peaks.floats, integers: Peak { macs: 64 * SUMS, kernel: integers } };

macro_rules! multiply_fours {
    ($($sum:literal)+) => {
        concat!($("vpdpbusd zmm", $sum, ", zmm30, zmm31\n"),+)
    };
}

/// # Safety
/// As [`Peak::kernel`](Peak) says; `rounds` is not 0.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn integers(rounds: u32) {
    // SAFETY: registers only, all of them named; the caller vouches for the instructions.
    unsafe {
        asm!(
            "vzeroall",
            "vpxord zmm30, zmm30, zmm30",
            "vpxord zmm31, zmm31, zmm31",
            "2:",
            multiply_fours!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15),
            "dec {rounds:e}",
            "jnz 2b",
            rounds = inout(reg) rounds => _,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm30") _, out("zmm31") _,
            options(nomem, nostack),
        )
    }
}
