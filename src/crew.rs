//! Who computes the parts of a step.

/// Most threads that a model runs on.
pub const MAX_THREADS: usize = 16;

/// The threads of a session. Without a pool it is the caller alone, who takes one part after the other.
#[derive(Debug)]
pub(crate) enum Crew {
    /// The caller.
    Alone,
}

impl Crew {
    /// How many threads there are.
    pub fn threads(&self) -> usize {
        match self {
            Self::Alone => 1,
        }
    }

    /// Does `work` once for each part, on as many threads as there are, and returns when all is done.
    pub fn each<T: Send>(&mut self, parts: &mut [T], work: impl Fn(&mut T) + Sync) {
        match self {
            Self::Alone => parts.iter_mut().for_each(work),
        }
    }
}
