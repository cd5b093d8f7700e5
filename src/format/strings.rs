//! A table of strings: step names and class labels.
//!
//! ```text
//! 0   count             u32
//! 4   end[count]        u32 each, from the first byte of the text
//!     text              UTF-8, nothing between the strings
//! ```

use super::bytes::load_u32;
use super::{LoadError, Reader};

/// Most strings in one table.
pub const MAX: u32 = 1 << 20;

/// A checked table of strings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    ends: &'a [u8],
    text: &'a [u8],
}

impl<'a> Strings<'a> {
    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.ends.len() / 4
    }

    /// The string at `index`.
    pub fn get(&self, index: usize) -> Option<&'a str> {
        if index >= self.len() {
            return None;
        }
        let start = if index == 0 { 0 } else { load_u32(self.ends, (index - 1) * 4) };
        let bytes = self.text.get(start as usize..load_u32(self.ends, index * 4) as usize)?;
        // Checked text is UTF-8; looking again at a few bytes is cheaper than `unsafe`.
        core::str::from_utf8(bytes).ok()
    }
}

/// Checks a table. After it, [`view`] of the same bytes is the same table.
pub(crate) fn parse<'a>(mut reader: Reader<'a>) -> Result<Strings<'a>, LoadError> {
    let count = reader.u32("string count")?;
    if count > MAX {
        return Err(reader.invalid("string count", count.into(), "at most 1048576"));
    }
    let ends = reader.take(count as usize * 4, "string ends")?;
    let length = if count == 0 { 0 } else { load_u32(ends, ends.len() - 4) };
    let text = reader.take(length as usize, "text")?;
    let characters = core::str::from_utf8(text)
        .map_err(|error| reader.invalid("text", error.valid_up_to() as u64, "UTF-8 (valid up to here)"))?;
    let mut start = 0;
    for index in 0..count as usize {
        let end = load_u32(ends, index * 4);
        if end < start || !characters.is_char_boundary(end as usize) {
            return Err(reader.invalid(
                "string end",
                end.into(),
                "not before the string's start, on a character's border",
            ));
        }
        start = end;
    }
    reader.finish()?;
    Ok(Strings { ends, text })
}

/// The table in bytes that [`parse`] has accepted, without checking them again.
pub(crate) fn view(bytes: &[u8]) -> Strings<'_> {
    let count = load_u32(bytes, 0) as usize;
    let (ends, text) = bytes.get(4..).and_then(|rest| rest.split_at_checked(count * 4)).unwrap_or_default();
    Strings { ends, text }
}

pub(crate) fn length(strings: &[&str]) -> usize {
    4 + strings.iter().map(|text| 4 + text.len()).sum::<usize>()
}

pub(crate) fn emit(strings: &[&str], out: &mut impl Extend<u8>) {
    out.extend((strings.len() as u32).to_le_bytes());
    let mut end = 0;
    for text in strings {
        end += text.len() as u32;
        out.extend(end.to_le_bytes());
    }
    for text in strings {
        out.extend(text.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Section;

    #[test]
    fn comes_back_as_it_went_in() {
        let strings = ["tabby, tabby cat", "", "Zürich"];
        let mut bytes = heapless::Vec::<u8, 64>::new();
        emit(&strings, &mut bytes);
        assert_eq!(bytes.len(), length(&strings));
        let table = parse(Reader::new(Section::Labels, 0, &bytes)).unwrap();
        for (index, text) in strings.iter().enumerate() {
            assert_eq!(table.get(index), Some(*text));
            assert_eq!(view(&bytes).get(index), Some(*text));
        }
        assert_eq!(table.get(3), None);
    }

    #[test]
    fn refuses_ends_that_go_back_or_split_a_character() {
        let mut bytes = heapless::Vec::<u8, 64>::new();
        emit(&["ab", "ü"], &mut bytes);
        for end in [1u8, 3, 5, 255] {
            let mut bad = bytes.clone();
            bad[8] = end;
            assert!(parse(Reader::new(Section::Labels, 0, &bad)).is_err(), "end {end}");
        }
        bytes[4] = 200;
        assert!(parse(Reader::new(Section::Labels, 0, &bytes)).is_err());
    }
}
