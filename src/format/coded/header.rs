//! What stands before the symbols of a block.

use super::{CodedError, Shape, Trellis};

/// Most taps of a kernel whose weights are predicted from the taps before them.
pub const MAX_PREDICTED: usize = 9;
/// Most coefficients: tap `t` has `t` of them.
pub(super) const MAX_COEFFICIENTS: usize = MAX_PREDICTED * (MAX_PREDICTED - 1) / 2;

/// The start of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub trellis: Trellis,
    /// Mean magnitude of the `k` in sixteenths, at least 1.
    pub mean: u8,
    /// Of the weights at taps 0 to t − 1 of a channel, what that at `t` is expected to be, in units of 1/32:
    /// that for tap 1, the two for tap 2, and so on. All zero where nothing is predicted.
    pub coefficients: [i8; MAX_COEFFICIENTS],
    pub predicts: bool,
}

impl Header {
    /// The coefficients of a tap.
    pub fn of_tap(&self, tap: usize) -> &[i8] {
        let first = tap * tap.saturating_sub(1) / 2;
        self.coefficients.get(first..first + tap).unwrap_or_default()
    }

    /// Coefficients that a kernel has where it has any.
    pub fn coefficients_of(shape: &Shape) -> Option<usize> {
        let taps = shape.taps();
        (2..=MAX_PREDICTED).contains(&taps).then(|| taps * (taps - 1) / 2)
    }

    /// Splits a block into header and symbols.
    pub fn parse<'a>(block: &'a [u8], shape: &Shape) -> Result<(Self, &'a [u8]), CodedError> {
        let ([states, mean, count], rest) = block.split_first_chunk().ok_or(CodedError::Short)?;
        let trellis = Trellis::with_states((*states).into()).ok_or(CodedError::Header)?;
        let count = usize::from(*count);
        if *mean == 0 || (count != 0 && Some(count) != Self::coefficients_of(shape)) {
            return Err(CodedError::Header);
        }
        let (stored, symbols) = rest.split_at_checked(count).ok_or(CodedError::Short)?;
        let mut coefficients = [0; MAX_COEFFICIENTS];
        for (to, from) in coefficients.iter_mut().zip(stored) {
            *to = from.cast_signed();
        }
        Ok((Self { trellis, mean: *mean, coefficients, predicts: count != 0 }, symbols))
    }

    /// Writes what [`parse`](Self::parse) reads.
    #[cfg(feature = "std")]
    pub fn emit(&self, shape: &Shape, out: &mut impl Extend<u8>) {
        let count = Self::coefficients_of(shape).filter(|_| self.predicts).unwrap_or(0);
        out.extend([self.trellis.states() as u8, self.mean, count as u8]);
        out.extend(self.coefficients.iter().take(count).map(|value| value.cast_unsigned()));
    }
}
