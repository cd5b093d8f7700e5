//! Who computes the parts of a step.

#[cfg(feature = "std")]
use crate::Pool;
#[cfg(not(feature = "std"))]
use nobody::Pool;

/// Most threads that a model runs on.
pub const MAX_THREADS: usize = 16;

/// The threads of a session.
#[derive(Debug)]
pub(crate) enum Crew<'a> {
    /// The caller, who takes one part after the other.
    Alone,
    /// The caller and the workers of a pool.
    #[cfg_attr(not(feature = "std"), expect(dead_code, reason = "without std there is no pool"))]
    Pool(&'a mut Pool),
}

impl Crew<'_> {
    /// How many threads there are.
    pub fn threads(&self) -> usize {
        match self {
            Self::Alone => 1,
            Self::Pool(pool) => pool.threads(),
        }
    }

    /// Does `work` once for each part, on as many threads as there are, and returns when all is done.
    pub fn each<T: Send>(&mut self, parts: &mut [T], work: impl Fn(&mut T) + Sync) {
        match self {
            Self::Alone => parts.iter_mut().for_each(work),
            Self::Pool(pool) => pool.each(parts, work),
        }
    }
}

/// Without `std` there are no threads, hence no pool.
#[cfg(not(feature = "std"))]
mod nobody {
    #[derive(Debug)]
    pub(crate) enum Pool {}

    impl Pool {
        pub fn threads(&self) -> usize {
            match *self {}
        }

        pub fn each<T: Send>(&mut self, _: &mut [T], _: impl Fn(&mut T) + Sync) {
            match *self {}
        }
    }
}
