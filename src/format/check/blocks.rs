//! What a step has in the weights and parameters sections: blocks in step order, without gaps.

use super::Checker;
use super::integers::is_factor;
use crate::arena::signed;
use crate::format::coded::MAX_WEIGHTS_A_BYTE;
use crate::format::op::TABLE_WORDS;
use crate::format::weights::{check as check_weights, is_narrow};
use crate::format::{ALIGN, Element, Layer, LoadError, Section, Step};

/// Where the blocks of the steps so far end.
#[derive(Default)]
pub(super) struct Ends {
    /// Bytes of the weights section.
    pub weights: u64,
    /// Words of the parameters section.
    pub words: u32,
}

impl Checker<'_> {
    /// Weights, and biases or biases and factors.
    pub(super) fn layer(
        &self,
        index: usize,
        layer: &Layer,
        step: &Step,
        ends: &mut Ends,
    ) -> Result<(), LoadError> {
        let fail = |field, found, rule| Err(self.at_step(index, field, found, rule));
        let (input, output) = (step.input.channels, step.output.channels);
        if layer.groups == 0 || input % layer.groups != 0 || output % layer.groups != 0 {
            return fail("groups", layer.groups.into(), "a divisor of input and output channels");
        }
        // Nobody reads a coded block but from its start on, byte by byte.
        let align = if layer.coded > 0 { 1 } else { ALIGN as u64 };
        if Some(layer.weight_offset) != ends.weights.checked_next_multiple_of(align) {
            return fail(
                "weight offset",
                layer.weight_offset,
                "the end of the block before, rounded up to 64 if it is not coded",
            );
        }
        let most = u64::from(layer.coded).saturating_mul(MAX_WEIGHTS_A_BYTE);
        if layer.coded > 0 && step.weight_count().is_none_or(|weights| weights > most) {
            return fail("coded bytes", layer.coded.into(), "at least one for 64 weights");
        }
        let section = self.sections.range(Section::Weights);
        let bytes = step.weight_bytes();
        let end = bytes
            .and_then(|bytes| layer.weight_offset.checked_add(bytes))
            .filter(|&end| end <= section.len() as u64);
        let Some(end) = end else {
            return fail("weight bytes", bytes.unwrap_or(u64::MAX), "inside the weights section");
        };
        let place = |offset: u64| section.start + offset as usize;
        let gap = self.file.get(place(ends.weights)..place(layer.weight_offset)).unwrap_or_default();
        if gap.iter().any(|&byte| byte != 0) {
            return fail("padding before the weights", layer.weight_offset, "zero");
        }
        if step.op.conv().is_some() {
            let block = place(layer.weight_offset)..place(end);
            check_weights(self.file.get(block.clone()).unwrap_or_default(), block.start as u64)?;
        }
        if step.op.qconv().is_some_and(|conv| conv.narrow && conv.coded == 0) {
            let block = self.file.get(place(layer.weight_offset)..place(end)).unwrap_or_default();
            let depth = (bytes.unwrap_or(0) / u64::from(output.max(1))) as usize;
            if let Some(channel) = signed(block).chunks(depth.max(1)).position(|row| !is_narrow(row)) {
                return fail(
                    "output channel with wide weights",
                    channel as u64,
                    "none where the step's are narrow",
                );
            }
        }
        ends.weights = end;
        // No table yet, so that what is left of the words is the layer's own.
        let first = self.words(index, layer.parameters, layer.words.checked_mul(output), ends)?;
        let to = self.plan.buffer(step.output.buffer).element;
        for (channel, word) in self.section_words(first, ends.words).enumerate() {
            let value = f32::from_bits(word);
            let right = if step.op.conv().is_some() {
                value.is_finite()
            } else {
                // Biases are any integers; then come the factors.
                (channel as u64) < output.into()
                    || (to == Element::U8 && is_factor(value))
                    || (to == Element::F32 && value.is_finite())
            };
            if !right {
                return fail(
                    "bias or factor",
                    word.into(),
                    "a finite number, a factor in 2^-32 ..= 2^8 (bits)",
                );
            }
        }
        Ok(())
    }

    /// The table, behind whatever else the step has.
    pub(super) fn table(&self, index: usize, first: u32, ends: &mut Ends) -> Result<(), LoadError> {
        self.words(index, first, Some(TABLE_WORDS), ends).map(|_| ())
    }

    /// Takes the next `count` words of the parameters section, which must begin at `first`.
    fn words(&self, index: usize, first: u32, count: Option<u32>, ends: &mut Ends) -> Result<u32, LoadError> {
        if first != ends.words {
            return Err(self.at_step(
                index,
                "first parameter",
                first.into(),
                "the end of the parameters before",
            ));
        }
        let all = self.sections.range(Section::Parameters).len() / 4;
        let end = count.and_then(|count| first.checked_add(count)).filter(|&end| end as usize <= all);
        let Some(end) = end else {
            let found = count.unwrap_or(u32::MAX);
            return Err(self.at_step(index, "parameters", found.into(), "inside the parameters section"));
        };
        ends.words = end;
        Ok(first)
    }

    fn section_words(&self, first: u32, end: u32) -> impl Iterator<Item = u32> + '_ {
        let base = self.sections.range(Section::Parameters).start;
        let range = base + first as usize * 4..base + end as usize * 4;
        let bytes = self.file.get(range).unwrap_or_default();
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap_or_default()))
    }
}
