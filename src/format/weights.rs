//! The weights section: one block a convolution, in step order, each at a multiple of 64 bytes from
//! the section's start with zeros between; a [coded](super::coded) one right behind the block before.
//!
//! The canonical order of a block is `[output channel][kernel row][kernel column][input channel of the
//! group]`, values `f32` little-endian or `i8`. Preparation packs it for the CPU at hand.

use super::{ALIGN, LoadError, Section};

/// Appends a block to a weights section being built and returns where it stands, for
/// [`Conv::weight_offset`](super::Conv::weight_offset).
pub fn append<V: Extend<u8> + AsRef<[u8]>>(section: &mut V, values: &[f32]) -> u64 {
    let end = section.as_ref().len();
    section.extend(core::iter::repeat_n(0, end.next_multiple_of(ALIGN) - end));
    let offset = section.as_ref().len() as u64;
    for value in values {
        section.extend(value.to_le_bytes());
    }
    offset
}

/// As [`append`], for the weights of an integer convolution.
pub fn append_i8<V: Extend<u8> + AsRef<[u8]>>(section: &mut V, values: &[i8]) -> u64 {
    let offset = append(section, &[]);
    section.extend(values.iter().map(|value| value.cast_unsigned()));
    offset
}

/// Whether a row of weights, those of an output channel, is narrow: among each eight of them, counted from the
/// first, those at 0, 1, 4 and 5, and those at 2, 3, 6 and 7, have positive values that add up to at most 128
/// and negative ones that add up to at least −128. Then four products with any `u8` add up within 16 bits:
/// 255 · 128 = 32640.
pub fn is_narrow(row: &[i8]) -> bool {
    row.chunks(8).all(|eight| {
        let mut sums = [[0i32; 2]; 2];
        for (at, &weight) in eight.iter().enumerate() {
            sums[at / 2 % 2][usize::from(weight < 0)] += i32::from(weight);
        }
        sums.iter().all(|&[positive, negative]| positive <= NARROW && negative >= -NARROW)
    })
}

/// The bound of [`is_narrow`].
pub const NARROW: i32 = 128;

/// As [`append_i8`], for a block of [coded](super::coded) weights, which is not aligned. Its length is the
/// step's [`coded`](super::QConv::coded).
pub fn append_coded<V: Extend<u8> + AsRef<[u8]>>(section: &mut V, block: &[u8]) -> u64 {
    let offset = section.as_ref().len() as u64;
    section.extend(block.iter().copied());
    offset
}

/// Checks that every value of an `f32` block is finite. `at` is the block's position in the file.
pub(crate) fn check(block: &[u8], at: u64) -> Result<(), LoadError> {
    const EXPONENT: u32 = 0x7f80_0000;
    for (index, value) in block.chunks_exact(4).enumerate() {
        let bits = u32::from_le_bytes(value.try_into().unwrap_or_default());
        if bits & EXPONENT == EXPONENT {
            return Err(LoadError::Invalid {
                section: Section::Weights,
                at: at + index as u64 * 4,
                field: "weight",
                found: bits.into(),
                rule: "a finite number (bits)",
            });
        }
    }
    Ok(())
}

/// The values of an `f32` block of checked bytes.
pub(crate) fn values(block: &[u8]) -> impl ExactSizeIterator<Item = f32> + '_ {
    block.chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went_in() {
        let mut section = heapless::Vec::<u8, 128>::new();
        assert_eq!(append(&mut section, &[1.5, -2.0]), 0);
        assert_eq!(append(&mut section, &[3.0]), 64);
        assert!(values(&section[..8]).eq([1.5, -2.0]));
        assert!(values(&section[64..]).eq([3.0]));
        assert_eq!(check(&section, 0), Ok(()));
    }

    #[test]
    fn narrow_is_what_sixteen_bits_hold() {
        // The largest sums of both signs, at each of the places that are added together.
        for places in [[0, 1, 4, 5], [2, 3, 6, 7]] {
            let mut row = [0i8; 16];
            places.iter().for_each(|place| row[8 + place] = 32);
            assert!(is_narrow(&row));
            row[8 + places[3]] = 33;
            assert!(!is_narrow(&row));
            places.iter().for_each(|place| row[8 + place] = -32);
            assert!(is_narrow(&row));
            row[8 + places[0]] = -33;
            assert!(!is_narrow(&row));
        }
        assert!(is_narrow(&[127, -127, 127, -127, 0, 0, 0, 0, 127]));
        assert!(!is_narrow(&[127, 0, 0, 0, 2]));
        assert!(is_narrow(&[127, 0, 127, 0, 0, 0, 0, 0, 1, 127]) && is_narrow(&[]));
    }

    #[test]
    fn refuses_what_is_not_finite() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut section = heapless::Vec::<u8, 64>::new();
            append(&mut section, &[0.0, value]);
            let Err(LoadError::Invalid { at: 104, .. }) = check(&section, 100) else {
                panic!("{value} passed")
            };
        }
    }
}
