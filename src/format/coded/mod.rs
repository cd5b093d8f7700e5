//! Coded weights: the integers of a convolution in about as many bits as they carry information.
//!
//! A weight becomes one of sixteen symbols, and a symbol a few bits of a range coder (rANS). How likely each
//! symbol is, a table says that counts what has come; which table, the weight's surroundings say. Encoder and
//! decoder walk through a tensor with the same code and differ in where a symbol comes from.
//! `docs/format.md` has the bytes and the reasons.
//!
//! | file | job |
//! |---|---|
//! | [`trellis`] | what an integer of the stream stands for: plain, or one of two quantisers in turn |
//! | [`table`] | symbols, counts and probabilities |
//! | `header` | what stands before the symbols |
//! | `walk` | from a weight's surroundings to its table |
//! | `decode` | bytes to weights, row by row, in memory of the caller |
//! | `encode` | weights to bytes (feature `std`) |

mod decode;
#[cfg(feature = "std")]
mod encode;
mod header;
pub mod table;
pub mod trellis;
mod walk;

pub use decode::Decoder;
#[cfg(feature = "std")]
pub use encode::{NotCoded, bits, encode};
pub use header::MAX_PREDICTED;
pub use trellis::Trellis;

use core::fmt;

/// A coded block has at least one byte for so many weights, so that a small file cannot ask for hours.
pub const MAX_WEIGHTS_A_BYTE: u64 = 64;

/// Size and layout of a tensor of weights: `[row][tap][channel]`, as a convolution has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Output channels.
    pub rows: usize,
    /// Rows and columns of the kernel.
    pub kernel: (usize, usize),
    /// Input channels of a group.
    pub channels: usize,
}

impl Shape {
    /// Places of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.0.saturating_mul(self.kernel.1)
    }

    /// Weights of a row.
    pub fn depth(&self) -> usize {
        self.taps().saturating_mul(self.channels)
    }
}

/// What is wrong with coded weights.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodedError {
    /// The header is none.
    Header,
    /// The block ends before its weights do.
    Short,
    /// Bytes are left when all weights are there, or the coder is not where it began.
    Long,
    /// A weight is not in −127..=127.
    Range,
    /// The step says that its weights are narrow, and some are not.
    Wide,
}

impl fmt::Display for CodedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "their header is wrong",
            Self::Short => "they end too early",
            Self::Long => "something is left behind them",
            Self::Range => "one is not in -127..=127",
            Self::Wide => "they are not narrow, as the step says they are",
        })
    }
}

impl core::error::Error for CodedError {}
