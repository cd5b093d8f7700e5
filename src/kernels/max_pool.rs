//! The maximum of several pixels, channel by channel: the contract that every instruction set keeps.

/// A maximum kernel and its name.
#[derive(Debug)]
pub(crate) struct MaxPool {
    /// Type, operation and instruction set, as in `f32-max_pool-avx2`.
    pub name: &'static str,
    /// # Safety
    /// The CPU has the instruction set, there is at least one offset, and
    /// `offset + out.len() <= input.len()` for each.
    pub(super) kernel: unsafe fn(input: &[f32], offsets: &[u32], out: &mut [f32]),
}

impl MaxPool {
    /// `out[c] = max over o in offsets of input[o + c]`, beginning with the first offset's value; a NaN
    /// behind the first is passed over.
    pub fn pixel(&self, input: &[f32], offsets: &[u32], out: &mut [f32]) {
        let last = input.len().checked_sub(out.len());
        let inside = |&offset: &u32| last.is_some_and(|last| offset as usize <= last);
        assert!(
            !offsets.is_empty() && offsets.iter().all(inside),
            "operands of a max-pool do not fit together"
        );
        // SAFETY: the operands have just been checked, and a `MaxPool` is reached only through
        // `Kernels::of`, which has asked the CPU for the instruction set.
        unsafe { (self.kernel)(input, offsets, out) }
    }
}
