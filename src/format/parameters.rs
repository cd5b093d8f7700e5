//! The parameters section: words (4 bytes) that the steps have beside their weights, in step order and
//! without gaps.
//!
//! | step | words |
//! |---|---|
//! | `f32` convolution | a bias for each output channel, `f32` |
//! | integer convolution | a bias for each output channel, `i32`; then a factor for each, `f32`; then its table, if it has one |
//! | lookup | its table |
//!
//! A table is 256 bytes in 64 words.

use super::{LoadError, Reader};

/// The bytes of a checked section that hold `count` words from `first` on.
pub(crate) fn slice(section: &[u8], first: u32, count: u32) -> &[u8] {
    let start = first as usize * 4;
    section.get(start..start + count as usize * 4).unwrap_or_default()
}

/// Checks that the section holds whole words and returns how many. What they may be, the step decides.
pub(crate) fn parse(reader: &Reader<'_>, bytes: usize) -> Result<u32, LoadError> {
    let count = u32::try_from(bytes / 4).ok().filter(|_| bytes.is_multiple_of(4));
    count.ok_or_else(|| reader.invalid("section length", bytes as u64, "a multiple of 4 below 16 GiB"))
}

pub(crate) fn length(words: &[u32]) -> usize {
    words.len() * 4
}

pub(crate) fn emit(words: &[u32], out: &mut impl Extend<u8>) {
    for word in words {
        out.extend(word.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Section;

    #[test]
    fn comes_back_as_it_went_in() {
        let mut bytes = heapless::Vec::<u8, 16>::new();
        emit(&[1, 0.5f32.to_bits(), 0], &mut bytes);
        assert_eq!(parse(&Reader::new(Section::Parameters, 0, &bytes), bytes.len()), Ok(3));
        assert_eq!(slice(&bytes, 1, 1), 0.5f32.to_le_bytes());
    }

    #[test]
    fn refuses_half_a_word() {
        assert!(parse(&Reader::new(Section::Parameters, 0, &[0; 3]), 3).is_err());
    }
}
