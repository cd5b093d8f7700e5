//! The header section: what an application must know about a model before it runs it.

use super::{LoadError, Reader};
use crate::vision::{ChannelOrder, PixelRange, Preprocess, Resize};

/// Bytes of the section.
pub const LENGTH: usize = 112;
/// Longest model name in bytes.
pub const NAME: usize = 63;
/// The runtime level that this crate implements; a file may ask for at most this.
pub const RUNTIME: u32 = 1;
/// Upper bound on the arena's bytes for activations: 1 GiB.
pub const MAX_ARENA: u64 = 1 << 30;

/// Where the values of the weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// From training: the scores mean something.
    Trained,
    /// From a random generator with a fixed seed, to measure size and speed: the scores mean nothing.
    Seeded,
}

/// What the header says of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    name: [u8; NAME],
    name_length: u8,
    /// Number of scores that the model gives.
    pub class_count: u32,
    /// Whether the weights were trained.
    pub weights: Weights,
    /// How a picture becomes the input tensor.
    pub preprocess: Preprocess,
    /// Bytes of the arena that the buffers take; scratch memory comes on top.
    pub arena_bytes: u64,
}

impl Info {
    /// Describes a model. A name longer than [`NAME`] bytes is cut at a character's border.
    pub fn new(
        name: &str,
        class_count: u32,
        weights: Weights,
        preprocess: Preprocess,
        arena_bytes: u64,
    ) -> Self {
        let mut length = name.len().min(NAME);
        while !name.is_char_boundary(length) {
            length -= 1;
        }
        let mut bytes = [0; NAME];
        for (to, from) in bytes.iter_mut().zip(name.bytes().take(length)) {
            *to = from;
        }
        Self { name: bytes, name_length: length as u8, class_count, weights, preprocess, arena_bytes }
    }

    /// The model's name, such as `squeezenet1.1`.
    pub fn name(&self) -> &str {
        let bytes = self.name.get(..usize::from(self.name_length)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

pub(crate) fn parse(mut reader: Reader<'_>) -> Result<Info, LoadError> {
    let name_length = reader.u8("name length")?;
    let bytes = reader.take(NAME, "name")?;
    let (text, rest) = bytes
        .split_at_checked(name_length.into())
        .ok_or_else(|| reader.invalid("name length", name_length.into(), "at most 63"))?;
    let text = core::str::from_utf8(text).map_err(|_| reader.invalid("name", name_length.into(), "UTF-8"))?;
    if rest.iter().any(|&byte| byte != 0) {
        return Err(reader.invalid("name", name_length.into(), "padded with zeros"));
    }
    let class_count = reader.u32("class count")?;
    let runtime = reader.u32("minimum runtime")?;
    if runtime != RUNTIME {
        return Err(reader.invalid("minimum runtime", runtime.into(), "1: this runtime is too old"));
    }
    let weights = match reader.u8("weights")? {
        0 => Weights::Trained,
        1 => Weights::Seeded,
        other => return Err(reader.invalid("weights", other.into(), "0 (trained) or 1 (seeded)")),
    };
    let resize = reader.u8("resize")?;
    let order = match reader.u8("channel order")? {
        0 => ChannelOrder::Rgb,
        1 => ChannelOrder::Bgr,
        other => return Err(reader.invalid("channel order", other.into(), "0 (RGB) or 1 (BGR)")),
    };
    let range = match reader.u8("pixel range")? {
        0 => PixelRange::Byte,
        1 => PixelRange::Unit,
        other => return Err(reader.invalid("pixel range", other.into(), "0 (0..255) or 1 (0..1)")),
    };
    let shorter = reader.u32("shorter side")?;
    let resize = match (resize, shorter) {
        (0, 0) => Resize::Warp,
        (0, other) => {
            return Err(reader.invalid("shorter side", other.into(), "0 when the resize is a warp"));
        }
        (1, _) => Resize::Crop { shorter },
        (other, _) => return Err(reader.invalid("resize", other.into(), "0 (warp) or 1 (crop)")),
    };
    let mut mean = [0.0; 3];
    for value in &mut mean {
        *value = reader.f32("mean")?;
    }
    let mut std = [0.0; 3];
    for value in &mut std {
        *value = reader.f32("std")?;
    }
    let preprocess = Preprocess { resize, order, range, mean, std };
    preprocess.check().map_err(|_| {
        reader.invalid("preprocessing", 0, "finite means, finite std other than 0, a shorter side above 0")
    })?;
    let arena_bytes = reader.u64("arena bytes")?;
    if arena_bytes > MAX_ARENA {
        return Err(reader.invalid("arena bytes", arena_bytes, "at most 1 GiB"));
    }
    reader.finish()?;
    Ok(Info::new(text, class_count, weights, preprocess, arena_bytes))
}

pub(crate) fn emit(info: &Info, out: &mut impl Extend<u8>) {
    out.extend([info.name_length]);
    out.extend(info.name);
    out.extend(info.class_count.to_le_bytes());
    out.extend(RUNTIME.to_le_bytes());
    let preprocess = &info.preprocess;
    let (resize, shorter) = match preprocess.resize {
        Resize::Warp => (0, 0),
        Resize::Crop { shorter } => (1, shorter),
    };
    out.extend([
        matches!(info.weights, Weights::Seeded).into(),
        resize,
        matches!(preprocess.order, ChannelOrder::Bgr).into(),
        matches!(preprocess.range, PixelRange::Unit).into(),
    ]);
    out.extend(shorter.to_le_bytes());
    for value in preprocess.mean.iter().chain(&preprocess.std) {
        out.extend(value.to_le_bytes());
    }
    out.extend(info.arena_bytes.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Section;

    #[test]
    fn comes_back_as_it_went_in() {
        for preprocess in [Preprocess::caffe(), Preprocess::torchvision()] {
            let info = Info::new("squeezenet1.1", 1000, Weights::Seeded, preprocess, 4096);
            let mut bytes = heapless::Vec::<u8, LENGTH>::new();
            emit(&info, &mut bytes);
            assert_eq!(bytes.len(), LENGTH);
            assert_eq!(parse(Reader::new(Section::Header, 0, &bytes)), Ok(info));
            assert_eq!(info.name(), "squeezenet1.1");
        }
    }

    #[test]
    fn cuts_a_long_name_between_characters() {
        let info = Info::new(&"ä".repeat(40), 1, Weights::Trained, Preprocess::caffe(), 0);
        assert_eq!(info.name(), "ä".repeat(31));
    }
}
