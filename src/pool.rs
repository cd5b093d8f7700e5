//! Worker threads that compute the parts of a step together with their caller: started once, asleep between
//! runs.
//!
//! A job is a slice of parts and what to do with each. Threads take parts by counting down, without a lock;
//! a worker that comes late finds its part taken, and the job is done when every part is. So a job waits for
//! no thread that has nothing to do in it. Nothing is allocated after the start.
#![allow(unsafe_code)]

use crate::crew::MAX_THREADS;
use core::any::Any;
use core::cell::UnsafeCell;
use core::fmt;
use core::panic::AssertUnwindSafe;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::boxed::Box;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::vec::Vec;

/// How long a thread looks for work, or for the end of a job, before it goes to sleep. Waking takes about as
/// long, so this is at most twice the wait that would have been best.
const SPIN: Duration = Duration::from_micros(50);
/// Looks between two looks at the clock.
const LOOKS: usize = 16;
/// Stack of a worker. Kernels keep a few kilobytes there.
const STACK: usize = 256 << 10;

/// Threads for a [`Session`](crate::Session): the caller's and some workers, which end when this is dropped.
///
/// Workers sleep between runs. Within one they look for the next step for at most 50 µs before they go to
/// sleep, or not at all where the machine has fewer cores than the pool has threads.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts a pool of so many threads, the caller's among them: 1 to 16, others are brought into this range.
    /// Where the system refuses a thread, the pool has fewer, and a warning is logged.
    pub fn new(threads: usize) -> Self {
        Self::with_stack(threads, STACK)
    }

    fn with_stack(threads: usize, stack: usize) -> Self {
        let threads = threads.clamp(1, MAX_THREADS);
        let cores = thread::available_parallelism().map_or(1, Into::into);
        let spin = if cores < threads { Duration::ZERO } else { SPIN };
        let shared = Arc::new(Shared::new(spin));
        let mut workers = Vec::with_capacity(threads - 1);
        for _ in 1..threads {
            let theirs = Arc::clone(&shared);
            let builder = thread::Builder::new().name("wisp".into()).stack_size(stack);
            match builder.spawn(move || theirs.serve()) {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    log::warn!("running on {} threads instead of {threads}: {error}", workers.len() + 1);
                    break;
                }
            }
        }
        Self { shared, workers }
    }

    /// How many threads there are, the caller's among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Does `work` once for each part, on all threads, and returns when all is done.
    ///
    /// A panic in `work` goes on in the caller once every part has been done or has panicked.
    pub(crate) fn each<T: Send, F: Fn(&mut T) + Sync>(&mut self, parts: &mut [T], work: F) {
        let shared = &*self.shared;
        let job = Job {
            parts: parts.as_mut_ptr().cast(),
            work: (&raw const work).cast(),
            call: call::<T, F>,
            count: parts.len(),
        };
        // SAFETY: a thread reads the job only between taking a part of it and counting that part as done.
        // The last job's parts have all been done, as `each` has returned; and `self` is borrowed mutably, so
        // no other call is under way.
        unsafe { *shared.job.get() = job };
        shared.done.store(0, SeqCst);
        shared.left.store(parts.len(), SeqCst);
        shared.work.ring();
        while shared.take() {}
        shared.end.wait(shared.spin, || shared.done.load(SeqCst) == parts.len());
        if shared.panicked.swap(false, SeqCst)
            && let Some(panic) = lock(&shared.panic).take()
        {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.work.ring();
        for worker in self.workers.drain(..) {
            // A worker catches every panic of its work, so it has none to report.
            let _ = worker.join();
        }
    }
}

/// A slice of parts and what to do with each, without their types.
#[derive(Clone, Copy)]
struct Job {
    parts: *mut (),
    work: *const (),
    call: unsafe fn(*mut (), *const (), usize),
    count: usize,
}

/// Does the work of one part.
///
/// # Safety
/// `parts` is a slice of `T` longer than `index`, of which no other thread uses this element, and `work` an
/// `F`; both outlive the call.
unsafe fn call<T, F: Fn(&mut T)>(parts: *mut (), work: *const (), index: usize) {
    // SAFETY: as the caller promises.
    let (part, work) = unsafe { (&mut *parts.cast::<T>().add(index), &*work.cast::<F>()) };
    work(part);
}

/// What caller and workers share.
struct Shared {
    job: UnsafeCell<Job>,
    /// Parts of the job that nobody has taken.
    left: AtomicUsize,
    /// Parts of the job that have been done.
    done: AtomicUsize,
    /// Whether the workers are to end.
    stop: AtomicBool,
    /// Rings when there is work, or an end to it.
    work: Bell,
    /// Rings when a job is done.
    end: Bell,
    panicked: AtomicBool,
    /// What a part panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    spin: Duration,
}

// SAFETY: of all fields only `job` is not `Sync` and `Send` by itself. It is written while no part is left or
// being done, and read by threads that have taken a part (see `Pool::each`). What it points to may be used
// on other threads: `each` demands `T: Send`, and `Sync` of the work.
unsafe impl Sync for Shared {}
// SAFETY: see above.
unsafe impl Send for Shared {}

impl Shared {
    fn new(spin: Duration) -> Self {
        Self {
            job: UnsafeCell::new(Job {
                parts: null_mut(),
                work: null_mut(),
                call: call::<(), fn(&mut ())>,
                count: 0,
            }),
            left: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            work: Bell::default(),
            end: Bell::default(),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
            spin,
        }
    }

    /// A worker's life.
    fn serve(&self) {
        while !self.stop.load(SeqCst) {
            while self.take() {}
            self.work.wait(self.spin, || self.left.load(SeqCst) > 0 || self.stop.load(SeqCst));
        }
    }

    /// Takes a part of the job and does it. False when none was left.
    fn take(&self) -> bool {
        let Ok(left) = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) else {
            return false;
        };
        // SAFETY: a part of the job has been taken and not yet been counted as done, so `Pool::each` waits
        // and the job stays as it is; the count that was taken from was stored after the job.
        let job = unsafe { *self.job.get() };
        let index = job.count - left;
        // SAFETY: `left` was 1 to `count`, a different one for each part that is taken; slice and work are
        // borrowed by `Pool::each`, which waits until this part is done.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (job.call)(job.parts, job.work, index) }));
        if let Err(panic) = outcome {
            lock(&self.panic).get_or_insert(panic);
            self.panicked.store(true, SeqCst);
        }
        if self.done.fetch_add(1, SeqCst) + 1 == job.count {
            self.end.ring();
        }
        true
    }
}

/// Where threads wait until something is true that another makes so.
#[derive(Default)]
struct Bell {
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    condition: Condvar,
}

impl Bell {
    /// Waits until `ready`: looks for `spin`, then sleeps.
    fn wait(&self, spin: Duration, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while start.elapsed() < spin {
            for _ in 0..LOOKS {
                if ready() {
                    return;
                }
                core::hint::spin_loop();
            }
        }
        let mut guard = lock(&self.lock);
        // Counted before the last look: who makes `ready` true after that look sees the sleeper.
        self.sleepers.fetch_add(1, SeqCst);
        while !ready() {
            guard = self.condition.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, SeqCst);
    }

    /// Wakes all who wait; to be called after what they wait for has become true. Without sleepers it is one
    /// look at a counter.
    fn ring(&self) {
        if self.sleepers.load(SeqCst) > 0 {
            // A sleeper holds the lock from its last look until it sleeps.
            drop(lock(&self.lock));
            self.condition.notify_all();
        }
    }
}

/// Nothing is left half done under these locks, so a panic under one spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one to each of `count` numbers, so that a part done twice or never shows.
    fn work(pool: &mut Pool, count: usize) {
        let mut numbers = std::vec![0u32; count];
        pool.each(&mut numbers, |number| *number += 1);
        assert!(numbers.iter().all(|&number| number == 1), "{numbers:?}");
    }

    #[test]
    fn each_part_is_done_once() {
        for threads in [1, 2, 3, MAX_THREADS] {
            let mut pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for round in 0..3000 {
                work(&mut pool, round % (MAX_THREADS + 3));
                // Some rounds find the workers looking for work, some on their way to sleep, some asleep.
                if round % 100 == 0 {
                    thread::sleep(Duration::from_micros(round as u64 / 25));
                }
            }
        }
        assert_eq!((Pool::new(0).threads(), Pool::new(1000).threads()), (1, MAX_THREADS));
    }

    #[test]
    fn a_panic_goes_on_in_the_caller_and_spoils_nothing() {
        let mut pool = Pool::new(3);
        for bad in 0..3 {
            let mut parts = [0, 1, 2].map(|index| (index, false));
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.each(&mut parts, |(index, done)| {
                    // Each thread has its part before one of them fails.
                    thread::sleep(Duration::from_millis(5));
                    assert_ne!(*index, bad, "as the test wants it");
                    *done = true;
                });
            }));
            let message = outcome.unwrap_err().downcast::<std::string::String>().unwrap();
            assert!(message.contains("as the test wants it"), "{message}");
            assert_eq!(parts.map(|(index, done)| index != bad && !done), [false; 3]);
            work(&mut pool, 3);
        }
    }

    #[test]
    fn runs_on_fewer_threads_where_the_system_gives_no_more() {
        let mut pool = Pool::with_stack(4, usize::MAX / 4);
        assert_eq!(pool.threads(), 1);
        work(&mut pool, 4);
    }

    #[test]
    fn sleeps_without_looking_where_cores_are_few() {
        let shared = Arc::new(Shared::new(Duration::ZERO));
        let theirs = Arc::clone(&shared);
        let worker = thread::spawn(move || theirs.serve());
        let mut pool = Pool { shared, workers: std::vec![worker] };
        (0..1000).for_each(|_| work(&mut pool, 2));
    }
}
