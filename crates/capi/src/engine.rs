//! The handle that owns all its memory.

use crate::border;
use crate::error::{Failure, fail, guard};
use crate::frame::{self, Frame};
use crate::model::{self, ModelInfo};
use crate::options::{self, Options};
use crate::results::{self, ClassScore};
use crate::status::WISP_ARGUMENT;
use core::ffi::{CStr, c_char};

/// A model with all the memory that it takes. One call at a time; from any thread.
#[derive(Debug)]
pub struct Engine(runtime::Engine);

// A handle may move to another thread, and be looked at by several.
const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Engine>();
};

/// Gives an engine to the caller as a handle, or null with a failure.
///
/// # Safety
/// `engine` is null or leads to memory for a pointer that may be written.
unsafe fn hand_over(
    engine: *mut *mut Engine,
    make: impl FnOnce() -> Result<runtime::Engine, Failure>,
) -> Result<(), Failure> {
    // SAFETY: as the caller promises. First, so that a failure leaves no wild handle.
    unsafe { border::give("engine", engine, core::ptr::null_mut()) }?;
    let made = Box::into_raw(Box::new(Engine(make()?)));
    // SAFETY: as before.
    unsafe { border::give("engine", engine, made) }
}

/// Makes an engine of a model in memory, which need not stay. On failure the engine is null.
///
/// # Safety
/// `model` leads to `model_bytes` bytes, `options` is null or leads to options, `engine` to memory for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_from_bytes(
    model: *const u8,
    model_bytes: usize,
    options: *const Options,
    engine: *mut *mut Engine,
) -> i32 {
    let make = || {
        // SAFETY: as this function's caller promises.
        let (bytes, options) =
            unsafe { (border::slice("model", model, model_bytes)?, options::read(options)?) };
        Ok(runtime::Engine::from_bytes(bytes, &options)?)
    };
    // SAFETY: as this function's caller promises.
    guard(|| unsafe { hand_over(engine, make) })
}

/// Makes an engine of a .wisp file, whose path is UTF-8 and ends with a NUL. On failure the engine is null.
///
/// # Safety
/// `path` leads to bytes up to a NUL, `options` is null or leads to options, `engine` to memory for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_from_file(
    path: *const c_char,
    options: *const Options,
    engine: *mut *mut Engine,
) -> i32 {
    let make = || {
        // SAFETY: as this function's caller promises; of the path, one byte is there at least.
        let options = unsafe {
            border::reference("path", path)?;
            options::read(options)?
        };
        // SAFETY: not null, and bytes up to a NUL, as this function's caller promises.
        let path = unsafe { CStr::from_ptr(path) };
        let path =
            path.to_str().map_err(|_| fail(WISP_ARGUMENT, format_args!("path: it is not valid UTF-8")))?;
        Ok(runtime::Engine::from_file(path, &options)?)
    };
    // SAFETY: as this function's caller promises.
    guard(|| unsafe { hand_over(engine, make) })
}

/// Ends an engine and gives its memory and threads back. Null is allowed.
///
/// # Safety
/// The engine came from this library, no call uses it, and it is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_free(engine: *mut Engine) {
    guard(|| {
        // SAFETY: a handle came from `hand_over`; the rest the caller promises.
        unsafe { border::free(engine) };
        Ok(())
    });
}

/// Says what the engine's model is.
///
/// # Safety
/// `engine` is a handle of this library, `info` leads to memory that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_info(engine: *const Engine, info: *mut ModelInfo) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let engine = unsafe { border::reference("engine", engine) }?;
        // SAFETY: as before.
        unsafe { border::give("info", info, model::info(&engine.0.model())) }
    })
}

/// Writes the label of a class, UTF-8 with a NUL, into a text of `capacity` bytes; too few are an error.
///
/// # Safety
/// `engine` is a handle of this library, `text` leads to `capacity` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_label(
    engine: *const Engine,
    index: u32,
    text: *mut c_char,
    capacity: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let engine = unsafe { border::reference("engine", engine) }?;
        // SAFETY: as before.
        unsafe { results::write_label(&engine.0.model(), index, text, capacity) }
    })
}

/// Says what is in a picture: exactly `count` results, best first; `count` is 1 to WISP_MAX_RESULTS, and no more
/// than there are classes. Allocates for the first picture of a new size only.
///
/// # Safety
/// `engine` is a handle of this library that no other call uses, `frame` leads to a frame and its planes to their
/// bytes, `results` to `count` results that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_classify(
    engine: *mut Engine,
    frame: *const Frame,
    results: *mut ClassScore,
    count: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises; every bit pattern is a valid result.
        let (engine, (frame, _), results) = unsafe {
            let engine = border::reference_mut("engine", engine)?;
            (engine, frame::read(frame)?, border::slice_mut("results", results, count)?)
        };
        results::check_best(count, engine.0.model().info().class_count as usize)?;
        results::write_best(engine.0.classify(frame)?, results);
        Ok(())
    })
}

/// Runs the model on an input tensor: rows of pixels of channels, prepared as the model wants them. Writes the
/// scores, one a class: `scores_count` must be the number of classes.
///
/// # Safety
/// `engine` is a handle of this library that no other call uses, `input` leads to `input_count` values, `scores`
/// to `scores_count` that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wisp_engine_run(
    engine: *mut Engine,
    input: *const f32,
    input_count: usize,
    scores: *mut f32,
    scores_count: usize,
) -> i32 {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let (engine, input, to) = unsafe {
            let engine = border::reference_mut("engine", engine)?;
            let input = border::slice("input", input, input_count)?;
            (engine, input, border::slice_mut("scores", scores, scores_count)?)
        };
        results::check_scores(scores_count, engine.0.model().info().class_count as usize)?;
        to.iter_mut().zip(engine.0.run(input)?).for_each(|(to, score)| *to = *score);
        Ok(())
    })
}
