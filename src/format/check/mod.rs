//! The checks that need more than one section: geometry, weights, live ranges and coverage.
//!
//! After [`check`], for every step: each view lies inside its buffer and each buffer inside the arena;
//! the output's size follows from the input's and the window; every window covers a real pixel; the
//! weights and biases are there and finite; a buffer that is read has been written in full by earlier
//! steps, each channel once; and no two buffers that are in use at the same step share a byte, but for
//! bytes that take the place of the floats that they are made of in that step.
//!
//! Cost: quadratic in the number of buffers and of steps at worst (at most 8192 of each), linear in the
//! weights. Nothing is allocated.

mod blocks;
mod geometry;
mod integers;

use super::container::Sections;
use super::plan::{BUFFER, FIXED, MAX_CHANNELS, MAX_SIDE};
use super::record::STEP;
use super::{ALIGN, Buffer, Element, Info, LoadError, Op, Section, View};
use crate::model::Plan;
use blocks::Ends;

/// Checks the plan of a file whose sections have passed their own checks.
pub(crate) fn check(
    file: &[u8],
    sections: &Sections,
    plan: &Plan<'_>,
    info: &Info,
    words: u32,
) -> Result<(), LoadError> {
    let base = sections.range(Section::Plan).start;
    let checker = Checker { file, sections, plan, base };
    for (index, buffer) in plan.buffers().enumerate() {
        checker.buffer(index, &buffer, info)?;
    }
    let mut ends = Ends::default();
    for (index, step) in plan.steps().enumerate() {
        checker.step(index, &step)?;
        if let Some(layer) = step.op.layer() {
            checker.layer(index, &layer, &step, &mut ends)?;
        }
        if let Some(table) = step.op.table() {
            checker.table(index, table, &mut ends)?;
        }
        for view in step.inputs() {
            checker.reads(index, &view)?;
        }
        checker.writes(index, &step.output)?;
    }
    let counts = plan.counts();
    let weights = sections.range(Section::Weights).len() as u64;
    if ends.weights != weights {
        return Err(checker.at_step(0, "weights used", ends.weights, "all of the weights section"));
    }
    if ends.words != words {
        return Err(checker.at_step(0, "words used", ends.words.into(), "all of the parameters section"));
    }
    let output = plan.buffer(counts.output);
    if checker.covered(counts.steps as usize, counts.output, 0, output.channels) != u64::from(output.channels)
    {
        return Err(checker.at_buffer(
            counts.output as usize,
            "output buffer",
            counts.output.into(),
            "written in full",
        ));
    }
    if output.element != Element::F32 || plan.buffer(counts.input).element != Element::F32 {
        return Err(checker.at_buffer(counts.output as usize, "element of input and output", 1, "f32 (0)"));
    }
    if output.values() != Some(info.class_count.into()) {
        let found = output.values().unwrap_or(u64::MAX);
        return Err(checker.at_buffer(
            counts.output as usize,
            "values of the output buffer",
            found,
            "the class count",
        ));
    }
    Ok(())
}

struct Checker<'a> {
    file: &'a [u8],
    sections: &'a Sections,
    plan: &'a Plan<'a>,
    base: usize,
}

impl Checker<'_> {
    fn at_buffer(&self, index: usize, field: &'static str, found: u64, rule: &'static str) -> LoadError {
        let at = (self.base + FIXED + index * BUFFER) as u64;
        LoadError::Invalid { section: Section::Plan, at, field, found, rule }
    }

    fn at_step(&self, index: usize, field: &'static str, found: u64, rule: &'static str) -> LoadError {
        let buffers = self.plan.counts().buffers as usize;
        let at = (self.base + FIXED + buffers * BUFFER + index * STEP) as u64;
        LoadError::Invalid { section: Section::Plan, at, field, found, rule }
    }

    /// Whether a step turns the floats of one buffer into the bytes of another at the same place, and the one
    /// is in use until then, the other from then on.
    fn in_place(&self, from: u32, floats: &Buffer, to: u32, bytes: &Buffer) -> bool {
        floats.offset == bytes.offset
            && floats.last_step == bytes.first_step
            && floats.last_step < self.plan.counts().steps
            && {
                let step = self.plan.step(floats.last_step);
                let whole =
                    |view: View, buffer: &Buffer| (view.channel, view.channels) == (0, buffer.channels);
                matches!(step.op, Op::Quantize { .. })
                    && (step.input.buffer, step.output.buffer) == (from, to)
                    && whole(step.input, floats)
                    && whole(step.output, bytes)
            }
    }

    fn buffer(&self, index: usize, buffer: &Buffer, info: &Info) -> Result<(), LoadError> {
        let fail = |field, found, rule| Err(self.at_buffer(index, field, found, rule));
        for (field, side) in [("height", buffer.height), ("width", buffer.width)] {
            if side == 0 || side > MAX_SIDE {
                return fail(field, side.into(), "1..=65535");
            }
        }
        if buffer.channels == 0 || buffer.channels > MAX_CHANNELS {
            return fail("channels", buffer.channels.into(), "1..=1048576");
        }
        if !buffer.offset.is_multiple_of(ALIGN as u64) {
            return fail("arena offset", buffer.offset, "a multiple of 64");
        }
        let counts = self.plan.counts();
        if buffer.first_step > buffer.last_step || buffer.last_step >= counts.steps {
            return fail(
                "last step",
                buffer.last_step.into(),
                "at least the first step, below the step count",
            );
        }
        if index == counts.input as usize && buffer.first_step != 0 {
            return fail("first step of the input buffer", buffer.first_step.into(), "0");
        }
        if index == counts.output as usize && buffer.last_step != counts.steps - 1 {
            return fail("last step of the output buffer", buffer.last_step.into(), "the last step");
        }
        let end = end(buffer).filter(|&end| end <= info.arena_bytes);
        let Some(end) = end else {
            return fail("arena offset", buffer.offset, "such that the buffer ends inside the arena");
        };
        for (other, earlier) in self.plan.buffers().take(index).enumerate() {
            let live_together =
                earlier.first_step <= buffer.last_step && buffer.first_step <= earlier.last_step;
            let apart = end <= earlier.offset || earlier_end(&earlier) <= buffer.offset;
            let in_place = self.in_place(other as u32, &earlier, index as u32, buffer)
                || self.in_place(index as u32, buffer, other as u32, &earlier);
            if live_together && !apart && !in_place {
                return fail(
                    "shares memory with buffer",
                    other as u64,
                    "no buffer that is in use at the same step",
                );
            }
        }
        Ok(())
    }

    /// The channels that a step reads have all been written.
    fn reads(&self, index: usize, view: &View) -> Result<(), LoadError> {
        if view.buffer == self.plan.counts().input
            || self.covered(index, view.buffer, view.channel, view.channels) == u64::from(view.channels)
        {
            return Ok(());
        }
        Err(self.at_step(index, "input buffer", view.buffer.into(), "written before it is read"))
    }

    /// The channels that a step writes have not been written before.
    fn writes(&self, index: usize, view: &View) -> Result<(), LoadError> {
        if view.buffer == self.plan.counts().input {
            return Err(self.at_step(
                index,
                "output buffer",
                view.buffer.into(),
                "another than the model's input",
            ));
        }
        if self.covered(index, view.buffer, view.channel, view.channels) == 0 {
            return Ok(());
        }
        Err(self.at_step(index, "output channels", view.channel.into(), "written by one step only"))
    }

    /// How many channels of `channel .. channel + channels` the steps before `index` write. Exact,
    /// because [`writes`](Self::writes) has found those steps' outputs to be disjoint.
    fn covered(&self, index: usize, buffer: u32, channel: u32, channels: u32) -> u64 {
        let first = self.plan.buffer(buffer).first_step;
        (first..index as u32).map(|earlier| self.plan.step(earlier)).fold(0, |sum, step| {
            if step.output.buffer != buffer {
                return sum;
            }
            let start = step.output.channel.max(channel);
            let end = (step.output.channel + step.output.channels).min(channel + channels);
            sum + u64::from(end.saturating_sub(start))
        })
    }
}

fn end(buffer: &Buffer) -> Option<u64> {
    buffer.bytes()?.checked_add(buffer.offset)
}

/// The end of a buffer that has passed its check.
fn earlier_end(buffer: &Buffer) -> u64 {
    end(buffer).unwrap_or(u64::MAX)
}
