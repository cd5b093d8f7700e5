//! Multiply-adds and nothing beside them: how fast an instruction set can be at best, for a profile to hold
//! its steps against.

/// A loop of the instruction that a product consists of, in registers only.
#[derive(Debug)]
pub(crate) struct Peak {
    /// Multiply-adds of one round.
    pub macs: u64,
    /// Runs so many rounds.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    pub(super) kernel: unsafe fn(rounds: u32),
}

/// The loops of an instruction set.
#[derive(Debug)]
pub(crate) struct Peaks {
    /// Products of `f32`.
    pub floats: Peak,
    /// Products of `u8` and `i8`, summed in 32 bits, by the instruction of the integer tiles.
    pub integers: Peak,
}

impl Peak {
    /// Runs `rounds` rounds, at least one, and gives the number of multiply-adds.
    pub fn run(&self, rounds: u32) -> u64 {
        let rounds = rounds.max(1);
        // SAFETY: a `Peak` is reached only through `Kernels::of`, which has asked the CPU for the
        // instruction set.
        unsafe { (self.kernel)(rounds) }
        self.macs * u64::from(rounds)
    }
}
