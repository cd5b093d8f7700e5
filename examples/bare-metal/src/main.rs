//! A model from the program's own data, static memory, no heap and no system: label and digest of the scores.
//! `run` builds it, runs it under qemu and compares with the host.

#![no_std]
#![no_main]

mod board;

use board::{Aligned, say};
use sha2::{Digest, Sha256};
use wisp::vision::{Frame, PixelFormat, Resampler, top_k};
use wisp::{Model, Options, Session, include_wisp};

static MODEL: &[u8] = include_wisp!("../../../models/squeezenet1.1-int8.wisp");
static PICTURE: &[u8] = include_bytes!(env!("WISP_PICTURE")); // a PPM

/// What `main` does, with the memory that `Model::requirements` asks for; more is given than it takes.
fn classify(
    prepared: &mut Aligned<3_000_000>,
    arena: &mut Aligned<2_000_000>,
    scratch: &mut Aligned<100_000>,
) -> Result<(), &'static str> {
    let (width, height, pixels) = board::ppm(PICTURE).ok_or("the picture is not a PPM")?;
    let model = Model::from_bytes(MODEL).map_err(|_| "the model is not valid")?;
    let prepared = model.prepare(&Options::default(), &mut prepared.0).map_err(|_| "prepare")?;
    let mut session = Session::new(&prepared, &mut arena.0).map_err(|_| "session")?;

    let (frame, input) = ((width as u32, height as u32), (model.input().width, model.input().height));
    let mut resampler =
        Resampler::new(&model.info().preprocess, frame, input, &mut scratch.0).map_err(|_| "resampler")?;
    let frame = Frame::packed(PixelFormat::Rgb8, pixels, width, height).map_err(|_| "frame")?;
    resampler.run(frame, session.input_mut()).map_err(|_| "resize")?;
    let scores = session.run().map_err(|_| "run")?;

    for best in top_k::<5>(scores, 5) {
        let label = model.label(best.index).unwrap_or("?");
        say(|out| writeln!(out, "{:.3}  {label} ({})", best.score, best.index));
    }
    let mut digest = Sha256::new();
    scores.iter().for_each(|score| digest.update(score.to_le_bytes()));
    say(|out| digest.finalize().iter().try_for_each(|byte| write!(out, "{byte:02x}")));
    say(|out| writeln!(out));
    Ok(())
}
