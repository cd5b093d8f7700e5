//! The provenance section: which file a model was made from, and by what. For people and audits; no
//! decision is taken on it.
//!
//! ```text
//! 0   SHA-256 of the source        32 bytes
//! 32  length of the source's name  u16, then the name
//!     length of the tool's name    u16, then the name
//! ```

use super::{LoadError, Reader};

/// Longest text in bytes.
const MAX: usize = 1024;

/// Where a model came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Provenance<'a> {
    /// SHA-256 of the source file.
    pub digest: [u8; 32],
    /// File name of the source, without its folder.
    pub source: &'a str,
    /// Name and version of the compiler.
    pub tool: &'a str,
}

fn text<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a str, LoadError> {
    let length = reader.u16(field)?;
    if usize::from(length) > MAX {
        return Err(reader.invalid(field, length.into(), "at most 1024 bytes"));
    }
    let bytes = reader.take(length.into(), field)?;
    core::str::from_utf8(bytes).map_err(|_| reader.invalid(field, length.into(), "UTF-8"))
}

pub(crate) fn parse<'a>(mut reader: Reader<'a>) -> Result<Provenance<'a>, LoadError> {
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(reader.take(32, "source digest")?) {
        *to = *from;
    }
    let source = text(&mut reader, "source name")?;
    let tool = text(&mut reader, "tool name")?;
    reader.finish()?;
    Ok(Provenance { digest, source, tool })
}

/// The part of `text` that fits, cut at a character's border.
fn fitting(text: &str) -> &str {
    let mut length = text.len().min(MAX);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    text.get(..length).unwrap_or_default()
}

pub(crate) fn length(provenance: &Provenance<'_>) -> usize {
    32 + 2 + fitting(provenance.source).len() + 2 + fitting(provenance.tool).len()
}

pub(crate) fn emit(provenance: &Provenance<'_>, out: &mut impl Extend<u8>) {
    out.extend(provenance.digest);
    for text in [fitting(provenance.source), fitting(provenance.tool)] {
        out.extend((text.len() as u16).to_le_bytes());
        out.extend(text.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Section;

    #[test]
    fn comes_back_as_it_went_in() {
        let provenance = Provenance { digest: [7; 32], source: "squeezenet1.1.onnx", tool: "wisp 0.1.0" };
        let mut bytes = heapless::Vec::<u8, 128>::new();
        emit(&provenance, &mut bytes);
        assert_eq!(bytes.len(), length(&provenance));
        assert_eq!(parse(Reader::new(Section::Provenance, 0, &bytes)), Ok(provenance));
    }
}
