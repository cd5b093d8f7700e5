//! Safe code between the plan and the kernels: one operation a file, geometry in, kernel calls out.

mod add;
mod average_pool;
mod clamp;
mod conv;
mod conv_pool;
mod lrn;
mod max_pool;
pub(crate) mod parts;
mod qadd;
mod qaverage_pool;
mod qconv;
mod qconv_pool;
mod qgather;
pub(crate) mod quantize;
mod qwinograd;
mod ring;
pub(crate) mod rows;
mod softmax;
mod winograd;

use crate::algorithm::Algorithm;
use crate::arena::{bytes, bytes_mut};
use crate::format::coded::CodedError;
use crate::format::{Buffer, Clamp, Conv, Element, Op, Step, View};
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

/// Some channels of some pixels of a buffer, to write: an operation computes these and no others. Value
/// `(first + i, c)` stands at `i * stride + channel + c`.
pub(crate) struct Output<'a, T = f32> {
    /// The pixels to compute and no others, all their channels; see [`first_channel`](Self::first_channel)
    /// for the exception.
    pub data: &'a mut [T],
    /// Rows of the whole image.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    pub stride: usize,
    pub channel: usize,
    pub channels: usize,
    /// The first pixel to compute, counted through the image.
    pub first: usize,
    /// How many pixels to compute.
    pub pixels: usize,
    /// Which of the operation's output channels `channel` is: 0, but for a part of an image of one pixel.
    pub first_channel: usize,
}

/// An [`Output`], of whatever type its buffer is.
pub(crate) enum Target<'a> {
    F32(Output<'a>),
    U8(Output<'a, u8>),
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

    /// The pixels at the places of those that `output` has, as one row: for operations between images of one
    /// size that take each pixel by itself.
    fn beside<U>(self, output: &Output<'_, U>) -> Self {
        let Self { data, stride, .. } = self;
        let (start, end) = (output.first * stride, (output.first + output.pixels) * stride);
        Self { data: data.get(start..end).unwrap_or_default(), height: 1, width: output.pixels, ..self }
    }

    /// The same values as one pixel, of a view that is whole.
    fn flat(self) -> Self {
        let channels = self.height * self.width * self.stride;
        Self { height: 1, width: 1, stride: channels, channel: 0, channels, ..self }
    }
}

impl<'a> Target<'a> {
    /// All pixels of a view; `data` is the buffer's memory, whatever its type.
    pub fn new(data: &'a mut [f32], buffer: &Buffer, view: &View) -> Self {
        match buffer.element {
            Element::F32 => Self::F32(Output::new(data, buffer, view)),
            Element::U8 => Self::U8(Output::new(bytes_mut(data), buffer, view)),
        }
    }
}

impl<'a, T> Output<'a, T> {
    fn new(data: &'a mut [T], buffer: &Buffer, view: &View) -> Self {
        let (height, width) = (buffer.height as usize, buffer.width as usize);
        let (stride, pixels) = (buffer.channels as usize, height * width);
        Self {
            data: data.get_mut(..pixels * stride).unwrap_or_default(),
            height,
            width,
            stride,
            channel: view.channel as usize,
            channels: view.channels as usize,
            first: 0,
            pixels,
            first_channel: 0,
        }
    }

    /// The view's part of each pixel, in order.
    fn pixels(&mut self) -> impl Iterator<Item = &mut [T]> + '_ {
        let (channel, channels) = (self.channel, self.channels);
        self.data.chunks_exact_mut(self.stride).map(move |pixel| &mut pixel[channel..channel + channels])
    }

    /// As [`pixels`](Self::pixels), each with its row and column.
    fn places(&mut self) -> impl Iterator<Item = ((usize, usize), &mut [T])> + '_ {
        let (first, width) = (self.first, self.width);
        self.pixels().enumerate().map(move |(index, out)| {
            let pixel = first + index;
            ((pixel / width, pixel % width), out)
        })
    }

    /// Whether the view is all of its buffer's channels.
    fn is_whole(&self) -> bool {
        self.channels == self.stride
    }

    /// As [`Input::flat`].
    fn flat(self) -> Self {
        let channels = self.pixels * self.stride;
        Self { stride: channels, channel: 0, channels, pixels: 1, ..self }
    }
}

/// A view to read and one of as many pixels to write, as one pixel each where both are whole buffers: for operations that
/// take each value by itself, and do so faster the more stand side by side.
fn flat<'a, 'b, A, B>(input: Input<'a, A>, output: Output<'b, B>) -> (Input<'a, A>, Output<'b, B>) {
    if input.is_whole() && output.is_whole() { (input.flat(), output.flat()) } else { (input, output) }
}

/// The kernel that runs a step on inputs of a type: type, operation, tile and instruction set.
pub(crate) fn kernel(
    op: &Op,
    element: Element,
    algorithm: Algorithm,
    kernels: &'static Kernels,
) -> &'static str {
    if let (Op::Conv(_), Some(winograd)) = (op, winograd::of(algorithm, kernels)) {
        return winograd.name;
    }
    match op {
        Op::Conv(_) | Op::ConvGlobalAverage(_) => kernels.gemm.name,
        Op::MaxPool(_) if element == Element::U8 => kernels.qmax_pool.name,
        Op::MaxPool(_) => kernels.max_pool.name,
        Op::Copy if element == Element::U8 => "u8-copy-generic",
        Op::AveragePool { .. } => "f32-average_pool-generic",
        Op::Softmax => "f32-softmax-generic",
        Op::Add { .. } => "f32-add-generic",
        Op::Lrn(_) => "f32-lrn-generic",
        Op::Copy => "f32-copy-generic",
        Op::Clamp(_) => "f32-clamp-generic",
        Op::QConv(conv) => {
            qwinograd::of(algorithm, kernels).map_or(kernels.integers(conv).name, |winograd| winograd.name)
        }
        Op::QConvGlobalAverage { conv, .. } => kernels.integers(conv).name,
        Op::Quantize { .. } => kernels.quantize.name,
        Op::Dequantize { .. } => "u8f32-dequantize-generic",
        Op::QAveragePool { .. } => "u8-average_pool-generic",
        Op::QAdd { .. } => kernels.qadd.name,
        Op::Lookup { .. } => "u8-lookup-generic",
    }
}

/// Whether there are kernels that run a step with an algorithm. Every step can be run directly.
pub(crate) fn offers(step: &Step, algorithm: Algorithm, kernels: &Kernels) -> bool {
    let suits = match &step.op {
        Op::Conv(conv) => winograd::suits(conv),
        Op::QConv(conv) => qwinograd::suits(conv, step.input.channels as usize, algorithm, kernels),
        _ => false,
    };
    suits || algorithm == Algorithm::Direct
}

/// Bytes of scratch that a step takes, or `None` when they do not fit in a `usize`.
pub(crate) fn scratch_bytes(
    step: &Step,
    input: &Buffer,
    algorithm: Algorithm,
    kernels: &Kernels,
) -> Option<usize> {
    let winograd = winograd::of(algorithm, kernels);
    let words = match (&step.op, winograd) {
        (Op::Conv(conv @ Conv { pool: Some(pool), .. }), _) => {
            conv_pool::scratch_words(conv, pool, step, input, algorithm, kernels)?
        }
        (Op::Conv(conv), Some(winograd)) => {
            let (rows, width) = conv.window.outputs(input.height, input.width);
            let size = (rows as usize, width as usize);
            winograd::scratch_words(conv, step.input.channels as usize, size, winograd)?
        }
        (Op::Conv(conv) | Op::ConvGlobalAverage(conv), _) => conv::scratch_words(conv, step, input, kernels)?,
        (Op::QConv(conv), _) => qconv::scratch_words(conv, step, input, algorithm, kernels)?,
        (Op::QConvGlobalAverage { conv, .. }, _) => qconv::average_scratch_words(conv, step, input, kernels)?,
        (Op::MaxPool(window), _) => max_pool::scratch_words(window, input),
        _ => 0,
    };
    words.checked_mul(size_of::<f32>())
}

/// Floats that a step's prepared weights take, or `None` when they do not fit in a `usize`.
pub(crate) fn prepared_floats(step: &Step, algorithm: Algorithm, kernels: &Kernels) -> Option<usize> {
    if let (Op::Conv(conv), Some(winograd)) = (&step.op, winograd::of(algorithm, kernels)) {
        return winograd::prepared_floats(conv, step, winograd);
    }
    match &step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => conv::prepared_floats(conv, step, kernels),
        Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } => {
            qconv::prepared_floats(conv, step, algorithm, kernels)
        }
        _ => Some(0),
    }
}

/// Packs a step's weights. `stage` has at least [`rows::stage_bytes`].
pub(crate) fn prepare(
    model: &Model<'_>,
    step: &Step,
    algorithm: Algorithm,
    kernels: &Kernels,
    packed: &mut [f32],
    stage: &mut [u8],
) -> Result<(), CodedError> {
    if let (Op::Conv(conv), Some(winograd)) = (&step.op, winograd::of(algorithm, kernels)) {
        let (weights, biases) = (model.weight_block(step), model.parameter_block(step));
        winograd::prepare(conv, step, weights, biases, winograd, packed);
        return Ok(());
    }
    match &step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => conv::prepare(model, conv, step, kernels, packed),
        Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } => {
            qconv::prepare(model, conv, step, algorithm, kernels, packed, stage)?;
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
    /// What the weights are packed for.
    pub algorithm: Algorithm,
    pub kernels: &'a Kernels,
}

/// Computes what `output` holds of a step. `inputs` are the step's input and what is added to it.
pub(crate) fn run(op: &Op, inputs: [Input<'_>; 2], output: Target<'_>, means: Means<'_>) {
    match output {
        Target::F32(output) => run_floats(op, inputs, output, means),
        Target::U8(output) => run_bytes(op, inputs, output, means),
    }
}

fn run_floats(op: &Op, [input, second]: [Input<'_>; 2], mut output: Output<'_>, means: Means<'_>) {
    let Means { packed, table, scratch, algorithm, kernels } = means;
    match *op {
        Op::Conv(ref conv @ Conv { pool: Some(ref pool), .. }) => {
            conv_pool::run(conv, pool, input, output, packed, scratch, algorithm, kernels);
        }
        Op::Conv(ref conv) => match winograd::of(algorithm, kernels) {
            Some(winograd) => winograd::run(conv, input, output, packed, scratch, winograd),
            None => conv::run(conv, input, output, packed, scratch, kernels),
        },
        Op::ConvGlobalAverage(ref conv) => {
            conv::run_global_average(conv, input, output, packed, scratch, kernels);
        }
        Op::MaxPool(ref window) => max_pool::run(window, input, output, scratch, kernels),
        Op::AveragePool { ref window, include_pad } => average_pool::run(window, include_pad, input, output),
        Op::Softmax => softmax::run(input.beside(&output), &mut output),
        Op::Add { clamp, .. } => {
            add::run(clamp, input.beside(&output), second.beside(&output), &mut output);
        }
        Op::Lrn(ref lrn) => lrn::run(lrn, input.beside(&output), &mut output),
        Op::Copy => clamp::run(Clamp::NONE, input.beside(&output), &mut output),
        Op::Clamp(bounds) => clamp::run(bounds, input.beside(&output), &mut output),
        Op::Dequantize { scale, zero } => {
            quantize::dequantize(scale, zero, input.bytes().beside(&output), output);
        }
        Op::QConv(ref conv) => {
            let means = Means { packed, table, scratch, algorithm, kernels };
            qconv::run_to_floats(conv, input.bytes(), output, means);
        }
        Op::QConvGlobalAverage { ref conv, relu } => {
            let means = Means { packed, table, scratch, algorithm, kernels };
            qconv::run_global_average(conv, relu, input.bytes(), output, means);
        }
        Op::Quantize { .. } | Op::QAveragePool { .. } | Op::QAdd { .. } | Op::Lookup { .. } => {
            debug_assert!(false, "{} writes no floats: a checked model has no such step", op.name());
        }
    }
}

fn run_bytes(op: &Op, [input, second]: [Input<'_>; 2], output: Output<'_, u8>, means: Means<'_>) {
    let Means { packed, table, scratch, algorithm, kernels } = means;
    match *op {
        Op::Quantize { scale, zero } => {
            quantize::quantize(scale, zero, input.beside(&output), output, kernels);
        }
        Op::MaxPool(ref window) => max_pool::run_bytes(window, input.bytes(), output, scratch, kernels),
        Op::Copy => quantize::copy(input.bytes().beside(&output), output),
        Op::QConv(ref conv) => match &conv.pool {
            Some(pool) => qconv_pool::run(conv, pool, input.bytes(), output, packed, scratch, kernels),
            None => {
                let means = Means { packed, table, scratch, algorithm, kernels };
                qconv::run(conv, input.bytes(), output, means);
            }
        },
        Op::QAveragePool { ref window, include_pad, input_zero, factor, output: grid } => {
            qaverage_pool::run(window, include_pad, input_zero, factor, grid, input.bytes(), output);
        }
        Op::QAdd { zeros, factors, output: grid, .. } => {
            let (first, second) = (input.bytes().beside(&output), second.bytes().beside(&output));
            qadd::run(Scales { zeros, factors, grid }, first, second, output, kernels);
        }
        Op::Lookup { .. } => quantize::lookup(table, input.bytes().beside(&output), output),
        Op::Conv(_)
        | Op::ConvGlobalAverage(_)
        | Op::AveragePool { .. }
        | Op::Softmax
        | Op::Add { .. }
        | Op::Lrn(_)
        | Op::Clamp(_)
        | Op::Dequantize { .. }
        | Op::QConvGlobalAverage { .. } => {
            debug_assert!(false, "{} writes no bytes: a checked model has no such step", op.name());
        }
    }
}
