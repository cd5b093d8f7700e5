//! Sixteen sums of four lanes.

use crate::kernels::peak::{Peak, Peaks};
use core::arch::asm;

const SUMS: u64 = 16;

pub(in crate::kernels::aarch64) const PEAKS: Peaks = Peaks {
    floats: Peak { macs: 4 * SUMS, kernel: floats },
    // `smull` of eight bytes and `sadalp`, which adds pairs of its products.
    integers: Peak { macs: 8 * SUMS, kernel: integers },
};

/// A loop over sixteen registers that begin at zero; registers 30 and 31 are the operands, 29 is free.
macro_rules! rounds {
    ($rounds:expr, $lines:expr) => {
        asm!(
            $crate::kernels::aarch64::neon::peak::zeros!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 29 30 31),
            "2:",
            $lines,
            "subs {rounds:w}, {rounds:w}, #1",
            "b.ne 2b",
            rounds = inout(reg) $rounds => _,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _,
            out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v29") _, out("v30") _, out("v31") _,
            options(nomem, nostack),
        )
    };
}
pub(in crate::kernels::aarch64) use rounds;

macro_rules! zeros {
    ($($register:literal)+) => {
        concat!($("movi v", $register, ".4s, #0\n"),+)
    };
}
pub(in crate::kernels::aarch64) use zeros;

macro_rules! multiply_add {
    ($($sum:literal)+) => {
        concat!($("fmla v", $sum, ".4s, v30.4s, v31.4s\n"),+)
    };
}

macro_rules! multiply_pairs {
    ($($sum:literal)+) => {
        concat!($("smull v29.8h, v30.8b, v31.8b\n", "sadalp v", $sum, ".4s, v29.8h\n"),+)
    };
}

/// # Safety
/// As [`Peak::kernel`](Peak) says; `rounds` is not 0.
#[target_feature(enable = "neon")]
unsafe fn floats(rounds: u32) {
    // SAFETY: registers only, all of them named; the caller vouches for the instructions.
    unsafe { rounds!(rounds, multiply_add!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)) }
}

/// # Safety
/// As [`Peak::kernel`](Peak) says; `rounds` is not 0.
#[target_feature(enable = "neon")]
unsafe fn integers(rounds: u32) {
    // SAFETY: as above.
    unsafe { rounds!(rounds, multiply_pairs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)) }
}
