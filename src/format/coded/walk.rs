//! From a weight's surroundings to its table: the part that encoder and decoder share.
//!
//! A row goes in runs: up to 64 channels of one tap. What is known before a run decides about all of its
//! weights, so that a run's tables are found for all weights at once:
//!
//! - how large they are likely to be: from the same place in the rows before, from the taps before, and from
//!   the row so far;
//! - what sign they are likely to have: from a sum of the taps before, with the header's coefficients.

use super::header::Header;
use super::table::{CLASS_STARTS, CLASSES, ESCAPE, LARGEST, Table};
use super::{CodedError, Shape, Trellis};

/// Most weights of a run.
const RUN: usize = 64;
/// Classes of predictions: none, and four of each sign.
const SIGNS: usize = 9;
/// The first prediction of each class but the first, in 32nds of a `k`.
const SIGN_STARTS: [i32; 4] = [10, 22, 42, 74];
/// Tables of one quantiser.
const TABLES: usize = CLASSES * SIGNS;
/// Magnitudes count up to this.
const CAP: u8 = 15;

/// Where symbols come from, or go to.
pub(super) trait Coder {
    /// The next symbol, of a table. `expected` is that of what stands in the row already: of use to an encoder.
    fn symbol(&mut self, table: &Table, expected: usize) -> usize;
    /// A byte whose values are all as likely.
    fn byte(&mut self, expected: u8) -> u8;
}

/// The state of a walk through a tensor.
pub(super) struct Walk {
    shape: Shape,
    header: Header,
    /// Of quantiser 0, then of quantiser 1.
    tables: [[Table; TABLES]; 2],
    /// For the rest of a large `k`.
    escape: Table,
    first: bool,
}

impl Walk {
    pub fn new(shape: Shape, header: Header) -> Self {
        let mut tables = [Table::flat(); TABLES];
        for (class, tables) in tables.chunks_exact_mut(SIGNS).enumerate() {
            tables.fill(Table::new(class));
        }
        Self { shape, header, tables: [tables; 2], escape: Table::flat(), first: true }
    }

    /// Walks through the next row. `means` is as long as a row and the walk's own from one row to the next.
    #[inline(always)]
    pub fn row(
        &mut self,
        row: &mut [i8],
        means: &mut [u8],
        coder: &mut impl Coder,
    ) -> Result<(), CodedError> {
        match self.header.trellis {
            Trellis::Plain => self.row_of::<0>(row, means, coder),
            Trellis::Four => self.row_of::<1>(row, means, coder),
            Trellis::Eight => self.row_of::<2>(row, means, coder),
        }
    }

    #[inline(always)]
    fn row_of<const TRELLIS: usize>(
        &mut self,
        row: &mut [i8],
        means: &mut [u8],
        coder: &mut impl Coder,
    ) -> Result<(), CodedError> {
        let trellis = Trellis::ALL[TRELLIS];
        let (channels, columns) = (self.shape.channels, self.shape.kernel.1);
        if row.len() != self.shape.depth() || means.len() != row.len() {
            return Err(CodedError::Short);
        }
        if core::mem::take(&mut self.first) {
            means.fill(self.header.mean);
        }
        let mut so_far = u32::from(self.header.mean);
        let mut state = 0;
        for tap in 0..self.shape.taps() {
            for channel in (0..channels).step_by(RUN) {
                let start = tap * channels + channel;
                let length = RUN.min(channels - channel);
                let (known, rest) = row.split_at_mut(start);
                let (run, means) = (&mut rest[..length], &mut means[start..start + length]);
                // The weights of this run's channels at an earlier tap.
                let at = |tap: usize| &known[tap * channels + channel..][..length];
                let left = tap.checked_sub(1).filter(|_| columns > 1).map(at);
                let above = tap.checked_sub(columns).map(at);
                let mut tables = [0; RUN];
                classes(trellis, means, [left, above], so_far, &mut tables);
                if self.header.predicts && tap > 0 {
                    signs(trellis, self.header.of_tap(tap), at, &mut tables[..length]);
                }
                for (weight, &table) in run.iter_mut().zip(&tables) {
                    let expected = trellis.index((*weight).into());
                    let quantiser = trellis.quantiser(state);
                    let table = &mut self.tables[quantiser][usize::from(table).min(TABLES - 1)];
                    let within = expected + LARGEST;
                    let symbol = coder.symbol(
                        table,
                        if (0..ESCAPE as i32).contains(&within) { within as usize } else { ESCAPE },
                    );
                    table.count(symbol);
                    let mut k = symbol as i32 - LARGEST;
                    if symbol == ESCAPE {
                        k = large(&mut self.escape, coder, expected);
                    }
                    let value = trellis.weight(state, k);
                    *weight = i8::try_from(value)
                        .ok()
                        .filter(|value| *value != i8::MIN)
                        .ok_or(CodedError::Range)?;
                    state = trellis.next(state, k);
                }
                let mut sum = 0;
                for (mean, &weight) in means.iter_mut().zip(&*run) {
                    let magnitude = magnitude(trellis, weight);
                    sum += u32::from(magnitude);
                    *mean = ((u16::from(*mean) * 7 + u16::from(magnitude) * 16 + 4) >> 3) as u8;
                }
                so_far = (so_far + sum * 16 / length.max(1) as u32).div_ceil(2);
            }
        }
        Ok(())
    }
}

/// A `k` outside of the symbols: what is more than seven as a symbol of its own, or all of it as a byte.
#[cold]
#[inline(never)]
fn large(table: &mut Table, coder: &mut impl Coder, expected: i32) -> i32 {
    let more = expected - expected.signum() * LARGEST;
    let small = more.abs() <= LARGEST;
    let symbol = coder.symbol(table, if small { (more + LARGEST) as usize } else { ESCAPE });
    table.count(symbol);
    if symbol == ESCAPE {
        return coder.byte((expected as i8).cast_unsigned()).cast_signed().into();
    }
    let more = symbol as i32 - LARGEST;
    more + more.signum() * LARGEST
}

/// The magnitude of the `k` that a weight is, whatever the state.
#[inline(always)]
fn magnitude(trellis: Trellis, weight: i8) -> u8 {
    let magnitude = weight.unsigned_abs();
    let magnitude = if trellis == Trellis::Plain { magnitude } else { magnitude.div_ceil(2) };
    magnitude.min(CAP)
}

/// The class of the magnitude that is expected, and no sign: the first half of a table's place.
#[inline(always)]
fn classes(trellis: Trellis, means: &[u8], near: [Option<&[i8]>; 2], so_far: u32, tables: &mut [u8; RUN]) {
    let mut expected = [0u16; RUN];
    for (expected, &mean) in expected.iter_mut().zip(means) {
        *expected = 6 * u16::from(mean) + 4 * so_far as u16;
    }
    for near in near {
        match near {
            Some(near) => {
                for (expected, &weight) in expected.iter_mut().zip(near) {
                    *expected += 48 * u16::from(magnitude(trellis, weight));
                }
            }
            None => {
                for (expected, &mean) in expected.iter_mut().zip(means) {
                    *expected += 3 * u16::from(mean);
                }
            }
        }
    }
    for (table, expected) in tables.iter_mut().zip(expected) {
        let expected = (expected >> 4).min(255) as u8;
        let mut class = 0;
        for start in CLASS_STARTS {
            class += u8::from(expected >= start);
        }
        *table = class * SIGNS as u8 + SIGNS as u8 / 2;
    }
}

/// Adds the class of the prediction to the tables' places.
#[inline(always)]
fn signs<'a>(trellis: Trellis, coefficients: &[i8], at: impl Fn(usize) -> &'a [i8], tables: &mut [u8]) {
    let mut sums = [0i16; RUN];
    for (tap, &coefficient) in coefficients.iter().enumerate() {
        for (sum, &weight) in sums.iter_mut().zip(at(tap)) {
            *sum = sum.saturating_add(i16::from(weight) * i16::from(coefficient));
        }
    }
    let unit = if trellis == Trellis::Plain { 1 } else { 2 };
    for (table, sum) in tables.iter_mut().zip(sums) {
        let mut class = 0i8;
        for start in SIGN_STARTS {
            let start = (start * unit) as i16;
            class += i8::from(sum >= start) - i8::from(sum <= -start);
        }
        *table = table.wrapping_add_signed(class);
    }
}
