//! The handle over memory that the caller gives: for programs that place every byte themselves.

use crate::border::{self, addresses, apart};
use crate::error::{Failure, fail, guard};
use crate::frame::{self, Frame, sides};
use crate::model::{self, ModelInfo};
use crate::options::{self, Options};
use crate::results::{self, ClassScore};
use crate::status::{WISP_FRAME_SIZE, WISP_INPUT, WISP_THREADS};
use core::ffi::c_char;
use core::ops::Range;
use runtime::vision::Resampler;
use runtime::{Model, PrepareError};

/// A model over memory of the caller, which must stay and be left alone until the session is freed: the model's
/// bytes, prepared weights, arena and scratch. One call at a time; from any thread.
#[derive(Debug)]
pub struct Session {
    session: runtime::Session<'static>,
    resampler: Option<Resampler<'static>>,
    /// What the session borrows, with names for texts.
    memory: [(&'static str, Range<usize>); 4],
}

const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Session>();
};

impl Session {
    fn model(&self) -> &Model<'static> {
        self.session.prepared().model()
    }

    /// That an argument of a call shares no byte with the memory of the session.
    fn apart(&self, what: &str, other: &Range<usize>) -> Result<(), Failure> {
        self.memory.iter().try_for_each(|(name, memory)| apart((what, other), (name, memory)))
    }
}

/// Begins a session: prepares the model's weights in `prepared` and runs in `arena`, each at least as large and
/// aligned as wisp_model_requirements says with the same options. On failure the session is null. Only the handle
/// itself, some hundred bytes, is allocated.
///
/// # Safety
/// `model`, `prepared` and `arena` lead to as many bytes as are given, which nobody else uses until the session
/// is freed (the model may be read); `options` is null or leads to options, `session` to memory for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_new(
    model: *const u8,
    model_bytes: usize,
    options: *const Options,
    prepared: *mut u8,
    prepared_bytes: usize,
    arena: *mut u8,
    arena_bytes: usize,
    session: *mut *mut Session,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises. First, so that a failure leaves no wild handle.
        unsafe { border::give("session", session, core::ptr::null_mut()) }?;
        let memory = [
            ("model", addresses(model, model_bytes)),
            ("prepared", addresses(prepared, prepared_bytes)),
            ("arena", addresses(arena, arena_bytes)),
            ("scratch", 0..0),
        ];
        for (index, (name, one)) in memory.iter().enumerate() {
            memory.iter().skip(index + 1).try_for_each(|(other, two)| apart((name, one), (other, two)))?;
        }
        // SAFETY: as this function's caller promises, until the session is freed: so long the lifetimes, which
        // end with the handle, are needed. No two share a byte, as was just checked.
        let (bytes, options, prepared, arena) = unsafe {
            let bytes = border::slice("model", model, model_bytes)?;
            let options = options::read(options)?;
            let prepared = border::slice_mut("prepared", prepared, prepared_bytes)?;
            (bytes, options, prepared, border::slice_mut("arena", arena, arena_bytes)?)
        };
        if options.threads != 1 {
            let text =
                format_args!("options: a session runs on its caller's thread, not {}", options.threads);
            return Err(fail(WISP_THREADS, text));
        }
        let model = Model::from_bytes(bytes)?;
        let need = model.requirements(&options)?;
        // Before the weights are packed for nothing.
        if arena.len() < need.arena_bytes {
            let (needed, given) = (need.arena_bytes, arena.len());
            return Err(PrepareError::ArenaTooSmall { needed, given }.into());
        }
        let made = Session {
            session: runtime::Session::new(&model.prepare(&options, prepared)?, arena)?,
            resampler: None,
            memory,
        };
        // SAFETY: as this function's caller promises.
        unsafe { border::give("session", session, Box::into_raw(Box::new(made))) }
    })
}

/// Ends a session; the memory is the caller's again. Null is allowed.
///
/// # Safety
/// The session came from this library, no call uses it, and it is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_free(session: *mut Session) {
    guard(|| {
        // SAFETY: a handle came from `wisp_session_new`; the rest the caller promises.
        unsafe { border::free(session) };
        Ok(())
    });
}

/// Says what the session's model is.
///
/// # Safety
/// `session` is a handle of this library, `info` leads to memory that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_info(session: *const Session, info: *mut ModelInfo) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let session = unsafe { border::reference("session", session) }?;
        // SAFETY: as before.
        unsafe { border::give("info", info, model::info(session.model())) }
    })
}

/// Writes the label of a class, as wisp_engine_label does.
///
/// # Safety
/// `session` is a handle of this library, `text` leads to `capacity` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_label(
    session: *const Session,
    index: u32,
    text: *mut c_char,
    capacity: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let session = unsafe { border::reference("session", session) }?;
        // SAFETY: as before.
        unsafe { results::write_label(session.model(), index, text, capacity) }
    })
}

/// Announces the size of the frames to come, and gives the memory for it, at any alignment: at least as much as
/// wisp_model_scratch_bytes says. May be called again; the earlier memory is then free.
///
/// # Safety
/// `session` is a handle of this library that no other call uses, `scratch` leads to `scratch_bytes` bytes that
/// nobody else uses until the session is freed or given other scratch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_set_frame_size(
    session: *mut Session,
    width: i32,
    height: i32,
    scratch: *mut u8,
    scratch_bytes: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let session = unsafe { border::reference_mut("session", session) }?;
        // The old scratch may be given again.
        session.resampler = None;
        session.memory[3].1 = 0..0;
        let given = addresses(scratch, scratch_bytes);
        session.apart("scratch", &given)?;
        let size = sides(width, height)?;
        model::scratch_bytes(session.model(), size)?;
        // SAFETY: as this function's caller promises, until the resampler is replaced or the session freed; it
        // shares no byte with the session's other memory, as was just checked.
        let scratch = unsafe { border::slice_mut("scratch", scratch, scratch_bytes) }?;
        let (model, isa) = (session.model(), session.session.prepared().isa());
        let input = model.input();
        let resampler = Resampler::new(&model.info().preprocess, size, (input.width, input.height), scratch)?;
        session.resampler = Some(resampler.with_isa(isa)?);
        session.memory[3].1 = given;
        Ok(())
    })
}

/// Says what is in a picture, as wisp_engine_classify does. The frame has the size that was announced, and lies
/// outside of the session's memory, as do the results. Allocates nothing.
///
/// # Safety
/// `session` is a handle of this library that no other call uses, `frame` leads to a frame and its planes to
/// their bytes, `results` to `count` results that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_classify(
    session: *mut Session,
    frame: *const Frame,
    results: *mut ClassScore,
    count: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let session = unsafe { border::reference_mut("session", session) }?;
        results::check_best(count, session.model().info().class_count as usize)?;
        session.apart("results", &addresses(results, count))?;
        // SAFETY: as this function's caller promises; every bit pattern is a valid result.
        let ((frame, planes), results) =
            unsafe { (frame::read(frame)?, border::slice_mut("results", results, count)?) };
        planes.iter().try_for_each(|plane| session.apart("frame", plane))?;
        let resampler = session.resampler.as_mut().ok_or_else(|| {
            fail(WISP_FRAME_SIZE, format_args!("no frame size was announced: wisp_session_set_frame_size"))
        })?;
        resampler.run(frame, session.session.input_mut())?;
        results::write_best(session.session.run()?, results);
        Ok(())
    })
}

/// Runs the model on an input tensor, as wisp_engine_run does; both arrays lie outside of the session's memory.
///
/// # Safety
/// `session` is a handle of this library that no other call uses, `input` leads to `input_count` values, `scores`
/// to `scores_count` that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_session_run(
    session: *mut Session,
    input: *const f32,
    input_count: usize,
    scores: *mut f32,
    scores_count: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let session = unsafe { border::reference_mut("session", session) }?;
        results::check_scores(scores_count, session.model().info().class_count as usize)?;
        session.apart("input", &addresses(input, input_count))?;
        session.apart("scores", &addresses(scores, scores_count))?;
        // SAFETY: as this function's caller promises.
        let (input, to) = unsafe {
            let input = border::slice("input", input, input_count)?;
            (input, border::slice_mut("scores", scores, scores_count)?)
        };
        let tensor = session.session.input_mut();
        if tensor.len() != input.len() {
            let text =
                format_args!("the model's input has {} values, {} were given", tensor.len(), input_count);
            return Err(fail(WISP_INPUT, text));
        }
        tensor.copy_from_slice(input);
        to.iter_mut().zip(session.session.run()?).for_each(|(to, score)| *to = *score);
        Ok(())
    })
}
