//! The parameters section: the biases of all steps as `f32`, in step order and without gaps.

use super::{LoadError, Reader};

/// The bytes of a checked section that hold `count` values from `first` on.
pub(crate) fn slice(section: &[u8], first: u32, count: u32) -> &[u8] {
    let start = first as usize * 4;
    section.get(start..start + count as usize * 4).unwrap_or_default()
}

/// Checks that the section holds whole, finite values and returns how many.
pub(crate) fn parse(mut reader: Reader<'_>, bytes: usize) -> Result<u32, LoadError> {
    let count = u32::try_from(bytes / 4).ok().filter(|_| bytes.is_multiple_of(4));
    let count = count
        .ok_or_else(|| reader.invalid("section length", bytes as u64, "a multiple of 4 below 16 GiB"))?;
    for _ in 0..count {
        let value = reader.f32("bias")?;
        if !value.is_finite() {
            return Err(reader.invalid("bias", value.to_bits().into(), "a finite number (bits)"));
        }
    }
    reader.finish()?;
    Ok(count)
}

pub(crate) fn length(values: &[f32]) -> usize {
    values.len() * 4
}

pub(crate) fn emit(values: &[f32], out: &mut impl Extend<u8>) {
    for value in values {
        out.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Section;

    #[test]
    fn comes_back_as_it_went_in() {
        let mut bytes = heapless::Vec::<u8, 16>::new();
        emit(&[1.0, -0.5, 0.0], &mut bytes);
        assert_eq!(parse(Reader::new(Section::Parameters, 0, &bytes), bytes.len()), Ok(3));
        assert_eq!(slice(&bytes, 1, 1), (-0.5f32).to_le_bytes());
    }

    #[test]
    fn refuses_what_is_not_finite_or_not_whole() {
        for bits in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let bytes = bits.to_le_bytes();
            assert!(parse(Reader::new(Section::Parameters, 0, &bytes), 4).is_err());
        }
        assert!(parse(Reader::new(Section::Parameters, 0, &[0; 3]), 3).is_err());
    }
}
