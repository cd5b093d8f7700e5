//! Picture files: decoded with bounds, whole or not at all.

use anyhow::{Context, Result, bail};
use image::{ImageDecoder, ImageFormat, ImageReader, Limits};
use std::cell::Cell;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use wisp::vision::Rgb8;

/// Largest file that is read.
const MAX_FILE: u64 = 256 << 20;
/// Most pixels of a picture: 100 megapixels take 300 MB decoded.
const MAX_PIXELS: u64 = 100_000_000;

/// A decoded picture.
#[derive(Debug)]
pub struct Picture {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

impl Picture {
    /// Reads a JPEG or PNG file, upright as its EXIF orientation says.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let length = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?.len();
        if length > MAX_FILE {
            bail!("{name} has {length} bytes, the limit for a picture is {MAX_FILE}");
        }
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
        decode(&bytes).with_context(|| format!("cannot decode {name}"))
    }

    /// The pixels.
    pub fn view(&self) -> Result<Rgb8<'_>> {
        Ok(Rgb8::packed(&self.pixels, self.width, self.height)?)
    }
}

fn decode(bytes: &[u8]) -> Result<Picture> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => check_jpeg_end(bytes)?,
        Ok(ImageFormat::Png) => {}
        _ => bail!("it is neither a JPEG nor a PNG picture"),
    }
    let picture = without_panic(|| -> Result<_> {
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PIXELS * 16);
        reader.limits(limits);
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            bail!("it is {width}×{height} pixels, the limit is {} megapixels", MAX_PIXELS / 1_000_000);
        }
        let orientation = decoder.orientation()?;
        let mut picture = image::DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture.into_rgb8())
    })??;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Ok(Picture { pixels: picture.into_raw(), width, height })
}

/// A JPEG that was cut off is decoded with grey where pixels are missing; the end marker tells.
fn check_jpeg_end(bytes: &[u8]) -> Result<()> {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    match (last(0xda), last(0xd9)) {
        (Some(scan), Some(end)) if end > scan => Ok(()),
        _ => bail!("the JPEG is cut off: its end marker is missing after {} bytes", bytes.len()),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder that may panic on a damaged file, and makes an error of it.
fn without_panic<T>(work: impl FnOnce() -> T) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    outcome.map_err(|_| anyhow::anyhow!("the decoder gave up on it: the file is damaged"))
}
