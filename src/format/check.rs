//! The checks that need more than one section: geometry, weights, live ranges and coverage.
//!
//! After [`check`], for every step: each view lies inside its buffer and each buffer inside the arena;
//! the output's size follows from the input's and the window; every window covers a real pixel; the
//! weights and biases are there and finite; a buffer that is read has been written in full by earlier
//! steps, each channel once; and no two buffers that are in use at the same step share a byte.
//!
//! Cost: quadratic in the number of buffers and of steps at worst (at most 8192 of each), linear in the
//! weights. Nothing is allocated.

use super::container::Sections;
use super::plan::{BUFFER, FIXED, MAX_CHANNELS, MAX_SIDE, STEP};
use super::weights::check as check_weights;
use super::{ALIGN, Buffer, Conv, Info, LoadError, Op, Section, Step, View, Window};
use crate::model::Plan;

/// Checks the plan of a file whose sections have passed their own checks.
pub(crate) fn check(
    file: &[u8],
    sections: &Sections,
    plan: &Plan<'_>,
    info: &Info,
    biases: u32,
) -> Result<(), LoadError> {
    let base = sections.range(Section::Plan).start;
    let checker = Checker { file, sections, plan, base };
    for (index, buffer) in plan.buffers().enumerate() {
        checker.buffer(index, &buffer, info)?;
    }
    let mut weight_end = 0;
    let mut bias_end = 0;
    for (index, step) in plan.steps().enumerate() {
        checker.step(index, &step)?;
        if let Some(conv) = step.op.conv() {
            checker.conv(index, conv, &step, &mut weight_end, &mut bias_end)?;
        }
        for view in step.inputs() {
            checker.reads(index, &view)?;
        }
        checker.writes(index, &step.output)?;
    }
    let counts = plan.counts();
    let weights = sections.range(Section::Weights).len() as u64;
    if weight_end != weights {
        return Err(checker.at_step(0, "weights used", weight_end, "all of the weights section"));
    }
    if bias_end != biases {
        return Err(checker.at_step(0, "biases used", bias_end.into(), "all of the parameters section"));
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

/// Most pixels of a map that is averaged without being stored: as many as the largest arena has values.
const MAX_AVERAGED: u64 = 1 << 28;

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
            if live_together && !apart {
                return fail(
                    "shares memory with buffer",
                    other as u64,
                    "no buffer that is in use at the same step",
                );
            }
        }
        Ok(())
    }

    fn step(&self, index: usize, step: &Step) -> Result<(), LoadError> {
        let fail = |field, found, rule| Err(self.at_step(index, field, found, rule));
        for view in step.inputs().chain([step.output]) {
            if view.buffer >= self.plan.counts().buffers {
                return fail("buffer", view.buffer.into(), "below the buffer count");
            }
            let buffer = self.plan.buffer(view.buffer);
            let inside = view.channel.checked_add(view.channels).is_some_and(|end| end <= buffer.channels);
            if view.channels == 0 || !inside {
                return fail("channels of a view", view.channels.into(), "at least 1 and inside the buffer");
            }
            if (index as u32) < buffer.first_step || index as u32 > buffer.last_step {
                return fail("buffer", view.buffer.into(), "in use at this step");
            }
        }
        if step.inputs().any(|input| input.buffer == step.output.buffer) {
            return fail("output buffer", step.output.buffer.into(), "another than the input buffer");
        }
        let (input, output) = (self.plan.buffer(step.input.buffer), self.plan.buffer(step.output.buffer));
        if let Some(window) = step.op.window() {
            self.window(index, window, step.op.conv().is_some())?;
        }
        let whole = step.op.window().map_or((0, 0), |window| window.outputs(input.height, input.width));
        let (height, width) = match step.op {
            Op::ConvGlobalAverage(_) => (1, 1),
            Op::Conv(_) => whole,
            Op::MaxPool(ref window) | Op::AveragePool { ref window, .. } => (
                pool_out(input.height, output.height, whole.0, window.stride.0, window.pad_start.0),
                pool_out(input.width, output.width, whole.1, window.stride.1, window.pad_start.1),
            ),
            Op::Softmax | Op::Add { .. } | Op::Lrn(_) | Op::Copy | Op::Clamp(_) => {
                (input.height, input.width)
            }
        };
        if output.height != height {
            return fail("output height", output.height.into(), "what input and window give");
        }
        if output.width != width {
            return fail("output width", output.width.into(), "what input and window give");
        }
        if let Op::ConvGlobalAverage(ref conv) = step.op
            && (whole.0 == 0 || whole.1 == 0)
        {
            return fail("kernel", conv.window.kernel.0.into(), "no larger than the padded input");
        }
        let averaged = u64::from(whole.0) * u64::from(whole.1);
        if matches!(step.op, Op::ConvGlobalAverage(_)) && averaged > MAX_AVERAGED {
            return fail("pixels averaged", averaged, "at most 268435456");
        }
        if step.op.conv().is_none() && step.input.channels != step.output.channels {
            return fail("output channels", step.output.channels.into(), "the input's");
        }
        match step.op {
            Op::Add { second, .. } => {
                let other = self.plan.buffer(second.buffer);
                if (other.height, other.width) != (input.height, input.width) {
                    return fail("height and width of what is added", other.height.into(), "the input's");
                }
                if second.channels != step.input.channels {
                    return fail("channels of what is added", second.channels.into(), "the input's");
                }
            }
            Op::Lrn(lrn) => {
                if lrn.size == 0 || lrn.size > MAX_CHANNELS {
                    return fail("size", lrn.size.into(), "1..=1048576");
                }
                let valid = lrn.alpha >= 0.0 && lrn.bias > 0.0;
                if !valid || ![lrn.alpha, lrn.beta, lrn.bias].iter().all(|value| value.is_finite()) {
                    return fail(
                        "alpha, beta or bias",
                        lrn.bias.to_bits().into(),
                        "finite, alpha not below 0, bias above 0",
                    );
                }
            }
            _ => {}
        }
        let bounds = match step.op {
            Op::Clamp(bounds) | Op::Add { clamp: bounds, .. } => bounds,
            _ => step.op.conv().map_or(super::Clamp::NONE, |conv| conv.clamp),
        };
        if bounds.lo.partial_cmp(&bounds.hi).is_none_or(core::cmp::Ordering::is_gt) {
            return fail("lower bound", bounds.lo.to_bits().into(), "at most the upper bound (bits)");
        }
        Ok(())
    }

    /// A convolution's window may lie in the pads alone (as in SqueezeNet 1.0's last one), a pool's may not.
    /// Larger pads would only make work: a fused average runs over them without storing anything.
    fn window(&self, index: usize, window: &Window, conv: bool) -> Result<(), LoadError> {
        let fail = |field, found: u16, rule| Err(self.at_step(index, field, found.into(), rule));
        for axis in 0..2 {
            let (kernel, stride) = (along(window.kernel, axis), along(window.stride, axis));
            if kernel == 0 {
                return fail("kernel", kernel, "at least 1");
            }
            if stride == 0 {
                return fail("stride", stride, "at least 1");
            }
            for pad in [along(window.pad_start, axis), along(window.pad_end, axis)] {
                if pad > kernel || (pad == kernel && !conv) {
                    return fail("pad", pad, "smaller than the kernel, or as large for a convolution");
                }
            }
        }
        Ok(())
    }

    fn conv(
        &self,
        index: usize,
        conv: &Conv,
        step: &Step,
        weight_end: &mut u64,
        bias_end: &mut u32,
    ) -> Result<(), LoadError> {
        let fail = |field, found, rule| Err(self.at_step(index, field, found, rule));
        let (input, output) = (step.input.channels, step.output.channels);
        if conv.groups == 0 || input % conv.groups != 0 || output % conv.groups != 0 {
            return fail("groups", conv.groups.into(), "a divisor of input and output channels");
        }
        if Some(conv.weight_offset) != weight_end.checked_next_multiple_of(ALIGN as u64) {
            return fail(
                "weight offset",
                conv.weight_offset,
                "the end of the block before, rounded up to 64",
            );
        }
        let section = self.sections.range(Section::Weights);
        let bytes = step.weight_count().and_then(|count| count.checked_mul(4));
        let end = bytes
            .and_then(|bytes| conv.weight_offset.checked_add(bytes))
            .filter(|&end| end <= section.len() as u64);
        let Some(end) = end else {
            return fail("weight bytes", bytes.unwrap_or(u64::MAX), "inside the weights section");
        };
        let place = |offset: u64| section.start + offset as usize;
        let gap = self.file.get(place(*weight_end)..place(conv.weight_offset)).unwrap_or_default();
        if gap.iter().any(|&byte| byte != 0) {
            return fail("padding before the weights", conv.weight_offset, "zero");
        }
        let block = place(conv.weight_offset)..place(end);
        check_weights(self.file.get(block.clone()).unwrap_or_default(), block.start as u64)?;
        *weight_end = end;
        if conv.bias != *bias_end {
            return fail("bias index", conv.bias.into(), "the end of the biases before");
        }
        // The parameters section bounds the sum, see the comparison with its count at the end.
        *bias_end = bias_end.saturating_add(output);
        let biases = self.sections.range(Section::Parameters).len() as u64 / 4;
        if u64::from(*bias_end) > biases {
            return fail("biases", output.into(), "inside the parameters section");
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
    buffer.values()?.checked_mul(4)?.checked_add(buffer.offset)
}

/// The end of a buffer that has passed its check.
fn earlier_end(buffer: &Buffer) -> u64 {
    end(buffer).unwrap_or(u64::MAX)
}

fn along(pair: (u16, u16), axis: usize) -> u16 {
    if axis == 0 { pair.0 } else { pair.1 }
}

/// The declared size of a pool's output if it is right and every window covers a real pixel, else 0.
/// Exporters round down to the `whole` windows that fit, or up (`ceil_mode`) to one more.
fn pool_out(input: u32, output: u32, whole: u32, stride: u16, pad_start: u16) -> u32 {
    let last = u64::from(output.saturating_sub(1)) * u64::from(stride);
    let covers = last < u64::from(input) + u64::from(pad_start);
    let right = output == whole || output == whole.saturating_add(1);
    if covers && whole > 0 && right { output } else { 0 }
}
