//! Weights to bytes.

use super::decode::LOWEST;
use super::header::{Header, MAX_COEFFICIENTS};
use super::table::{PRECISION, Table};
use super::walk::{Coder, Walk};
use super::{CodedError, Shape, Trellis};
use core::fmt;
use std::vec::Vec;

/// Why weights have no coded form.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCoded {
    /// The number of weights is not the shape's, or there are none.
    Shape,
    /// A weight is −128, or its state's quantiser does not reach it.
    Weight {
        /// Its row.
        row: usize,
    },
}

impl fmt::Display for NotCoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str("the weights do not have the shape"),
            Self::Weight { row } => write!(f, "row {row} has a weight that cannot be coded there"),
        }
    }
}

impl core::error::Error for NotCoded {}

/// The weights `[row][tap][channel]` as a block of a file.
///
/// With a trellis, they must lie on a path through it, each row from state 0 on.
///
/// # Errors
/// [`NotCoded`].
pub fn encode(weights: &[i8], shape: Shape, trellis: Trellis) -> Result<Vec<u8>, NotCoded> {
    let header = describe(weights, shape, trellis)?;
    let mut symbols = Symbols(Vec::with_capacity(weights.len()));
    walk(weights, shape, header, &mut symbols)?;
    let mut block = Vec::new();
    header.emit(&shape, &mut block);
    // The decoder takes what was put in last first: so the last symbol goes first.
    let mut state = LOWEST;
    let mut words = Vec::new();
    for &(start, size) in symbols.0.iter().rev() {
        let (start, size) = (u32::from(start), u32::from(size));
        if u64::from(state) >= u64::from(size) << (32 - PRECISION) {
            words.push(state as u16);
            state >>= 16;
        }
        state = (state / size) << PRECISION | (state % size + start);
    }
    block.extend(state.to_le_bytes());
    block.extend(words.iter().rev().flat_map(|word| word.to_le_bytes()));
    Ok(block)
}

/// The bits that [`encode`] takes, without the bytes: exact within a few.
///
/// # Errors
/// As [`encode`].
pub fn bits(weights: &[i8], shape: Shape, trellis: Trellis) -> Result<f64, NotCoded> {
    let header = describe(weights, shape, trellis)?;
    let mut cost = Cost(0.0);
    walk(weights, shape, header, &mut cost)?;
    let mut start = Vec::new();
    header.emit(&shape, &mut start);
    Ok(cost.0 + (start.len() * 8 + 32) as f64)
}

fn walk(weights: &[i8], shape: Shape, header: Header, coder: &mut impl Coder) -> Result<(), NotCoded> {
    let mut walk = Walk::new(shape, header);
    let depth = shape.depth();
    let mut means = std::vec![0; depth];
    let mut copy = Vec::with_capacity(depth);
    for (row, weights) in weights.chunks_exact(depth).enumerate() {
        copy.clear();
        copy.extend_from_slice(weights);
        let walked: Result<(), CodedError> = walk.row(&mut copy, &mut means, coder);
        if walked.is_err() || copy != weights {
            return Err(NotCoded::Weight { row });
        }
    }
    Ok(())
}

/// The header for some weights.
fn describe(weights: &[i8], shape: Shape, trellis: Trellis) -> Result<Header, NotCoded> {
    let depth = shape.depth();
    if weights.is_empty() || depth == 0 || depth.checked_mul(shape.rows) != Some(weights.len()) {
        return Err(NotCoded::Shape);
    }
    let sum: u64 =
        weights.iter().map(|&weight| u64::from(trellis.index(weight.into()).unsigned_abs().min(15))).sum();
    let mean = (sum * 16 / weights.len() as u64).clamp(1, 255) as u8;
    let mut header = Header { trellis, mean, coefficients: [0; MAX_COEFFICIENTS], predicts: false };
    // A byte each for the coefficients: too few weights do not repay it.
    if Header::coefficients_of(&shape).is_some_and(|count| weights.len() > 64 * count) {
        header.coefficients = predict(weights, shape);
        header.predicts = header.coefficients.iter().any(|coefficient| *coefficient != 0);
    }
    Ok(header)
}

/// Least squares: for each tap, the coefficients of the taps before it.
fn predict(weights: &[i8], shape: Shape) -> [i8; MAX_COEFFICIENTS] {
    let taps = shape.taps();
    // Sums of products of the weights at any two taps: exact in integers, so the same everywhere.
    let mut products = std::vec![0i64; taps * taps];
    for row in weights.chunks_exact(shape.depth()) {
        for a in 0..taps {
            for b in 0..=a {
                let of = |tap: usize| &row[tap * shape.channels..(tap + 1) * shape.channels];
                let sum: i64 = of(a).iter().zip(of(b)).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
                products[a * taps + b] += sum;
            }
        }
    }
    let product = |a: usize, b: usize| products[a.max(b) * taps + a.min(b)] as f64;
    let mut coefficients = [0; MAX_COEFFICIENTS];
    let mut to = coefficients.iter_mut();
    for tap in 1..taps {
        let matrix = (0..tap).map(|a| (0..tap).map(|b| product(a, b)).collect()).collect();
        let solution = solve(matrix, (0..tap).map(|a| product(a, tap)).collect());
        for (value, to) in solution.into_iter().zip(to.by_ref()) {
            *to = (value * 32.0).round_ties_even().clamp(-127.0, 127.0) as i8;
        }
    }
    coefficients
}

/// Gaussian elimination of a symmetric matrix that is made positive by a little on its diagonal.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for i in 0..n {
        matrix[i][i] = matrix[i][i] * 1.0001 + 1.0;
    }
    for i in 0..n {
        for j in i + 1..n {
            let factor = matrix[j][i] / matrix[i][i];
            for k in i..n {
                let value = matrix[i][k];
                matrix[j][k] -= factor * value;
            }
            right[j] -= factor * right[i];
        }
    }
    for i in (0..n).rev() {
        for j in i + 1..n {
            right[i] -= matrix[i][j] * right[j];
        }
        right[i] /= matrix[i][i];
    }
    right
}

/// The ranges of the symbols so far.
struct Symbols(Vec<(u16, u16)>);

impl Coder for Symbols {
    fn symbol(&mut self, table: &Table, expected: usize) -> usize {
        let (start, size) = table.range(expected);
        self.0.push((start as u16, size as u16));
        expected
    }

    fn byte(&mut self, expected: u8) -> u8 {
        self.0.push((u16::from(expected) << (PRECISION - 8), 1 << (PRECISION - 8)));
        expected
    }
}

/// Bits so far.
struct Cost(f64);

impl Coder for Cost {
    fn symbol(&mut self, table: &Table, expected: usize) -> usize {
        self.0 += f64::from(table.cost(expected));
        expected
    }

    fn byte(&mut self, expected: u8) -> u8 {
        self.0 += 8.0;
        expected
    }
}
