//! What engines with threads leave behind in their process, and what they take while they run: nothing. Its
//! one test has the process for itself.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use wisp::{Engine, Options};

/// Allocations of all threads.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Threads of this process; 0 where the system does not tell.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[test]
fn runs_allocate_nothing_and_no_thread_stays() {
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/squeezenet1.1-int8.wisp")).unwrap();
    let mut engine = Engine::from_bytes(&file, &Options::default().with_threads(3)).unwrap();
    let input = common::Random(1).values(224 * 224 * 3);
    // A worker that starts late allocates its name; every run after the first finds all of them.
    let runs = if cfg!(debug_assertions) { 2 } else { 20 };
    engine.run(&input).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    for _ in 0..runs {
        engine.run(&input).unwrap();
    }
    assert_eq!(ALLOCATIONS.load(Ordering::SeqCst) - before, 0);
    drop(engine);

    let (tiny, before) = (common::tiny(), threads());
    for count in 0..1000 {
        let options = Options::default().with_threads(2 + count % 3);
        let mut engine = Engine::from_bytes(&tiny, &options).unwrap();
        if count % 10 == 0 {
            engine.run(&[0.5; 16 * 16 * 3]).unwrap();
        }
    }
    // The system may list a thread a moment longer than it runs.
    let mut looks = 0;
    while threads() != before {
        looks += 1;
        assert!(looks < 500, "{} threads, {before} before", threads());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
