//! A picture file as a PPM, which a few lines of C read: `cargo run --release --example ppm -- PICTURE OUT.ppm`.

use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(picture), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ppm PICTURE OUT.ppm".into());
    };
    let pixels = image::open(picture)?.into_rgb8();
    let mut file = std::fs::File::create(out)?;
    write!(file, "P6\n{} {}\n255\n", pixels.width(), pixels.height())?;
    file.write_all(&pixels)?;
    Ok(())
}
