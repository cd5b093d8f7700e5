//! Five labels and the SHA-256 of all scores, to compare with another machine's:
//! `cargo run --release --example fingerprint -- MODEL.wisp PICTURE`.

use sha2::{Digest, Sha256};
use std::error::Error;
use wisp::{Engine, Options, vision};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(picture)) = (arguments.next(), arguments.next()) else {
        return Err("usage: fingerprint MODEL.wisp PICTURE".into());
    };
    let mut engine = Engine::from_file(model, &Options::default())?;
    let pixels = image::open(picture)?.into_rgb8();
    let frame = vision::Rgb8::packed(&pixels, pixels.width() as usize, pixels.height() as usize)?;
    let scores = engine.classify(frame)?.to_vec();
    for best in vision::top_k::<5>(&scores, 5) {
        println!("{:.3}  {} ({})", best.score, engine.model().label(best.index).unwrap_or("?"), best.index);
    }
    let digest = Sha256::digest(scores.iter().flat_map(|score| score.to_le_bytes()).collect::<Vec<u8>>());
    println!("{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Ok(())
}
