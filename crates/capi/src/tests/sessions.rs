//! Sessions: memory that is too small, misaligned or given twice.

use super::{Owned, refused, rgb, tiny};
use crate::engine::wisp_engine_classify;
use crate::model::*;
use crate::options::Options;
use crate::results::ClassScore;
use crate::session::*;
use crate::status::*;
use core::ptr::{null, null_mut};
use runtime::AlignedBytes;

/// The memory of a session over the tiny model, each a little larger than needed.
struct Memory {
    need: Requirements,
    prepared: AlignedBytes,
    arena: AlignedBytes,
    scratch: Vec<u8>,
}

impl Memory {
    fn new() -> Self {
        let (mut need, mut scratch) = (Requirements::default(), 0);
        // SAFETY: variables of this function.
        unsafe {
            let (model, bytes) = (tiny().as_ptr(), tiny().len());
            assert_eq!(wisp_model_requirements(model, bytes, null(), &raw mut need), WISP_OK);
            assert_eq!(wisp_model_scratch_bytes(model, bytes, 20, 20, &raw mut scratch), WISP_OK);
        }
        let memory = |bytes| AlignedBytes::zeroed(bytes + 64).unwrap();
        let (prepared, arena) = (memory(need.prepared_bytes), memory(need.arena_bytes));
        Self { need, prepared, arena, scratch: vec![0; scratch] }
    }

    /// A new session; `change` has (pointer, length) of prepared weights and arena.
    fn session(&mut self, change: impl FnOnce(&mut [(*mut u8, usize); 2])) -> (i32, *mut Session) {
        let mut both = [
            (self.prepared.as_mut_slice().as_mut_ptr(), self.need.prepared_bytes),
            (self.arena.as_mut_slice().as_mut_ptr(), self.need.arena_bytes),
        ];
        change(&mut both);
        let [(prepared, prepared_bytes), (arena, arena_bytes)] = both;
        let (model, bytes) = (tiny().as_ptr(), tiny().len());
        let mut session = null_mut();
        // SAFETY: memory of this struct, or arguments that are refused.
        let status = unsafe {
            wisp_session_new(
                model,
                bytes,
                null(),
                prepared,
                prepared_bytes,
                arena,
                arena_bytes,
                &raw mut session,
            )
        };
        assert_eq!(session.is_null(), status != 0);
        (status, session)
    }

    fn refused(&mut self, change: impl FnOnce(&mut [(*mut u8, usize); 2]), status: i32, text: &str) {
        refused(self.session(change).0, status, text);
    }
}

#[test]
fn wrong_memory() {
    let mut memory = Memory::new();
    let need = memory.need;
    memory.refused(|both| both[0].0 = null_mut(), WISP_NULL, "prepared: the pointer is null");
    memory.refused(|both| both[1].0 = null_mut(), WISP_NULL, "arena: the pointer is null");
    let text = format!("need {} bytes, {} were given", need.prepared_bytes, need.prepared_bytes - 1);
    memory.refused(|both| both[0].1 -= 1, WISP_PREPARED_TOO_SMALL, &text);
    let text = format!("needs {} bytes, {} were given", need.arena_bytes, need.arena_bytes - 1);
    memory.refused(|both| both[1].1 -= 1, WISP_ARENA_TOO_SMALL, &text);
    for which in [0, 1] {
        let shift = |both: &mut [(*mut u8, usize); 2]| both[which].0 = both[which].0.wrapping_add(32);
        memory.refused(shift, WISP_MISALIGNED, "a multiple of 64 bytes");
    }
    memory.refused(|both| both[1].0 = both[0].0, WISP_OVERLAP, "prepared and arena share memory");
    memory.refused(|both| both[1].0 = tiny().as_ptr().cast_mut(), WISP_OVERLAP, "model and arena");
    memory.refused(|both| both[1].1 = usize::MAX, WISP_ARGUMENT, "arena: no memory has");
}

#[test]
fn threads_and_handles() {
    let options = Options { size: size_of::<Options>() as u32, threads: 2, ..Options::default() };
    let mut memory = Memory::new();
    let (prepared, arena) = (memory.prepared.as_mut_slice(), memory.arena.as_mut_slice());
    let mut session = null_mut();
    // SAFETY: variables of this function, and pointers that are refused.
    unsafe {
        let status = wisp_session_new(
            tiny().as_ptr(),
            tiny().len(),
            &raw const options,
            prepared.as_mut_ptr(),
            prepared.len(),
            arena.as_mut_ptr(),
            arena.len(),
            &raw mut session,
        );
        refused(status, WISP_THREADS, "a session runs on its caller's thread, not 2");
        let mut result = ClassScore::default();
        let frame = rgb(&[], 20, 20);
        let status = wisp_session_classify(null_mut(), &raw const frame, &raw mut result, 1);
        refused(status, WISP_NULL, "session");
        refused(wisp_session_info(null(), null_mut()), WISP_NULL, "session");
        refused(wisp_session_label(null(), 0, null_mut(), 0), WISP_NULL, "session");
        refused(wisp_session_set_frame_size(null_mut(), 1, 1, null_mut(), 0), WISP_NULL, "session");
        refused(wisp_session_run(null_mut(), null(), 0, null_mut(), 0), WISP_NULL, "session");
        wisp_session_free(null_mut());
    }
}

#[test]
fn frames_and_answers() {
    let mut memory = Memory::new();
    let (status, session) = memory.session(|_| ());
    assert_eq!(status, WISP_OK);
    let (scratch, length) = (memory.scratch.as_mut_ptr(), memory.scratch.len());
    let arena = memory.arena.as_mut_slice().as_mut_ptr();
    let pixels: Vec<u8> = (0..1200).map(|at| (at * 7 % 251) as u8).collect();
    let (frame, tall) = (rgb(&pixels, 20, 20), rgb(&pixels, 10, 40));
    let mut results = [ClassScore::default(); 2];
    let mut info = ModelInfo::default();
    // SAFETY: a handle and memory of this test, and pointers that are refused.
    unsafe {
        let classify = |frame, results: *mut ClassScore| wisp_session_classify(session, frame, results, 2);
        let to = results.as_mut_ptr();
        refused(classify(&raw const frame, to), WISP_FRAME_SIZE, "no frame size was announced");
        let announce = |width, height, scratch, length| {
            wisp_session_set_frame_size(session, width, height, scratch, length)
        };
        refused(announce(-20, 20, scratch, length), WISP_FRAME_SIZE, "-20x20");
        refused(announce(20, 20, null_mut(), length), WISP_NULL, "scratch");
        refused(announce(20, 20, scratch, length - 1), WISP_SCRATCH_TOO_SMALL, "were given");
        refused(announce(20, 20, arena, length), WISP_OVERLAP, "scratch and arena share memory");
        for _ in 0..2 {
            assert_eq!(announce(20, 20, scratch, length), WISP_OK);
        }
        refused(classify(&raw const tall, to), WISP_FRAME_SIZE, "the frame is 10×40");
        refused(classify(&raw const frame, arena.cast()), WISP_OVERLAP, "results and arena");
        let mut inside = frame;
        inside.planes[0].bytes = scratch;
        refused(classify(&raw const inside, to), WISP_OVERLAP, "frame and scratch");
        refused(wisp_session_classify(session, &raw const frame, to, 0), WISP_RESULTS, "0 were asked for");

        assert_eq!(classify(&raw const frame, to), WISP_OK);
        let engine = Owned::new(tiny());
        let mut expected = [ClassScore::default(); 2];
        assert_eq!(wisp_engine_classify(engine.0, &raw const frame, expected.as_mut_ptr(), 2), WISP_OK);
        assert_eq!(results, expected);

        assert_eq!(wisp_session_info(session, &raw mut info), WISP_OK);
        let (input, mut scores) = ([0.5; 768], [0.0; 100]);
        let classes = info.classes as usize;
        let mut run = |input: &[f32], count| {
            wisp_session_run(session, input.as_ptr(), input.len(), scores.as_mut_ptr(), count)
        };
        assert_eq!(run(&input, classes), WISP_OK);
        refused(run(&input, classes + 1), WISP_RESULTS, "scores");
        refused(run(&input[1..], classes), WISP_INPUT, "767 were given");
        wisp_session_free(session);
    }
}
