//! The weights of an integer convolution one row after the other, however the file has them.

use crate::arena::signed;
use crate::format::coded::{CodedError, Decoder, Shape};
use crate::format::weights::is_narrow;
use crate::format::{Layer, Step};
use crate::model::Model;
use core::slice::ChunksExact;

/// Bytes of stage that a step's rows take: a row, and what its decoder keeps from row to row. 0 where the
/// file has them as they are.
pub(crate) fn stage_bytes(step: &Step) -> Option<usize> {
    match step.op.layer() {
        Some(Layer { coded: 1.., .. }) => step.weight_shape()?.depth().checked_mul(2),
        _ => Some(0),
    }
}

/// A source of rows.
pub(crate) struct Rows<'a, 's> {
    plain: ChunksExact<'a, i8>,
    coded: Option<Decoder<'a>>,
    row: &'s mut [i8],
    means: &'s mut [u8],
    narrow: bool,
}

impl<'a, 's> Rows<'a, 's> {
    /// The rows of a step that is an integer convolution. `stage` has at least [`stage_bytes`].
    pub fn new(
        model: &Model<'a>,
        step: &Step,
        shape: Shape,
        stage: &'s mut [u8],
    ) -> Result<Self, CodedError> {
        let (block, depth) = (model.weight_block(step), shape.depth());
        let coded = step.op.layer().is_some_and(|layer| layer.coded > 0);
        let length = if coded { depth } else { 0 };
        let (row, stage) = stage.split_at_mut_checked(length).ok_or(CodedError::Short)?;
        let (means, _) = stage.split_at_mut_checked(length).ok_or(CodedError::Short)?;
        let plain = signed(if coded { &[] } else { block }).chunks_exact(depth.max(1));
        let coded = if coded { Some(Decoder::new(block, shape)?) } else { None };
        let narrow = step.op.qconv().is_some_and(|conv| conv.narrow);
        Ok(Self { plain, coded, row: crate::arena::signed_mut(row), means, narrow })
    }

    /// The rows of weights as they are.
    #[cfg(test)]
    pub fn plain(weights: &'a [i8], depth: usize) -> Self {
        let plain = weights.chunks_exact(depth.max(1));
        Self { plain, coded: None, row: &mut [], means: &mut [], narrow: false }
    }

    /// The next row.
    pub fn next(&mut self) -> Result<&[i8], CodedError> {
        match &mut self.coded {
            Some(decoder) => {
                decoder.row(self.row, self.means)?;
                // Those that are not coded have been looked at when the file was loaded.
                if self.narrow && !is_narrow(self.row) {
                    return Err(CodedError::Wide);
                }
                Ok(self.row)
            }
            None => self.plain.next().ok_or(CodedError::Short),
        }
    }

    /// Ends after the last row.
    pub fn finish(self) -> Result<(), CodedError> {
        self.coded.map_or(Ok(()), Decoder::finish)
    }
}
