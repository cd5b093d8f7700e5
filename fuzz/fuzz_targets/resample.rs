//! Frames of any size, stride and length into inputs of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wisp::vision::{Preprocess, Resampler, Resize, Rgb8, scratch_bytes};

fuzz_target!(|input: (u16, u16, u16, u8, u8, Option<u16>, &[u8])| {
    let (width, height, stride, columns, rows, shorter, pixels) = input;
    let mut spec = Preprocess::caffe();
    if let Some(shorter) = shorter {
        spec.resize = Resize::Crop { shorter: shorter.into() };
    }
    let (frame_size, size) = ((width.into(), height.into()), (columns.into(), rows.into()));
    let Ok(needed) = scratch_bytes(&spec, frame_size, size) else { return };
    let Ok(frame) = Rgb8::new(pixels, width.into(), height.into(), stride.into()) else { return };
    let mut scratch = vec![0; needed];
    let mut tensor = vec![0.0; usize::from(columns) * usize::from(rows) * 3];
    let mut resampler = Resampler::new(&spec, frame_size, size, &mut scratch).unwrap();
    resampler.run(&frame, &mut tensor).unwrap();
});
