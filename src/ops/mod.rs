//! Safe code between the plan and the kernels: one operation a file, geometry in, kernel calls out.

mod add;
mod average_pool;
mod clamp;
mod conv;
mod lrn;
mod max_pool;
mod qadd;
mod qaverage_pool;
mod qconv;
mod qconv_pool;
mod qgather;
pub(crate) mod quantize;
pub(crate) mod rows;
mod softmax;

use crate::Isa;
use crate::arena::{bytes, bytes_mut};
use crate::format::coded::CodedError;
use crate::format::{Buffer, Clamp, Element, Op, Step, View};
use crate::kernels::Kernels;
use crate::kernels::qadd::Scales;
use crate::model::Model;

/// Some channels of a buffer, to read: value `(pixel, c)` stands at `pixel * stride + channel + c`.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a, T = f32> {
    pub data: &'a [T],
    pub height: usize,
    pub width: usize,
    pub stride: usize,
    pub channel: usize,
    pub channels: usize,
}

/// Some channels of a buffer, to write; see [`Input`].
pub(crate) struct Output<'a, T = f32> {
    pub data: &'a mut [T],
    pub element: Element,
    pub height: usize,
    pub width: usize,
    pub stride: usize,
    pub channel: usize,
    pub channels: usize,
}

impl<'a> Input<'a> {
    /// `data` is the buffer's memory, whatever its type.
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

    /// The same view of a buffer of bytes.
    fn bytes(self) -> Input<'a, u8> {
        let Self { data, height, width, stride, channel, channels } = self;
        let data = bytes(data).get(..height * width * stride).unwrap_or_default();
        Input { data, height, width, stride, channel, channels }
    }
}

impl<'a, T> Input<'a, T> {
    /// Height and width of the image.
    fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Where the view's part of a pixel begins in `data`.
    fn at(&self, row: usize, column: usize) -> usize {
        (row * self.width + column) * self.stride + self.channel
    }

    /// The view's part of each pixel, in order.
    fn pixels(&self) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let (channel, channels) = (self.channel, self.channels);
        self.data.chunks_exact(self.stride).map(move |pixel| &pixel[channel..channel + channels])
    }

    /// Whether the view is all of its buffer.
    fn is_whole(&self) -> bool {
        self.channels == self.stride
    }

    /// The same values as one pixel, of a view that is whole.
    fn flat(self) -> Self {
        let channels = self.height * self.width * self.stride;
        Self { height: 1, width: 1, stride: channels, channel: 0, channels, ..self }
    }
}

impl<'a> Output<'a> {
    /// `data` is the buffer's memory, whatever its type.
    pub fn new(data: &'a mut [f32], buffer: &Buffer, view: &View) -> Self {
        Self {
            data,
            element: buffer.element,
            height: buffer.height as usize,
            width: buffer.width as usize,
            stride: buffer.channels as usize,
            channel: view.channel as usize,
            channels: view.channels as usize,
        }
    }

    /// The same view of a buffer of bytes.
    fn bytes(self) -> Output<'a, u8> {
        let Self { data, element, height, width, stride, channel, channels } = self;
        let data = bytes_mut(data).get_mut(..height * width * stride).unwrap_or_default();
        Output { data, element, height, width, stride, channel, channels }
    }
}

impl<T> Output<'_, T> {
    /// The view's part of each pixel, in order.
    fn pixels(&mut self) -> impl Iterator<Item = &mut [T]> + '_ {
        let (channel, channels) = (self.channel, self.channels);
        self.data.chunks_exact_mut(self.stride).map(move |pixel| &mut pixel[channel..channel + channels])
    }

    /// Whether the view is all of its buffer.
    fn is_whole(&self) -> bool {
        self.channels == self.stride
    }

    /// As [`Input::flat`].
    fn flat(self) -> Self {
        let channels = self.height * self.width * self.stride;
        Self { height: 1, width: 1, stride: channels, channel: 0, channels, ..self }
    }
}

/// A view to read and one to write, as one pixel each where both are whole buffers: for operations that
/// take each value by itself, and do so faster the more stand side by side.
fn flat<'a, 'b, A, B>(input: Input<'a, A>, output: Output<'b, B>) -> (Input<'a, A>, Output<'b, B>) {
    if input.is_whole() && output.is_whole() { (input.flat(), output.flat()) } else { (input, output) }
}

impl Op {
    /// The kernel that runs this operation on inputs of a type, on an instruction set, as `inspect` and
    /// profiles print it: type, operation, tile and instruction set. Empty where this build has no such
    /// kernels.
    pub fn kernel(&self, element: Element, isa: Isa) -> &'static str {
        match (self, Kernels::of(isa)) {
            (_, None) => "",
            (Self::Conv(_) | Self::ConvGlobalAverage(_), Some(kernels)) => kernels.gemm.name,
            (Self::MaxPool(_), Some(kernels)) if element == Element::U8 => kernels.qmax_pool.name,
            (Self::MaxPool(_), Some(kernels)) => kernels.max_pool.name,
            (Self::Copy, _) if element == Element::U8 => "u8-copy-generic",
            (Self::AveragePool { .. }, _) => "f32-average_pool-generic",
            (Self::Softmax, _) => "f32-softmax-generic",
            (Self::Add { .. }, _) => "f32-add-generic",
            (Self::Lrn(_), _) => "f32-lrn-generic",
            (Self::Copy, _) => "f32-copy-generic",
            (Self::Clamp(_), _) => "f32-clamp-generic",
            (Self::QConv(_) | Self::QConvGlobalAverage { .. }, Some(kernels)) => kernels.qgemm.name,
            (Self::Quantize { .. }, Some(kernels)) => kernels.quantize.name,
            (Self::Dequantize { .. }, _) => "u8f32-dequantize-generic",
            (Self::QAveragePool { .. }, _) => "u8-average_pool-generic",
            (Self::QAdd { .. }, Some(kernels)) => kernels.qadd.name,
            (Self::Lookup { .. }, _) => "u8-lookup-generic",
        }
    }
}

/// Bytes of scratch that a step takes, or `None` when they do not fit in a `usize`.
pub(crate) fn scratch_bytes(step: &Step, input: &Buffer, kernels: &Kernels) -> Option<usize> {
    let words = match &step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => conv::scratch_words(conv, step, input, kernels)?,
        Op::QConv(conv) => qconv::scratch_words(conv, step, input, false, kernels)?,
        Op::QConvGlobalAverage { conv, .. } => qconv::scratch_words(conv, step, input, true, kernels)?,
        Op::MaxPool(window) => max_pool::scratch_words(window, input),
        _ => 0,
    };
    words.checked_mul(size_of::<f32>())
}

/// Floats that a step's prepared weights take, or `None` when they do not fit in a `usize`.
pub(crate) fn prepared_floats(step: &Step, kernels: &Kernels) -> Option<usize> {
    match &step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => conv::prepared_floats(conv, step, kernels),
        Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } => qconv::prepared_floats(conv, step, kernels),
        _ => Some(0),
    }
}

/// Packs a step's weights. `stage` has at least [`rows::stage_bytes`].
pub(crate) fn prepare(
    model: &Model<'_>,
    step: &Step,
    kernels: &Kernels,
    packed: &mut [f32],
    stage: &mut [u8],
) -> Result<(), CodedError> {
    match &step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => conv::prepare(model, conv, step, kernels, packed),
        Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } => {
            qconv::prepare(model, conv, step, kernels, packed, stage)?;
        }
        _ => {}
    }
    Ok(())
}

/// What a step works with beside its inputs and output.
pub(crate) struct Means<'a> {
    /// The step's prepared weights.
    pub packed: &'a [f32],
    /// The step's table, if it has one.
    pub table: &'a [u8],
    /// At least [`scratch_bytes`].
    pub scratch: &'a mut [f32],
    pub kernels: &'a Kernels,
}

/// Runs one step. `inputs` are the step's input and what is added to it.
pub(crate) fn run(op: &Op, inputs: [Input<'_>; 2], mut output: Output<'_>, means: Means<'_>) {
    let [input, second] = inputs;
    let Means { packed, table, scratch, kernels } = means;
    match *op {
        Op::Conv(ref conv) => conv::run(conv, input, output, packed, scratch, kernels),
        Op::ConvGlobalAverage(ref conv) => {
            conv::run_global_average(conv, input, output, packed, scratch, kernels);
        }
        Op::MaxPool(ref window) => match output.element {
            Element::F32 => max_pool::run(window, input, output, scratch, kernels),
            Element::U8 => max_pool::run_bytes(window, input.bytes(), output.bytes(), scratch, kernels),
        },
        Op::AveragePool { ref window, include_pad } => average_pool::run(window, include_pad, input, output),
        Op::Softmax => softmax::run(input, &mut output),
        Op::Add { clamp, .. } => add::run(clamp, input, second, &mut output),
        Op::Lrn(ref lrn) => lrn::run(lrn, input, &mut output),
        Op::Copy => match output.element {
            Element::F32 => clamp::run(Clamp::NONE, input, &mut output),
            Element::U8 => quantize::copy(input.bytes(), output.bytes()),
        },
        Op::Clamp(bounds) => clamp::run(bounds, input, &mut output),
        Op::Quantize { scale, zero } => quantize::quantize(scale, zero, input, output.bytes(), kernels),
        Op::Dequantize { scale, zero } => quantize::dequantize(scale, zero, input.bytes(), output),
        Op::QConv(ref conv) => qconv::run(conv, input.bytes(), output, packed, table, scratch, kernels),
        Op::QConvGlobalAverage { ref conv, relu } => {
            qconv::run_global_average(conv, relu, input.bytes(), output, packed, scratch, kernels);
        }
        Op::QAveragePool { ref window, include_pad, input_zero, factor, output: grid } => {
            let (input, output) = (input.bytes(), output.bytes());
            qaverage_pool::run(window, include_pad, input_zero, factor, grid, input, output);
        }
        Op::QAdd { zeros, factors, output: grid, .. } => {
            let scales = Scales { zeros, factors, grid };
            qadd::run(scales, input.bytes(), second.bytes(), output.bytes(), kernels);
        }
        Op::Lookup { .. } => quantize::lookup(table, input.bytes(), output.bytes()),
    }
}
