//! Steps: what a model does, in the words of the runtime.
//!
//! A step reads and writes [`View`]s: some channels of a buffer at all its pixels. So a concatenation is no
//! step: its inputs are written side by side. How steps are encoded is in [`record`](super::record).

use super::coded::Shape;
use super::op::TABLE_WORDS;
use super::{Op, View};

/// One kernel call over the arena.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What to do.
    pub op: Op,
    /// Where to read.
    pub input: View,
    /// Where to write; never in the buffer that is read.
    pub output: View,
}

impl Step {
    /// What the step reads: its input, and what is added to it.
    pub fn inputs(&self) -> impl Iterator<Item = View> + use<> {
        let second = match self.op {
            Op::Add { second, .. } | Op::QAdd { second, .. } => Some(second),
            _ => None,
        };
        core::iter::once(self.input).chain(second)
    }

    /// Number of weights of the step's convolution (0 if it is none), or `None` when it does not fit in
    /// 64 bits.
    pub fn weight_count(&self) -> Option<u64> {
        let Some(layer) = self.op.layer() else { return Some(0) };
        let taps = u64::from(layer.window.kernel.0) * u64::from(layer.window.kernel.1);
        let depth = taps.checked_mul((self.input.channels / layer.groups.max(1)).into())?;
        depth.checked_mul(self.output.channels.into())
    }

    /// Bytes of the step's weights in the file, or `None` when they do not fit in 64 bits.
    pub fn weight_bytes(&self) -> Option<u64> {
        match self.op.layer() {
            Some(layer) if layer.coded > 0 => Some(layer.coded.into()),
            Some(layer) => self.weight_count()?.checked_mul(layer.weight_bytes),
            None => Some(0),
        }
    }

    /// Shape of the step's weights.
    pub fn weight_shape(&self) -> Option<Shape> {
        let layer = self.op.layer()?;
        Some(Shape {
            rows: self.output.channels as usize,
            kernel: (layer.window.kernel.0.into(), layer.window.kernel.1.into()),
            channels: (self.input.channels / layer.groups.max(1)) as usize,
        })
    }

    /// Words that the step has in the parameters section, or `None` when they do not fit in 32 bits.
    pub fn parameter_words(&self) -> Option<u32> {
        let words = self.op.layer().map_or(0, |layer| layer.words).checked_mul(self.output.channels)?;
        words.checked_add(if self.op.table().is_some() { TABLE_WORDS } else { 0 })
    }
}
