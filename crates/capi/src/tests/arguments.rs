//! Models, options, results and labels.

use super::{Owned, refused, rgb, squeezenet, tiny};
use crate::engine::*;
use crate::model::*;
use crate::options::*;
use crate::results::ClassScore;
use crate::status::*;
use core::ffi::CStr;
use core::ptr::{null, null_mut};

fn from_bytes(model: &[u8], options: *const Options) -> i32 {
    let mut engine = null_mut();
    // SAFETY: slices and variables of this function.
    let status = unsafe { wisp_engine_from_bytes(model.as_ptr(), model.len(), options, &raw mut engine) };
    assert_eq!(engine.is_null(), status != 0);
    // SAFETY: made just now, or null.
    unsafe { wisp_engine_free(engine) };
    status
}

fn with(change: impl FnOnce(&mut Options)) -> i32 {
    let mut options = Options { size: size_of::<Options>() as u32, ..Options::default() };
    change(&mut options);
    from_bytes(tiny(), &raw const options)
}

#[test]
fn models() {
    let mut engine = null_mut();
    // SAFETY: variables of this function, and pointers that are refused.
    unsafe {
        refused(
            wisp_engine_from_bytes(null(), 9, null(), &raw mut engine),
            WISP_NULL,
            "model: the pointer is null",
        );
        let tiny = tiny();
        refused(wisp_engine_from_bytes(tiny.as_ptr(), tiny.len(), null(), null_mut()), WISP_NULL, "engine");
        let status = wisp_engine_from_bytes(tiny.as_ptr(), usize::MAX, null(), &raw mut engine);
        refused(status, WISP_ARGUMENT, "model: no memory has");
        refused(wisp_engine_from_file(null(), null(), &raw mut engine), WISP_NULL, "path");
        let status = wisp_engine_from_file(c"no such file".as_ptr(), null(), &raw mut engine);
        refused(status, WISP_READ, "cannot read no such file: No such file");
        refused(wisp_engine_from_file(c"\xff".as_ptr(), null(), &raw mut engine), WISP_ARGUMENT, "UTF-8");
    }
    refused(from_bytes(b"RIFF", null()), WISP_MODEL, "");
    refused(from_bytes(&[0; 4096], null()), WISP_MODEL, "not a Wisp model");
    let mut wrong = tiny().to_vec();
    wrong[1000] ^= 1;
    refused(from_bytes(&wrong, null()), WISP_MODEL, "SHA-256");
    refused(from_bytes(&tiny()[..tiny().len() - 1], null()), WISP_MODEL, "");
    assert_eq!(from_bytes(tiny(), null()), WISP_OK);
}

#[test]
fn options() {
    assert_eq!(with(|_| ()), WISP_OK);
    refused(with(|options| options.size -= 1), WISP_STRUCT_SIZE, "options: size is");
    refused(with(|options| options.threads = 17), WISP_THREADS, "1 to 16, not 17");
    refused(with(|options| options.optimize = -1), WISP_ARGUMENT, "optimize is -1");
    refused(with(|options| options.isa = 6), WISP_ARGUMENT, "isa is 6");
    refused(with(|options| options.memory_budget = 100), WISP_OVER_BUDGET, "the budget is 100");
    let foreign = if cfg!(target_arch = "x86_64") { WISP_ISA_NEON } else { WISP_ISA_AVX2 };
    refused(with(|options| options.isa = foreign), WISP_ISA, "cannot run");
    let options = [Options::default(); 2];
    let odd = options.as_ptr().wrapping_byte_add(1);
    refused(from_bytes(tiny(), odd), WISP_MISALIGNED, "options: the address must be a multiple of 4");
}

#[test]
fn what_a_model_is() {
    let labelled = Owned::new(squeezenet());
    let mut info = ModelInfo::default();
    let mut text = [1; 64];
    // SAFETY: handles of this test, variables of this function, and pointers that are refused.
    unsafe {
        assert_eq!(wisp_engine_info(labelled.0, &raw mut info), WISP_OK);
        let expected =
            ModelInfo { classes: 1000, width: 224, height: 224, channels: 3, has_labels: 1, seeded: 0 };
        assert_eq!(info, expected);
        refused(wisp_engine_info(null(), &raw mut info), WISP_NULL, "engine");
        refused(wisp_engine_info(labelled.0, null_mut()), WISP_NULL, "info");

        assert_eq!(wisp_engine_label(labelled.0, 285, text.as_mut_ptr(), 13), WISP_OK);
        assert_eq!(CStr::from_ptr(text.as_ptr()), c"Egyptian cat");
        assert_eq!(text[13], 1);
        let status = wisp_engine_label(labelled.0, 285, text.as_mut_ptr(), 12);
        refused(status, WISP_RESULTS, "it takes 13 bytes, 12 were given");
        refused(wisp_engine_label(labelled.0, 285, null_mut(), 12), WISP_NULL, "label");
        refused(wisp_engine_label(labelled.0, 1000, text.as_mut_ptr(), 64), WISP_LABEL, "no class 1000");
        refused(wisp_engine_label(null(), 0, text.as_mut_ptr(), 64), WISP_NULL, "engine");
    }
}

#[test]
fn requirements() {
    let (file, mut need, mut scratch) = (tiny(), Requirements::default(), 0);
    // SAFETY: variables of this function, and pointers that are refused.
    unsafe {
        let (model, bytes) = (file.as_ptr(), file.len());
        assert_eq!(wisp_model_requirements(model, bytes, null(), &raw mut need), WISP_OK);
        assert_eq!(need.align, 64);
        refused(wisp_model_requirements(model, bytes, null(), null_mut()), WISP_NULL, "requirements");
        refused(wisp_model_requirements(null(), bytes, null(), &raw mut need), WISP_NULL, "model");
        refused(wisp_model_scratch_bytes(model, bytes, 0, 9, &raw mut scratch), WISP_FRAME_SIZE, "0x9");
        refused(wisp_model_scratch_bytes(model, 3, 9, 9, &raw mut scratch), WISP_MODEL, "");
        refused(wisp_model_scratch_bytes(model, bytes, 99, 99, null_mut()), WISP_NULL, "scratch_bytes");
    }
}

#[test]
fn results() {
    let engine = Owned::new(tiny());
    let pixels = [0; 20 * 20 * 3];
    let frame = rgb(&pixels, 20, 20);
    let mut info = ModelInfo::default();
    let mut results = [ClassScore::default(); 200];
    // SAFETY: a handle of this test, variables of this function, and pointers that are refused.
    unsafe {
        assert_eq!(wisp_engine_info(engine.0, &raw mut info), WISP_OK);
        let classes = info.classes as usize;
        for count in [0, classes + 1] {
            let status = wisp_engine_classify(engine.0, &raw const frame, results.as_mut_ptr(), count);
            refused(status, WISP_RESULTS, &format!("results: {count} were asked for, not 1 to {classes}"));
        }
        let status = wisp_engine_classify(engine.0, &raw const frame, null_mut(), 1);
        refused(status, WISP_NULL, "results");
        let odd = results.as_mut_ptr().wrapping_byte_add(2);
        let status = wisp_engine_classify(engine.0, &raw const frame, odd, 1);
        refused(status, WISP_MISALIGNED, "results: the address must be a multiple of 4");

        let input = [0.0; 16 * 16 * 3];
        let mut scores = [0.0; 200];
        let mut run = |input: &[f32], count| {
            wisp_engine_run(engine.0, input.as_ptr(), input.len(), scores.as_mut_ptr(), count)
        };
        assert_eq!(run(&input, classes), WISP_OK);
        refused(run(&input, classes - 1), WISP_RESULTS, "scores: the model gives");
        refused(run(&input[1..], classes), WISP_INPUT, "has 768 values, 767 were given");
        refused(wisp_engine_run(engine.0, null(), 768, scores.as_mut_ptr(), classes), WISP_NULL, "input");
        refused(wisp_engine_run(engine.0, input.as_ptr(), 768, null_mut(), classes), WISP_NULL, "scores");
        refused(
            wisp_engine_run(null_mut(), input.as_ptr(), 768, scores.as_mut_ptr(), classes),
            WISP_NULL,
            "engine",
        );
        wisp_engine_free(null_mut());
    }
}

#[test]
fn the_same_answer_as_the_runtime() {
    let engine = Owned::new(squeezenet());
    let pixels: Vec<u8> = (0..300 * 200 * 3).map(|at| (at * 7 % 251) as u8).collect();
    let frame = rgb(&pixels, 300, 200);
    let mut results = [ClassScore::default(); 5];
    // SAFETY: a handle of this test and variables of this function.
    let status = unsafe { wisp_engine_classify(engine.0, &raw const frame, results.as_mut_ptr(), 5) };
    assert_eq!(status, WISP_OK);
    let mut own = runtime::Engine::from_bytes(squeezenet(), &runtime::Options::default()).unwrap();
    let frame = runtime::vision::Rgb8::packed(&pixels, 300, 200).unwrap();
    let best = runtime::vision::top_k::<5>(own.classify(frame).unwrap(), 5);
    let best: Vec<_> =
        best.iter().map(|best| ClassScore { index: best.index as u32, score: best.score }).collect();
    assert_eq!(results[..], best[..]);
}
