//! Frames: formats, sides, strides, planes.

use super::{Owned, last_error, refused, rgb, tiny};
use crate::engine::wisp_engine_classify;
use crate::frame::*;
use crate::results::ClassScore;
use crate::status::*;
use core::ptr::null;

const SIDE: usize = 20;

fn classify(engine: &Owned, frame: *const Frame) -> i32 {
    let mut result = ClassScore::default();
    // SAFETY: a handle of the test, a frame over its own bytes or one that is refused, a local result.
    unsafe { wisp_engine_classify(engine.0, frame, &raw mut result, 1) }
}

#[test]
fn wrong_frames() {
    let engine = Owned::new(tiny());
    let pixels = [0; SIDE * SIDE * 3];
    let with = |change: fn(&mut Frame)| {
        let mut frame = rgb(&pixels, SIDE as i32, SIDE as i32);
        change(&mut frame);
        classify(&engine, &raw const frame)
    };
    assert_eq!(with(|_| ()), WISP_OK);
    refused(classify(&engine, null()), WISP_NULL, "frame: the pointer is null");
    refused(with(|frame| frame.size = 0), WISP_STRUCT_SIZE, "frame: size is 0");
    refused(with(|frame| frame.format = 5), WISP_ARGUMENT, "format is 5");
    refused(with(|frame| frame.colour = 4), WISP_ARGUMENT, "colour is 4");
    refused(with(|frame| frame.width = -1), WISP_FRAME_SIZE, "-1x20");
    refused(with(|frame| frame.height = 0), WISP_FRAME_SIZE, "20x0");
    refused(with(|frame| frame.height = 65536), WISP_FRAME_SIZE, "20x65536");
    refused(with(|frame| frame.planes[0].bytes = null()), WISP_NULL, "plane 0 of the frame");
    refused(with(|frame| frame.planes[0].stride = -60), WISP_STRIDE, "the stride is -60");
    refused(with(|frame| frame.planes[0].stride = 59), WISP_STRIDE, "takes 60 bytes, its stride is 59");
    refused(
        with(|frame| frame.planes[0].length -= 1),
        WISP_FRAME_TOO_SHORT,
        "takes 1200 bytes, 1199 were given",
    );
    refused(with(|frame| frame.planes[0].stride = isize::MAX), WISP_FRAME_TOO_SHORT, "plane 0");
    refused(with(|frame| frame.planes[0].length = usize::MAX), WISP_ARGUMENT, "no memory has");
    refused(with(|frame| frame.format = WISP_NV12), WISP_NULL, "plane 1 of the frame");
}

#[test]
fn all_formats_are_taken() {
    let engine = Owned::new(tiny());
    let bytes = [100; SIDE * SIDE * 3];
    let plane = |stride: usize, rows: usize| Plane {
        bytes: bytes.as_ptr(),
        length: stride * rows,
        stride: stride as isize,
    };
    let none = Plane { bytes: null(), length: 0, stride: 0 };
    for (format, planes) in [
        (WISP_RGB8, [plane(60, 20), none, none]),
        (WISP_BGR8, [plane(60, 20), none, none]),
        (WISP_YUYV, [plane(40, 20), none, none]),
        (WISP_NV12, [plane(20, 20), plane(20, 10), none]),
        (WISP_I420, [plane(20, 20), plane(10, 10), plane(10, 10)]),
    ] {
        for colour in [WISP_BT601, WISP_BT709, WISP_BT601_FULL, WISP_BT709_FULL] {
            let size = size_of::<Frame>() as u32;
            let frame = Frame { size, format, width: SIDE as i32, height: SIDE as i32, colour, planes };
            assert_eq!(classify(&engine, &raw const frame), WISP_OK, "{format}: {}", last_error());
        }
    }
}
