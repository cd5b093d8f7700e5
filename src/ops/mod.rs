//! Safe code between the plan and the kernels: one operation a file, geometry in, kernel calls out.

mod add;
mod average_pool;
mod clamp;
pub(crate) mod conv;
mod lrn;
mod max_pool;
mod softmax;

use crate::Isa;
use crate::format::{Buffer, Clamp, Op, Step, View};
use crate::kernels::Kernels;

/// Some channels of a buffer, to read: value `(pixel, c)` stands at `pixel * stride + channel + c`.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub data: &'a [f32],
    pub height: usize,
    pub width: usize,
    pub stride: usize,
    pub channel: usize,
    pub channels: usize,
}

/// Some channels of a buffer, to write; see [`Input`].
pub(crate) struct Output<'a> {
    pub data: &'a mut [f32],
    pub height: usize,
    pub width: usize,
    pub stride: usize,
    pub channel: usize,
    pub channels: usize,
}

impl<'a> Input<'a> {
    pub fn new(data: &'a [f32], buffer: &Buffer, view: &View) -> Self {
        Self {
            data,
            height: buffer.height as usize,
            width: buffer.width as usize,
            stride: buffer.channels as usize,
            channel: view.channel as usize,
            channels: view.channels as usize,
        }
    }

    /// Where the view's part of a pixel begins in `data`.
    fn at(&self, row: usize, column: usize) -> usize {
        (row * self.width + column) * self.stride + self.channel
    }

    /// The view's part of each pixel, in order.
    fn pixels(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let (channel, channels) = (self.channel, self.channels);
        self.data.chunks_exact(self.stride).map(move |pixel| &pixel[channel..channel + channels])
    }
}

impl<'a> Output<'a> {
    pub fn new(data: &'a mut [f32], buffer: &Buffer, view: &View) -> Self {
        Self {
            data,
            height: buffer.height as usize,
            width: buffer.width as usize,
            stride: buffer.channels as usize,
            channel: view.channel as usize,
            channels: view.channels as usize,
        }
    }

    /// The view's part of each pixel, in order.
    fn pixels(&mut self) -> impl Iterator<Item = &mut [f32]> + '_ {
        let (channel, channels) = (self.channel, self.channels);
        self.data.chunks_exact_mut(self.stride).map(move |pixel| &mut pixel[channel..channel + channels])
    }
}

impl Op {
    /// The kernel that runs this operation on an instruction set, as `inspect` and profiles print it:
    /// type, operation, tile and instruction set. Empty where this build has no such kernels.
    pub fn kernel(&self, isa: Isa) -> &'static str {
        match (self, Kernels::of(isa)) {
            (_, None) => "",
            (Self::Conv(_) | Self::ConvGlobalAverage(_), Some(kernels)) => kernels.gemm.name,
            (Self::MaxPool(_), Some(kernels)) => kernels.max_pool.name,
            (Self::AveragePool { .. }, _) => "f32-average_pool-generic",
            (Self::Softmax, _) => "f32-softmax-generic",
            (Self::Add { .. }, _) => "f32-add-generic",
            (Self::Lrn(_), _) => "f32-lrn-generic",
            (Self::Copy, _) => "f32-copy-generic",
            (Self::Clamp(_), _) => "f32-clamp-generic",
        }
    }
}

/// Bytes of scratch that a step takes, or `None` when they do not fit in a `usize`.
pub(crate) fn scratch_bytes(step: &Step, input: &Buffer, kernels: &Kernels) -> Option<usize> {
    let words = match &step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => conv::scratch_words(conv, step, input, kernels)?,
        Op::MaxPool(window) => max_pool::scratch_words(window, input),
        Op::AveragePool { .. } | Op::Softmax | Op::Add { .. } | Op::Lrn(_) | Op::Copy | Op::Clamp(_) => 0,
    };
    words.checked_mul(size_of::<f32>())
}

/// Runs one step. `inputs` are the step's input and what is added to it, `packed` the step's prepared
/// weights, `scratch` at least [`scratch_bytes`].
pub(crate) fn run(
    op: &Op,
    inputs: [Input<'_>; 2],
    mut output: Output<'_>,
    packed: &[f32],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let [input, second] = inputs;
    match op {
        Op::Conv(conv) => conv::run(conv, input, output, packed, scratch, kernels),
        Op::ConvGlobalAverage(conv) => {
            conv::run_global_average(conv, input, output, packed, scratch, kernels)
        }
        Op::MaxPool(window) => max_pool::run(window, input, output, scratch, kernels),
        Op::AveragePool { window, include_pad } => average_pool::run(window, *include_pad, input, output),
        Op::Softmax => softmax::run(input, &mut output),
        Op::Add { clamp, .. } => add::run(*clamp, input, second, &mut output),
        Op::Lrn(lrn) => lrn::run(lrn, input, &mut output),
        Op::Copy => clamp::run(Clamp::NONE, input, &mut output),
        Op::Clamp(bounds) => clamp::run(*bounds, input, &mut output),
    }
}
