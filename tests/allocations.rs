//! Nothing is allocated by loading from bytes, preparing or running: a counting allocator proves it.

mod common;

use allocation_counter::measure;
use common::integers::tiny_int8;
use common::{isas, tiny};
use std::hint::black_box;
use wisp::vision::{Frame, PixelFormat, top_k};
use wisp::{AlignedBytes, Engine, Model, Options, Session};

/// Allocations of this thread during `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1u8; 100]))), 1);
    assert_eq!(allocations(|| {}), 0);
}

#[test]
fn loading_preparing_and_running_allocate_nothing() {
    for (isa, file) in isas().into_iter().flat_map(|isa| [(isa, tiny()), (isa, tiny_int8().bytes())]) {
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
                black_box(session.run().unwrap());
            }
        });
        assert_eq!(count, 0, "{isa}");
    }
}

#[test]
fn an_engine_allocates_for_a_new_size_only() {
    let pixels = vec![100; 60 * 40 * 3];
    let frame = |format, width, height| Frame::packed(format, &pixels, width, height).unwrap();
    let (wide, tall) = (frame(PixelFormat::Rgb8, 60, 40), frame(PixelFormat::Yuyv, 40, 60));
    let same = [PixelFormat::Bgr8, PixelFormat::Nv12, PixelFormat::I420].map(|format| frame(format, 60, 40));
    for isa in isas() {
        let mut engine = Engine::from_bytes(&tiny(), &Options::default().with_isa(isa)).unwrap();
        for frame in [wide, tall, wide] {
            engine.classify(frame).unwrap();
            let count = allocations(|| {
                for _ in 0..10 {
                    black_box(top_k::<5>(engine.classify(frame).unwrap(), 5));
                }
            });
            assert_eq!(count, 0, "{isa}");
        }
        for frame in same {
            assert_eq!(
                allocations(|| assert!(engine.classify(frame).is_ok())),
                0,
                "{isa} {:?}",
                frame.format()
            );
        }
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
