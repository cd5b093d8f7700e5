//! Time from a camera's frame to the input tensor: `cargo bench --bench preprocess`.
//!
//! A line for each pixel format and size: median microseconds of the plain kernels and of this CPU's, measured
//! in turn. Pin it to one core for steady figures.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;
use wisp::Isa;
use wisp::vision::{Frame, PixelFormat, Preprocess, Resampler, scratch_bytes};

const INPUT: (u32, u32) = (224, 224);
const ROUNDS: usize = 101;

fn main() -> Result<(), Box<dyn Error>> {
    let best = Isa::detect();
    println!("frame      format  resize  generic µs  {best} µs  ratio");
    for size in [(320, 240), (640, 480), (1280, 720), (1920, 1080)] {
        for format in
            [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::I420]
        {
            for (resize, spec) in [("warp", Preprocess::caffe()), ("crop", Preprocess::torchvision())] {
                let [generic, simd] = medians(&spec, format, size, [Isa::Generic, best])?;
                let frame = format!("{}×{}", size.0, size.1);
                let format = format!("{format:?}");
                let ratio = generic / simd;
                println!("{frame:<10} {format:<7} {resize:<7} {generic:10.0} {simd:8.0} {ratio:6.1}");
            }
        }
    }
    Ok(())
}

/// Median microseconds of a frame on each instruction set.
fn medians(
    spec: &Preprocess,
    format: PixelFormat,
    size: (u32, u32),
    isas: [Isa; 2],
) -> Result<[f64; 2], Box<dyn Error>> {
    let (width, height) = (size.0 as usize, size.1 as usize);
    // The longest format's bytes; no two neighbours are alike.
    let bytes: Vec<u8> =
        (0..width * height * 3).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let frame = Frame::packed(format, &bytes, width, height)?;
    let mut tensor = vec![0.0; (INPUT.0 * INPUT.1 * 3) as usize];
    let mut scratches = isas.map(|_| vec![0; 0]);
    let mut times = isas.map(|_| Vec::new());
    for scratch in &mut scratches {
        scratch.resize(scratch_bytes(spec, size, INPUT)?, 0);
    }
    for _ in 0..ROUNDS {
        for ((isa, scratch), times) in isas.iter().zip(&mut scratches).zip(&mut times) {
            let mut resampler = Resampler::new(spec, size, INPUT, scratch)?.with_isa(*isa)?;
            let begin = Instant::now();
            resampler.run(black_box(&frame), &mut tensor)?;
            times.push(begin.elapsed().as_secs_f64() * 1e6);
            black_box(&tensor);
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}
