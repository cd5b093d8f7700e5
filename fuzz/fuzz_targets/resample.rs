//! Frames of any format, size, stride and length into inputs of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wisp::vision::{Frame, PixelFormat, Plane, Preprocess, Resampler, Resize, scratch_bytes};

const FORMATS: [PixelFormat; 5] =
    [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::I420];

fuzz_target!(|input: (u8, u16, u16, [u16; 3], u8, u8, Option<u16>, &[u8])| {
    let (format, width, height, strides, columns, rows, shorter, bytes) = input;
    let format = FORMATS[usize::from(format) % FORMATS.len()];
    let mut spec = Preprocess::caffe();
    if let Some(shorter) = shorter {
        spec.resize = Resize::Crop { shorter: shorter.into() };
    }
    let (frame_size, size) = ((width.into(), height.into()), (columns.into(), rows.into()));
    let Ok(needed) = scratch_bytes(&spec, frame_size, size) else { return };
    // The planes may share their bytes: they are only read.
    let planes = strides.map(|stride| Plane { bytes, stride: stride.into() });
    let planes = &planes[..format.planes()];
    let Ok(frame) = Frame::new(format, width.into(), height.into(), planes) else { return };
    let mut scratch = vec![0; needed];
    let mut tensor = vec![0.0; usize::from(columns) * usize::from(rows) * 3];
    let mut resampler = Resampler::new(&spec, frame_size, size, &mut scratch).unwrap();
    resampler.run(frame, &mut tensor).unwrap();
});
