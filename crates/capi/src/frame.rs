//! A picture as cameras deliver it, as C says it.

use crate::border::{self, addresses};
use crate::error::{Failure, fail};
use crate::options::check_size;
use crate::status::{WISP_ARGUMENT, WISP_FRAME_SIZE, WISP_STRIDE};
use core::ops::Range;
use runtime::vision::{self, Colour, PixelFormat};

/// Red, green, blue: three bytes a pixel.
pub const WISP_RGB8: i32 = 0;
/// Blue, green, red: three bytes a pixel.
pub const WISP_BGR8: i32 = 1;
/// Y U Y V (YUY2): four bytes for two pixels side by side.
pub const WISP_YUYV: i32 = 2;
/// A plane of Y, then one of U V: two bytes for 2x2 pixels.
pub const WISP_NV12: i32 = 3;
/// A plane each of Y, U and V (YUV420, YU12).
pub const WISP_I420: i32 = 4;

/// Luma and chroma of ITU-R BT.601, luma 16 to 235: the default; SD video.
pub const WISP_BT601: i32 = 0;
/// Luma and chroma of ITU-R BT.709, luma 16 to 235: HD video.
pub const WISP_BT709: i32 = 1;
/// BT.601 over the whole range of a byte: JPEG, many webcams.
pub const WISP_BT601_FULL: i32 = 2;
/// BT.709 over the whole range of a byte.
pub const WISP_BT709_FULL: i32 = 3;

/// The bytes of one plane. They may be written again as soon as the call is over.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Plane {
    /// The first row.
    pub bytes: *const u8,
    /// Bytes that there are, from the first row to the end of the last one.
    pub length: usize,
    /// Bytes from the beginning of one row to that of the next.
    pub stride: isize,
}

/// A picture in memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// sizeof(wisp_frame).
    pub size: u32,
    /// WISP_RGB8, WISP_BGR8, WISP_YUYV, WISP_NV12 or WISP_I420.
    pub format: i32,
    /// Pixels a row, 1 to 65535.
    pub width: i32,
    /// Rows, 1 to 65535.
    pub height: i32,
    /// One of WISP_BT...; no matter for WISP_RGB8 and WISP_BGR8.
    pub colour: i32,
    /// As many as the format has: 1, 2 for WISP_NV12, 3 for WISP_I420. The others are not looked at.
    pub planes: [Plane; 3],
}

/// Width and height, if a frame can have them.
pub(crate) fn sides(width: i32, height: i32) -> Result<(u32, u32), Failure> {
    let side = |side| u32::try_from(side).ok().filter(|&side| (1..=65535).contains(&side));
    side(width).zip(side(height)).ok_or_else(|| {
        fail(
            WISP_FRAME_SIZE,
            format_args!("a frame of {width}x{height} pixels: each side must be 1 to 65535"),
        )
    })
}

/// The runtime's frame from the one that a pointer leads to, with the addresses of its planes.
///
/// # Safety
/// If the pointer is not null, it leads to a frame (or at least its `size`), the planes of its format to as many
/// bytes as they say, and nobody writes either during `'a`.
pub(crate) unsafe fn read<'a>(
    pointer: *const Frame,
) -> Result<(vision::Frame<'a>, [Range<usize>; 3]), Failure> {
    // SAFETY: the first field alone, for the rest may not be there. The caller promises it.
    let size = *unsafe { border::reference("frame", pointer.cast::<u32>()) }?;
    check_size("frame", size, size_of::<Frame>())?;
    // SAFETY: the size says that all fields are there, as the caller promises.
    let given: &Frame = unsafe { border::reference("frame", pointer) }?;
    let format = match given.format {
        WISP_RGB8 => PixelFormat::Rgb8,
        WISP_BGR8 => PixelFormat::Bgr8,
        WISP_YUYV => PixelFormat::Yuyv,
        WISP_NV12 => PixelFormat::Nv12,
        WISP_I420 => PixelFormat::I420,
        other => {
            return Err(fail(WISP_ARGUMENT, format_args!("frame: format is {other}, not one of 0 to 4")));
        }
    };
    let colour = match given.colour {
        WISP_BT601 => Colour::Bt601,
        WISP_BT709 => Colour::Bt709,
        WISP_BT601_FULL => Colour::Bt601Full,
        WISP_BT709_FULL => Colour::Bt709Full,
        other => {
            return Err(fail(WISP_ARGUMENT, format_args!("frame: colour is {other}, not one of 0 to 3")));
        }
    };
    let (width, height) = sides(given.width, given.height)?;
    let mut planes = [vision::Plane::default(); 3];
    let mut memory = [const { 0..0 }; 3];
    let names = ["plane 0 of the frame", "plane 1 of the frame", "plane 2 of the frame"];
    for (index, name) in names.iter().enumerate().take(format.planes()) {
        let plane = given.planes[index];
        let stride = usize::try_from(plane.stride)
            .map_err(|_| fail(WISP_STRIDE, format_args!("{name}: the stride is {}", plane.stride)))?;
        // SAFETY: a plane of the format, of which the caller promises the bytes.
        let bytes = unsafe { border::slice(name, plane.bytes, plane.length) }?;
        planes[index] = vision::Plane { bytes, stride };
        memory[index] = addresses(plane.bytes, plane.length);
    }
    let planes = planes.get(..format.planes()).unwrap_or_default();
    let frame = vision::Frame::new(format, width as usize, height as usize, planes)?;
    Ok((frame.with_colour(colour), memory))
}
