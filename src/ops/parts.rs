//! A step in parts, so that threads can compute it together.
//!
//! A part is some of the output's pixels, which stand side by side in NHWC; or, where the output is one pixel,
//! some of its channels. Cuts lie between whole tiles, so the same kernel calls are made as without them,
//! and results do not depend on how many parts there are.

use super::{Input, Means, Output, Target, qwinograd, run, winograd};
use crate::algorithm::Algorithm;
use crate::crew::{Crew, MAX_THREADS};
use crate::format::{ALIGN, Buffer, Op, Step};
use crate::kernels::Kernels;

/// Where the output of a step may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nowhere.
    Nowhere,
    /// Before every so many pixels: 1, a tile, or whole rows (`rows · width`).
    Pixels(usize),
    /// Before every so many channels; of an output of one pixel.
    Channels(usize),
}

/// Least multiplications of a part of a convolution, and least bytes that the windows of another part read:
/// some microseconds, several times what it costs to meet at the end of a step.
const LEAST_MACS: u64 = 1 << 18;
const LEAST_BYTES: u64 = 1 << 18;

/// Where a step may be cut.
fn cut(step: &Step, output: &Buffer, algorithm: Algorithm, kernels: &Kernels) -> Cut {
    let single = output.height == 1 && output.width == 1;
    let conv = |groups: u32, rows: usize, columns: usize| match (single, groups) {
        (true, 1) => Cut::Channels(columns),
        (true, _) => Cut::Nowhere,
        (false, _) => Cut::Pixels(rows),
    };
    // A part computes the rows of the map that its windows cover; those at a cut are computed twice.
    if step.op.pool().is_some() {
        return Cut::Pixels(output.width as usize);
    }
    if let (Op::Conv(_), Some(winograd)) = (&step.op, winograd::of(algorithm, kernels)) {
        return Cut::Pixels(winograd.tile * output.width as usize);
    }
    if let (Op::QConv(_), Some(winograd)) = (&step.op, qwinograd::of(algorithm, kernels)) {
        return Cut::Pixels(winograd.transform.size * output.width as usize);
    }
    match &step.op {
        Op::Conv(layer) | Op::ConvGlobalAverage(layer) => {
            conv(layer.groups, kernels.gemm.rows, kernels.gemm.columns)
        }
        Op::QConv(layer) | Op::QConvGlobalAverage { conv: layer, .. } => {
            let gemm = kernels.integers(layer);
            conv(layer.groups, gemm.rows, gemm.columns)
        }
        Op::Softmax => Cut::Nowhere,
        _ => Cut::Pixels(1),
    }
}

/// How many parts a step's work is worth.
fn worth(step: &Step, input: &Buffer, output: &Buffer) -> u64 {
    let pixels = |height: u32, width: u32| u64::from(height) * u64::from(width);
    let area = step.op.window().map_or(1, |window| pixels(window.kernel.0.into(), window.kernel.1.into()));
    let values = pixels(output.height, output.width).saturating_mul(step.output.channels.into());
    match (step.op.layer(), step.op.window()) {
        (Some(_), Some(window)) => {
            let (height, width) = window.outputs(input.height, input.width);
            step.weight_count().unwrap_or(0).saturating_mul(pixels(height, width)) / LEAST_MACS
        }
        _ => values.saturating_mul(area * input.element.bytes()) / LEAST_BYTES,
    }
}

/// In how many parts a step is computed by so many threads, at least 1; more threads, no fewer parts.
pub(crate) fn count(
    step: &Step,
    input: &Buffer,
    output: &Buffer,
    algorithm: Algorithm,
    kernels: &Kernels,
    threads: usize,
) -> usize {
    let units = match cut(step, output, algorithm, kernels) {
        Cut::Nowhere => 1,
        Cut::Pixels(unit) => (output.height as usize * output.width as usize).div_ceil(unit),
        Cut::Channels(unit) => (step.output.channels as usize).div_ceil(unit),
    };
    let worth = usize::try_from(worth(step, input, output)).unwrap_or(MAX_THREADS);
    threads.min(MAX_THREADS).min(units).min(worth).max(1)
}

/// A part of a step: what it writes, and its own scratch.
struct Part<'a> {
    output: Target<'a>,
    scratch: &'a mut [f32],
}

/// Runs one step on the threads of `crew`. The scratch holds as much for each part as the step takes.
pub(crate) fn run_step(
    step: &Step,
    [from, to]: [&Buffer; 2],
    inputs: [Input<'_>; 2],
    output: Target<'_>,
    means: Means<'_>,
    crew: &mut Crew<'_>,
    threads: usize,
) {
    match count(step, from, to, means.algorithm, means.kernels, threads) {
        1 => run(&step.op, inputs, output, means),
        count => {
            let cut = cut(step, to, means.algorithm, means.kernels);
            run_parts(step, cut, count, inputs, output, means, crew);
        }
    }
}

fn run_parts(
    step: &Step,
    cut: Cut,
    count: usize,
    inputs: [Input<'_>; 2],
    output: Target<'_>,
    means: Means<'_>,
    crew: &mut Crew<'_>,
) {
    let Means { packed, table, scratch, algorithm, kernels } = means;
    let mut parts = [const { None }; MAX_THREADS];
    let line = ALIGN / size_of::<f32>();
    let lot = (scratch.len() / count / line * line).max(1);
    let mut scratch = scratch.chunks_mut(lot);
    let mut add = |index: usize, output| {
        if let Some(part) = parts.get_mut(index) {
            *part = Some(Part { output, scratch: scratch.next().unwrap_or_default() });
        }
    };
    match output {
        Target::F32(output) => divide(output, cut, count, |index, part| add(index, Target::F32(part))),
        Target::U8(output) => divide(output, cut, count, |index, part| add(index, Target::U8(part))),
    }
    crew.each(parts.get_mut(..count).unwrap_or_default(), |part| {
        if let Some(Part { output, scratch }) = part.take() {
            run(&step.op, inputs, output, Means { packed, table, scratch, algorithm, kernels });
        }
    });
}

/// Cuts a whole output into `count` parts of equal numbers of units, but for one more or less.
fn divide<'a, T>(output: Output<'a, T>, cut: Cut, count: usize, mut add: impl FnMut(usize, Output<'a, T>)) {
    let Output { data, height, width, channel, channels, stride, .. } = output;
    let pixels = height * width;
    let (mut rest, unit, length) = match cut {
        Cut::Nowhere => (data, pixels, pixels),
        Cut::Pixels(unit) => (data, unit, pixels),
        Cut::Channels(unit) => {
            (data.get_mut(channel..channel + channels).unwrap_or_default(), unit, channels)
        }
    };
    let by_channel = matches!(cut, Cut::Channels(_));
    let (units, mut start) = (length.div_ceil(unit), 0);
    for index in 0..count {
        // In 64 bits: sixteen times the pixels of the largest buffer do not fit in 32.
        let next = ((index as u64 + 1) * units as u64 / count as u64) as usize;
        let end = (next * unit).min(length);
        let along = end - start;
        let values = if by_channel { along } else { along * stride };
        let Some((data, behind)) = rest.split_at_mut_checked(values) else { return };
        add(
            index,
            if by_channel {
                Output { data, stride: along, channel: 0, channels: along, first_channel: start, ..output }
            } else {
                Output { data, first: start, pixels: along, ..output }
            },
        );
        (rest, start) = (behind, end);
    }
}

#[cfg(all(test, feature = "std"))]
mod tests;
