//! Nothing is allocated by loading from bytes, preparing or running: a counting allocator proves it.

mod common;

use common::{isas, tiny};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use wisp::{AlignedBytes, Model, Options, Session};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread during `work`.
fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
    assert_eq!(allocations(|| {}), 0);
}

#[test]
fn loading_preparing_and_running_allocate_nothing() {
    let file = tiny();
    for isa in isas() {
        let options = Options::default().with_isa(isa);
        let need = Model::from_bytes(&file).unwrap().requirements(&options).unwrap();
        let mut weights = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
        let mut arena = AlignedBytes::zeroed(need.arena_bytes).unwrap();
        let count = allocations(|| {
            let model = Model::from_bytes(&file).unwrap();
            let prepared = model.prepare(&options, weights.as_mut_slice()).unwrap();
            let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
            for _ in 0..10 {
                session.input_mut().fill(0.5);
                let scores = session.run().unwrap();
                std::hint::black_box(scores);
            }
        });
        assert_eq!(count, 0, "{isa}");
    }
}

#[test]
fn a_refused_file_allocates_nothing() {
    let file = tiny();
    let count = allocations(|| {
        for length in 0..file.len() {
            assert!(Model::from_bytes(&file[..length]).is_err());
        }
    });
    assert_eq!(count, 0);
}
