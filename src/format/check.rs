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
use super::step::TABLE_WORDS;
use super::weights::check as check_weights;
use super::{ALIGN, Buffer, Element, Grid, Info, Layer, LoadError, Op, QConv, Section, Step, View, Window};
use crate::model::Plan;

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

/// Most pixels of a map that is averaged without being stored: as many as the largest arena has values.
const MAX_AVERAGED: u64 = 1 << 28;

/// Where the blocks of the steps so far end.
#[derive(Default)]
struct Ends {
    /// Bytes of the weights section.
    weights: u64,
    /// Words of the parameters section.
    words: u32,
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
            self.window(index, window, step.op.layer().is_some())?;
        }
        let whole = step.op.window().map_or((0, 0), |window| window.outputs(input.height, input.width));
        let (height, width) = match step.op {
            Op::ConvGlobalAverage(_) | Op::QConvGlobalAverage { .. } => (1, 1),
            Op::QConv(QConv { pool: Some(ref pool), .. }) => {
                self.window(index, pool, false)?;
                let windows = pool.outputs(whole.0, whole.1);
                (
                    pool_out(whole.0, output.height, windows.0, pool.stride.0, pool.pad_start.0),
                    pool_out(whole.1, output.width, windows.1, pool.stride.1, pool.pad_start.1),
                )
            }
            Op::Conv(_) | Op::QConv(_) => whole,
            Op::MaxPool(ref window)
            | Op::AveragePool { ref window, .. }
            | Op::QAveragePool { ref window, .. } => (
                pool_out(input.height, output.height, whole.0, window.stride.0, window.pad_start.0),
                pool_out(input.width, output.width, whole.1, window.stride.1, window.pad_start.1),
            ),
            Op::Softmax
            | Op::Add { .. }
            | Op::Lrn(_)
            | Op::Copy
            | Op::Clamp(_)
            | Op::Quantize { .. }
            | Op::Dequantize { .. }
            | Op::QAdd { .. }
            | Op::Lookup { .. } => (input.height, input.width),
        };
        if output.height != height {
            return fail("output height", output.height.into(), "what input and window give");
        }
        if output.width != width {
            return fail("output width", output.width.into(), "what input and window give");
        }
        let fused = matches!(step.op, Op::ConvGlobalAverage(_) | Op::QConvGlobalAverage { .. });
        let pooled = matches!(step.op, Op::QConv(QConv { pool: Some(_), .. }));
        if (fused || pooled) && (whole.0 == 0 || whole.1 == 0) {
            let kernel = step.op.window().map_or(0, |window| window.kernel.0);
            return fail("kernel", kernel.into(), "no larger than the padded input");
        }
        let averaged = u64::from(whole.0) * u64::from(whole.1);
        if (fused || pooled) && averaged > MAX_AVERAGED {
            return fail("pixels averaged", averaged, "at most 268435456");
        }
        if step.op.layer().is_none() && step.input.channels != step.output.channels {
            return fail("output channels", step.output.channels.into(), "the input's");
        }
        match step.op {
            Op::Add { second, .. } | Op::QAdd { second, .. } => {
                let other = self.plan.buffer(second.buffer);
                if other.element != input.element {
                    return fail("element of what is added", other.element as u64, "the input's");
                }
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
        self.elements(index, &step.op, input.element, output.element)?;
        self.integers(index, &step.op, output.element)
    }

    /// Each operation reads and writes the types that it is made for.
    fn elements(&self, index: usize, op: &Op, from: Element, to: Element) -> Result<(), LoadError> {
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
    fn integers(&self, index: usize, op: &Op, to: Element) -> Result<(), LoadError> {
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

    fn layer(&self, index: usize, layer: &Layer, step: &Step, ends: &mut Ends) -> Result<(), LoadError> {
        let fail = |field, found, rule| Err(self.at_step(index, field, found, rule));
        let (input, output) = (step.input.channels, step.output.channels);
        if layer.groups == 0 || input % layer.groups != 0 || output % layer.groups != 0 {
            return fail("groups", layer.groups.into(), "a divisor of input and output channels");
        }
        if Some(layer.weight_offset) != ends.weights.checked_next_multiple_of(ALIGN as u64) {
            return fail(
                "weight offset",
                layer.weight_offset,
                "the end of the block before, rounded up to 64",
            );
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

    fn table(&self, index: usize, first: u32, ends: &mut Ends) -> Result<(), LoadError> {
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

/// Where a factor of an integer operation must lie: outside, its sums are all 0 or all at a bound.
const FACTOR: &str = "in 2^-32 ..= 2^8 (bits)";

fn is_factor(value: f32) -> bool {
    (1.0 / (1u64 << 32) as f32..=256.0).contains(&value)
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
