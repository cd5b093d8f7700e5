//! The shipped model in eight bits gives the same bits for the sample pictures on every machine: resampling,
//! every integer layer of SqueezeNet, and the scores.

mod common;

use common::isas;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use wisp::vision::Rgb8;
use wisp::{Engine, Options};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// Written down once, on x86-64. PNGs only: JPEG decoders may differ.
#[test]
fn scores_are_these_on_every_machine() {
    let expected = [
        ("chelsea.png", 285, "3e1613371247097fa687be7c29b56cdb"),
        ("coffee.png", 967, "bc1cd9e82a1837105b8e0559a1996fcb"),
        ("airliner.png", 404, "899596b8632594854505c3cc73fcbeb2"),
    ];
    // Plain Rust without optimisation takes seconds a picture.
    let count = if cfg!(debug_assertions) { 1 } else { expected.len() };
    for isa in isas() {
        let file = models().join("squeezenet1.1-int8.wisp");
        let mut engine = Engine::from_file(file, &Options::default().with_isa(isa)).unwrap();
        for (name, class, digest) in expected.into_iter().take(count) {
            let picture = image::open(models().join("samples").join(name)).unwrap().to_rgb8();
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let scores = engine.classify(Rgb8::packed(&picture, width, height).unwrap()).unwrap().to_vec();
            let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            assert_eq!(best, Some(class), "{isa}: {name}");
            let mut hash = Sha256::new();
            for value in engine.logits().unwrap().iter().chain(&scores) {
                hash.update(value.to_le_bytes());
            }
            let found: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, digest, "{isa}: {name}");
        }
    }
}
