//! Typed views over the caller's bytes: the one place outside the kernels where memory is reinterpreted.
#![allow(unsafe_code)]

use crate::format::ALIGN;
use core::ops::Range;

/// Why memory cannot be used: its address or its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryError {
    Misaligned,
    TooSmall { needed: usize, given: usize },
}

/// The first `needed` bytes of `memory` as floats.
pub(crate) fn floats(memory: &mut [u8], needed: usize) -> Result<&mut [f32], MemoryError> {
    if !memory.as_ptr().addr().is_multiple_of(ALIGN) {
        return Err(MemoryError::Misaligned);
    }
    let given = memory.len();
    let used = memory.get_mut(..needed).ok_or(MemoryError::TooSmall { needed, given })?;
    // SAFETY: every bit pattern is a valid f32, and f32 has no drop glue.
    let (before, floats, _) = unsafe { used.align_to_mut::<f32>() };
    // A 64-byte address is aligned for f32, so nothing is left in front.
    if before.is_empty() { Ok(floats) } else { Err(MemoryError::Misaligned) }
}

/// The floats that [`floats`] has given, borrowed to read.
#[cfg(feature = "std")]
pub(crate) fn floats_ref(memory: &[u8]) -> &[f32] {
    // SAFETY: every bit pattern is a valid f32, and f32 has no drop glue.
    unsafe { memory.align_to::<f32>().1 }
}

/// Floats as the bytes that they take.
pub(crate) fn bytes(floats: &[f32]) -> &[u8] {
    // SAFETY: every f32 is four bytes, and a byte has no alignment.
    unsafe { floats.align_to::<u8>().1 }
}

/// As [`bytes`], to write.
pub(crate) fn bytes_mut(floats: &mut [f32]) -> &mut [u8] {
    // SAFETY: every f32 is four bytes, a byte has no alignment, and four bytes of any values are an f32.
    unsafe { floats.align_to_mut::<u8>().1 }
}

/// Bytes as the signed ones that they stand for.
pub(crate) fn signed(bytes: &[u8]) -> &[i8] {
    // SAFETY: u8 and i8 have the same size and alignment and are valid for every bit pattern.
    unsafe { bytes.align_to::<i8>().1 }
}

/// As [`signed`], to write.
pub(crate) fn signed_mut(bytes: &mut [u8]) -> &mut [i8] {
    // SAFETY: as in `signed`.
    unsafe { bytes.align_to_mut::<i8>().1 }
}

/// Floats as integers of the same bits.
pub(crate) fn integers(floats: &[f32]) -> &[i32] {
    // SAFETY: f32 and i32 have the same size and alignment and are valid for every bit pattern.
    unsafe { floats.align_to::<i32>().1 }
}

/// As [`integers`], to write.
pub(crate) fn integers_mut(floats: &mut [f32]) -> &mut [i32] {
    // SAFETY: as in `integers`.
    unsafe { floats.align_to_mut::<i32>().1 }
}

/// Floats as the integers of 16 bits that they hold.
pub(crate) fn shorts(floats: &[f32]) -> &[i16] {
    // SAFETY: an f32 is two i16, which need less alignment and are valid for every bit pattern.
    unsafe { floats.align_to::<i16>().1 }
}

/// As [`shorts`], to write.
pub(crate) fn shorts_mut(floats: &mut [f32]) -> &mut [i16] {
    // SAFETY: as in `shorts`, and two i16 of any values are an f32.
    unsafe { floats.align_to_mut::<i16>().1 }
}

/// The integers of 64 bits in scratch memory, beginning at the first that is aligned for them.
pub(crate) fn long_integers(floats: &mut [f32]) -> &mut [i64] {
    // SAFETY: every bit pattern is a valid i64.
    unsafe { floats.align_to_mut::<i64>().1 }
}

/// Scratch floats as words, for tables of offsets.
pub(crate) fn words(floats: &mut [f32]) -> &mut [u32] {
    // SAFETY: f32 and u32 have the same size and alignment and are valid for every bit pattern.
    unsafe { floats.align_to_mut::<u32>().1 }
}

/// The arena of a session: buffers first, scratch behind them.
#[derive(Debug)]
pub(crate) struct Arena<'a> {
    buffers: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<'a> Arena<'a> {
    /// Splits `memory`: `buffer_bytes` for the buffers, `scratch_bytes` behind them.
    pub fn new(memory: &'a mut [u8], buffer_bytes: usize, scratch_bytes: usize) -> Result<Self, MemoryError> {
        let floats = floats(memory, buffer_bytes + scratch_bytes)?;
        let (buffers, scratch) = floats.split_at_mut(buffer_bytes / size_of::<f32>());
        Ok(Self { buffers, scratch })
    }

    /// The values in `range`.
    pub fn values(&self, range: Range<usize>) -> &[f32] {
        self.buffers.get(range).unwrap_or_default()
    }

    /// The values in `range`, for as long as the arena's memory is borrowed.
    #[cfg(feature = "std")]
    pub fn into_values(self, range: Range<usize>) -> &'a [f32] {
        let buffers: &'a [f32] = self.buffers;
        buffers.get(range).unwrap_or_default()
    }

    /// The values in `range`, to write.
    pub fn values_mut(&mut self, range: Range<usize>) -> &mut [f32] {
        self.buffers.get_mut(range).unwrap_or_default()
    }

    /// What a step works on: its inputs (the same one twice if there is only one), its output and the
    /// scratch. `None` when the output overlaps an input, which a checked model rules out.
    pub fn step(&mut self, inputs: [Range<usize>; 2], output: Range<usize>) -> Option<StepMemory<'_>> {
        let [first, second] = inputs;
        let (start, end) = (output.start, output.end);
        // What lies before and behind the output can be read while the output is written.
        let (before, rest) = self.buffers.split_at_mut_checked(start)?;
        let (output, behind) = rest.split_at_mut_checked(end.checked_sub(start)?)?;
        let (before, behind) = (&*before, &*behind);
        let find = |range: Range<usize>| match range.start.checked_sub(end) {
            Some(from) => behind.get(from..range.end.checked_sub(end)?),
            None => before.get(range),
        };
        Some(StepMemory { inputs: [find(first)?, find(second)?], output, scratch: self.scratch })
    }
}

/// The views of one step.
#[derive(Debug)]
pub(crate) struct StepMemory<'a> {
    pub inputs: [&'a [f32]; 2],
    pub output: &'a mut [f32],
    pub scratch: &'a mut [f32],
}

/// Bytes on the heap at an address that is a multiple of 64, as the arena and prepared weights need.
#[cfg(feature = "std")]
#[derive(Debug)]
pub struct AlignedBytes {
    bytes: std::vec::Vec<u8>,
    start: usize,
    length: usize,
}

#[cfg(feature = "std")]
impl AlignedBytes {
    /// `length` zeros.
    ///
    /// # Errors
    /// When the allocator refuses.
    pub fn zeroed(length: usize) -> Result<Self, std::collections::TryReserveError> {
        let mut bytes = std::vec::Vec::new();
        bytes.try_reserve_exact(length.saturating_add(ALIGN - 1))?;
        bytes.resize(length + ALIGN - 1, 0);
        // The heap block never moves: nothing is pushed again.
        let start = bytes.as_ptr().align_offset(ALIGN);
        Ok(Self { bytes, start, length })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// The bytes, to write.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.start + self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(64))]
    struct Block([u8; 256]);

    #[test]
    fn says_what_is_missing() {
        let mut block = Block([0; 256]);
        assert_eq!(floats(&mut block.0, 257).err(), Some(MemoryError::TooSmall { needed: 257, given: 256 }));
        assert_eq!(floats(&mut block.0[4..], 64).err(), Some(MemoryError::Misaligned));
        assert_eq!(floats(&mut block.0, 256).map(|floats| floats.len()), Ok(64));
    }

    #[test]
    fn gives_no_two_views_of_one_value() {
        let mut block = Block([0; 256]);
        let mut arena = Arena::new(&mut block.0, 192, 64).unwrap();
        arena.values_mut(0..48).iter_mut().enumerate().for_each(|(at, value)| *value = at as f32);
        let twice = |range: Range<usize>| [range.clone(), range];
        assert!(arena.step(twice(0..16), 15..20).is_none());
        assert!(arena.step(twice(16..32), 30..40).is_none());
        assert!(arena.step(twice(15..17), 10..16).is_none());
        assert!(arena.step([0..4, 8..12], 2..6).is_none());
        assert!(arena.step(twice(0..16), 16..49).is_none());
        assert!(arena.step(twice(40..49), 0..16).is_none());
        let memory = arena.step([16..32, 0..4], 4..16).unwrap();
        assert_eq!((memory.inputs[0][0], memory.inputs[1][3], memory.output[0]), (16.0, 3.0, 4.0));
        assert_eq!((memory.inputs[0].len(), memory.output.len(), memory.scratch.len()), (16, 12, 16));
        assert_eq!(words(memory.scratch).len(), 16);
    }
}
