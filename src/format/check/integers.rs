//! What only integer steps have: types of bytes, scales, factors and grids.

use super::Checker;
use crate::format::{Element, Grid, LoadError, Op, QConv};

/// Where a factor of an integer operation must lie: outside, its sums are all 0 or all at a bound.
const FACTOR: &str = "in 2^-32 ..= 2^8 (bits)";

/// Whether a factor is within [`FACTOR`].
pub(super) fn is_factor(value: f32) -> bool {
    (1.0 / (1u64 << 32) as f32..=256.0).contains(&value)
}

impl Checker<'_> {
    /// Each operation reads and writes the types that it is made for.
    pub(super) fn elements(
        &self,
        index: usize,
        op: &Op,
        from: Element,
        to: Element,
    ) -> Result<(), LoadError> {
        use Element::{F32, U8};
        let right = match op {
            Op::Conv(_)
            | Op::ConvGlobalAverage(_)
            | Op::AveragePool { .. }
            | Op::Softmax
            | Op::Add { .. }
            | Op::Lrn(_)
            | Op::Clamp(_) => (from, to) == (F32, F32),
            Op::MaxPool(_) | Op::Copy => from == to,
            Op::Quantize { .. } => (from, to) == (F32, U8),
            Op::Dequantize { .. } | Op::QConvGlobalAverage { .. } => (from, to) == (U8, F32),
            Op::QConv(_) => from == U8,
            Op::QAveragePool { .. } | Op::QAdd { .. } | Op::Lookup { .. } => (from, to) == (U8, U8),
        };
        if right {
            return Ok(());
        }
        let rule = "the types that the operation reads and writes";
        Err(self.at_step(index, "element", from as u64 * 2 + to as u64, rule))
    }

    /// Scales, factors and grids of an integer operation.
    pub(super) fn integers(&self, index: usize, op: &Op, to: Element) -> Result<(), LoadError> {
        let (grid, factors) = match *op {
            Op::Quantize { scale, .. } | Op::Dequantize { scale, .. } => {
                if !(scale.is_normal() && scale > 0.0) {
                    return Err(self.at_step(
                        index,
                        "scale",
                        scale.to_bits().into(),
                        "above 0, finite, normal (bits)",
                    ));
                }
                return Ok(());
            }
            Op::QAveragePool { factor, output, .. } => (output, [factor; 2]),
            Op::QAdd { factors, output, .. } => (output, factors),
            Op::QConv(conv) if to == Element::U8 => {
                if conv.pool.is_some() && conv.table.is_some() {
                    return Err(self.at_step(index, "table before a pool", 1, "none"));
                }
                (conv.output, [1.0; 2])
            }
            Op::QConv(QConv { output, table, pool, .. })
            | Op::QConvGlobalAverage { conv: QConv { output, table, pool, .. }, .. } => {
                if output != Grid::default() || table.is_some() || pool.is_some() {
                    return Err(self.at_step(index, "grid of an f32 output", output.hi.into(), "none"));
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        if grid.lo > grid.hi {
            return Err(self.at_step(index, "lower bound", grid.lo.into(), "at most the upper bound"));
        }
        match factors.into_iter().find(|factor| !is_factor(*factor)) {
            Some(factor) => Err(self.at_step(index, "factor", factor.to_bits().into(), FACTOR)),
            None => Ok(()),
        }
    }
}
