//! Bytes to weights.

use super::header::Header;
use super::table::{PRECISION, Table};
use super::walk::{Coder, Walk};
use super::{CodedError, Shape};

/// The coder's state is at least this between symbols. An encoder, which writes the last symbol first, begins
/// with it; so the decoder ends with it.
pub(super) const LOWEST: u32 = 1 << 16;

/// Decodes the rows of a block one after the other. About 15 KB; nothing is allocated.
pub struct Decoder<'a> {
    walk: Walk,
    symbols: Symbols<'a>,
}

/// The range decoder: a state of 32 bits, refilled by 16.
struct Symbols<'a> {
    state: u32,
    words: &'a [[u8; 2]],
    /// Words taken; one that is not there counts as well.
    taken: usize,
}

impl Symbols<'_> {
    #[inline(always)]
    fn advance(&mut self, start: u32, size: u32) {
        let at = self.state & ((1 << PRECISION) - 1);
        let state = size * (self.state >> PRECISION) + at - start;
        let word = self.words.get(self.taken).copied().unwrap_or_default();
        let refilled = state << 16 | u32::from(u16::from_le_bytes(word));
        let low = state < LOWEST;
        self.state = if low { refilled } else { state };
        self.taken += usize::from(low);
    }
}

impl Coder for Symbols<'_> {
    #[inline(always)]
    fn symbol(&mut self, table: &Table, _expected: usize) -> usize {
        let symbol = table.find((self.state & ((1 << PRECISION) - 1)) as u16);
        let (start, size) = table.range(symbol);
        self.advance(start, size);
        symbol
    }

    fn byte(&mut self, _expected: u8) -> u8 {
        const BITS: u32 = PRECISION - 8;
        let byte = (self.state >> BITS) as u8;
        self.advance(u32::from(byte) << BITS, 1 << BITS);
        byte
    }
}

impl<'a> Decoder<'a> {
    /// A decoder before the first row.
    ///
    /// # Errors
    /// [`CodedError::Header`] or [`CodedError::Short`].
    pub fn new(block: &'a [u8], shape: Shape) -> Result<Self, CodedError> {
        let (header, symbols) = Header::parse(block, &shape)?;
        let (state, words) = symbols.split_first_chunk().ok_or(CodedError::Short)?;
        let (words, odd) = words.as_chunks();
        let state = u32::from_le_bytes(*state);
        if !odd.is_empty() || state < LOWEST {
            return Err(CodedError::Header);
        }
        Ok(Self { walk: Walk::new(shape, header), symbols: Symbols { state, words, taken: 0 } })
    }

    /// Decodes the next row into `row`, which is as long as the shape's depth. `means` is as long; what
    /// stands there is the decoder's from the first row to the last.
    ///
    /// # Errors
    /// [`CodedError::Short`] or [`CodedError::Range`].
    pub fn row(&mut self, row: &mut [i8], means: &mut [u8]) -> Result<(), CodedError> {
        self.walk.row(row, means, &mut self.symbols)?;
        if self.symbols.taken > self.symbols.words.len() { Err(CodedError::Short) } else { Ok(()) }
    }

    /// Ends after the last row.
    ///
    /// # Errors
    /// [`CodedError::Long`] when something is left.
    pub fn finish(self) -> Result<(), CodedError> {
        let Symbols { state, words, taken } = self.symbols;
        if taken == words.len() && state == LOWEST { Ok(()) } else { Err(CodedError::Long) }
    }
}
