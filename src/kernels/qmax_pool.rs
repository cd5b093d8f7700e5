//! The maximum of several `u8` pixels, channel by channel: the contract that every instruction set keeps.

/// A maximum kernel and its name.
#[derive(Debug)]
pub(crate) struct QMaxPool {
    /// Type, operation and instruction set, as in `u8-max_pool-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, there is at least one offset, and
    /// `offset + out.len() <= input.len()` for each.
    pub(super) kernel: unsafe fn(input: &[u8], offsets: &[u32], out: &mut [u8]),
}

impl QMaxPool {
    /// `out[c] = max over o in offsets of input[o + c]`.
    pub fn pixel(&self, input: &[u8], offsets: &[u32], out: &mut [u8]) {
        let last = input.len().checked_sub(out.len());
        let inside = |&offset: &u32| last.is_some_and(|last| offset as usize <= last);
        assert!(
            !offsets.is_empty() && offsets.iter().all(inside),
            "operands of {} do not fit together",
            self.name
        );
        // SAFETY: the operands have just been checked, and a `QMaxPool` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(input, offsets, out) }
    }
}
