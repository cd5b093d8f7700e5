//! Twelve sums, as many as a tile has, so that none waits for the one before it.

use crate::kernels::peak::{Peak, Peaks};
use core::arch::asm;

const SUMS: u64 = 12;

pub(super) const PEAKS: Peaks = Peaks {
    floats: Peak { macs: 8 * SUMS, kernel: floats },
    // `vpmaddwd` and the addition of its sums of pairs.
    integers: Peak { macs: 16 * SUMS, kernel: integers },
};

/// A loop over twelve registers that begin at zero; registers 14 and 15 are the operands.
macro_rules! rounds {
    ($rounds:expr, $($line:expr),+) => {
        asm!(
            "vzeroall",
            "2:",
            $($line,)+
            "dec {rounds:e}",
            "jnz 2b",
            rounds = inout(reg) $rounds => _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
            out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
            out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(nomem, nostack),
        )
    };
}

macro_rules! multiply_add {
    ($($sum:literal)+) => {
        concat!($("vfmadd231ps ymm", $sum, ", ymm14, ymm15\n"),+)
    };
}

macro_rules! multiply_pairs {
    ($($sum:literal)+) => {
        concat!($("vpmaddwd ymm12, ymm14, ymm15\n", "vpaddd ymm", $sum, ", ymm", $sum, ", ymm12\n"),+)
    };
}

/// # Safety
/// As [`Peak::kernel`](Peak) says; `rounds` is not 0.
unsafe fn floats(rounds: u32) {
    // SAFETY: registers only, all of them named; the caller vouches for the instructions.
    unsafe { rounds!(rounds, multiply_add!(0 1 2 3 4 5 6 7 8 9 10 11)) }
}

/// # Safety
/// As [`Peak::kernel`](Peak) says; `rounds` is not 0.
unsafe fn integers(rounds: u32) {
    // SAFETY: as above.
    unsafe { rounds!(rounds, multiply_pairs!(0 1 2 3 4 5 6 7 8 9 10 11)) }
}
