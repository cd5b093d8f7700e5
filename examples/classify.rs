//! A picture file in, five labels out: `cargo run --release --example classify -- PICTURE [MODEL.wisp]`.
//!
//! The runtime decodes no files; this example takes the `image` crate for that. A camera's frame would go
//! to `Frame::new` as it is, in its pixel format and with its strides.

use std::error::Error;
use wisp::{Engine, Options, vision};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().ok_or("usage: classify PICTURE [MODEL.wisp]")?;
    let model = arguments.next().unwrap_or_else(|| "models/squeezenet1.1.wisp".into());

    let mut engine = Engine::from_file(model, &Options::default())?;
    let pixels = image::open(picture)?.into_rgb8();
    let frame = vision::Rgb8::packed(&pixels, pixels.width() as usize, pixels.height() as usize)?;
    let best = vision::top_k::<5>(engine.classify(frame)?, 5);
    for class in best {
        println!("{:.3} {}", class.score, engine.model().label(class.index).unwrap_or("?"));
    }
    Ok(())
}
