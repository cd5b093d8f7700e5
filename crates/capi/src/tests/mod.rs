//! Every wrong argument has its status and its text. Called as C calls, through pointers.

mod arguments;
mod frames;
mod sessions;

use crate::engine::*;
use crate::error::wisp_last_error;
use crate::frame::{Frame, Plane, WISP_RGB8};
use core::ffi::CStr;
use core::ptr::null;

/// A model of 16×16 pixels and a few classes, without labels.
pub(crate) fn tiny() -> &'static [u8] {
    include_bytes!("../../../../tests/data/tiny.wisp")
}

/// SqueezeNet in eight bits, with labels.
pub(crate) fn squeezenet() -> &'static [u8] {
    include_bytes!("../../../../models/squeezenet1.1-int8.wisp")
}

pub(crate) fn last_error() -> String {
    // SAFETY: the text ends with a NUL and stays until this thread's next failure.
    unsafe { CStr::from_ptr(wisp_last_error()) }.to_string_lossy().into_owned()
}

/// Checks the status of a call that fails, and that its text says so much.
#[track_caller]
pub(crate) fn refused(status: i32, expected: i32, text: &str) {
    let error = last_error();
    assert_eq!(status, expected, "{error}");
    assert!(error.contains(text), "{error:?} does not say {text:?}");
}

/// An engine that is freed at the end.
pub(crate) struct Owned(pub *mut Engine);

impl Owned {
    pub fn new(model: &[u8]) -> Self {
        let mut engine = core::ptr::null_mut();
        // SAFETY: slices and variables of this function.
        let status = unsafe { wisp_engine_from_bytes(model.as_ptr(), model.len(), null(), &raw mut engine) };
        assert_eq!(status, 0, "{}", last_error());
        Self(engine)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: made by `new`, used by nobody else.
        unsafe { wisp_engine_free(self.0) };
    }
}

/// A packed RGB frame over some bytes.
pub(crate) fn rgb(bytes: &[u8], width: i32, height: i32) -> Frame {
    let plane = Plane { bytes: bytes.as_ptr(), length: bytes.len(), stride: width as isize * 3 };
    let none = Plane { bytes: null(), length: 0, stride: 0 };
    let size = size_of::<Frame>() as u32;
    Frame { size, format: WISP_RGB8, width, height, colour: 0, planes: [plane, none, none] }
}
