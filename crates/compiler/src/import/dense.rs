//! `Gemm` and `MatMul`: dense layers.
//!
//! A dense layer over all values of a map is a convolution whose kernel is the map. Its weights are put
//! in the order of our pictures once, here, so that the map itself never has to be flattened.

use super::attributes::NodeRef;
use super::conv::{self, channels_last};
use super::layout::{Layout, Order};
use super::nodes::{Importer, Value};
use super::quantize::{self, Places};
use crate::error::CompileError;
use crate::graph::{Conv, Int8, Op, Quant, TensorId};
use wisp::format::{Clamp, Window};

/// Adds `alpha · x · W + beta · c`.
pub fn lower_gemm(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["alpha", "beta", "broadcast", "transA", "transB"])?;
    if node.flag("transA")? {
        return Err(node.error("transA is not supported: the first input is one picture"));
    }
    let alpha = node.float("alpha")?.unwrap_or(1.0);
    let beta = node.float("beta")?.unwrap_or(1.0);
    let input = importer.activation(node, 0)?;
    let mut dense = Dense::new(importer, node, &input, node.flag("transB")?)?;
    if alpha != 1.0 {
        dense.weight.iter_mut().for_each(|weight| *weight *= alpha);
        dense.int8 = dense.int8.filter(|_| alpha > 0.0).map(|mut int8| {
            int8.scale.iter_mut().for_each(|scale| *scale *= alpha);
            int8
        });
    }
    if node.input(2).is_some() {
        let bias = importer.floats(node, 2, "bias")?;
        let outputs = dense.form.outputs;
        let row = bias.shape.iter().rev().skip(1).all(|&dim| dim == 1);
        if !row || ![1, outputs].contains(&bias.values.len()) {
            let shape = bias.shape;
            return Err(
                node.error(format!("its bias has shape {shape:?}, one value or {} are needed", outputs))
            );
        }
        for (to, from) in dense.bias.iter_mut().zip(bias.values.iter().cycle()) {
            *to = beta * from;
        }
        if let Some(int8) = dense.int8.as_mut().filter(|_| beta == 1.0 && bias.values.len() == outputs) {
            int8.bias = quantize::bias(importer, node.needed_input(2)?)?;
        }
    }
    dense.push(importer, node, &input)
}

/// Adds `x · W`. What an `Add` behind it adds becomes its bias in a pass.
pub fn lower_matmul(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    let dense = Dense::new(importer, node, &input, false)?;
    dense.push(importer, node, &input)
}

/// Adds a dense layer of integers that stand in the file as such; its output is the sum in floating point.
pub fn lower_integers(
    importer: &mut Importer<'_>,
    node: NodeRef<'_>,
    input: &Value,
    places: Places<'_>,
    by_output: bool,
    bias: Option<(usize, Quant)>,
) -> Result<(TensorId, Layout), CompileError> {
    let weights = quantize::weights(importer, places)?;
    let form = Form::read(importer, node, input, &weights.shape, by_output)?;
    let axis = usize::from(!by_output);
    let Some(mut int8) = quantize::int8(weights, form.outputs, axis, |values| form.arrange(values)) else {
        return Err(node.error("the scales of its weights must run over the outputs"));
    };
    if let Some((index, quant)) = bias {
        int8 = conv::with_bias(importer, node, int8, index, quant)?;
    }
    let (weight, bias) = conv::real(&int8, form.outputs);
    let conv = Conv { int8: Some(int8), ..form.conv(weight, bias) };
    let sum = importer.push_inner(node, Op::Conv(conv), vec![input.tensor])?;
    Ok((sum, form.layout))
}

/// A dense layer in the making.
struct Dense {
    form: Form,
    weight: Vec<f32>,
    int8: Option<Int8>,
    bias: Vec<f32>,
}

impl Dense {
    fn new(
        importer: &Importer<'_>,
        node: NodeRef<'_>,
        input: &Value,
        by_output: bool,
    ) -> Result<Self, CompileError> {
        let weight = importer.floats(node, 1, "weight")?;
        let form = Form::read(importer, node, input, &weight.shape, by_output)?;
        let int8 = match quantize::behind(importer, node.needed_input(1)?)? {
            Some(places) => {
                let axis = usize::from(!by_output);
                let weights = quantize::weights(importer, places)?;
                quantize::int8(weights, form.outputs, axis, |values| form.arrange(values))
            }
            None => None,
        };
        let (weight, bias) = (form.arrange(&weight.values), vec![0.0; form.outputs]);
        Ok(Self { form, weight, int8, bias })
    }

    fn push(self, importer: &mut Importer<'_>, node: NodeRef<'_>, input: &Value) -> Result<(), CompileError> {
        let conv = Conv { int8: self.int8, ..self.form.conv(self.weight, self.bias) };
        importer.push(node, Op::Conv(conv), vec![input.tensor], self.form.layout)
    }
}

/// How a dense layer reads its input.
struct Form {
    outputs: usize,
    inner: usize,
    /// Whether weights stand `[output][input]`.
    by_output: bool,
    /// Channels and pixels, where the input is a map in the order of planes.
    planes: Option<(usize, usize)>,
    kernel: (u16, u16),
    /// Of the output.
    layout: Layout,
}

impl Form {
    fn read(
        importer: &Importer<'_>,
        node: NodeRef<'_>,
        input: &Value,
        weight: &[usize],
        by_output: bool,
    ) -> Result<Self, CompileError> {
        let (shape, layout) = (importer.shape(input.tensor), &input.layout);
        // What the layer sums over: all values, or each pixel's channels.
        let whole = layout.is_row();
        if !whole && !layout.is_pixels(shape) {
            let dims = &layout.dims;
            return Err(node.error(format!("its input has shape {dims:?}, [1, values] is needed")));
        }
        let (inner, area) = if whole { (shape.values(), (shape.h, shape.w)) } else { (shape.c, (1, 1)) };
        let outputs = match weight[..] {
            [outputs, values] if by_output && values == inner => outputs,
            [values, outputs] if !by_output && values == inner => outputs,
            _ => {
                let needed = if by_output { "[outputs, inputs]" } else { "[inputs, outputs]" };
                return Err(node.error(format!(
                    "its weight has shape {weight:?}, {needed} with {inner} inputs is needed"
                )));
            }
        };
        let mut layout = layout.clone();
        let planes = (whole && layout.order == Order::Planes).then_some((shape.c, shape.h * shape.w));
        if let Some(last) = layout.dims.last_mut() {
            *last = outputs;
        }
        // A side fits: it is that of a buffer.
        let kernel = (area.0 as u16, area.1 as u16);
        Ok(Self { outputs, inner, by_output, planes, kernel, layout })
    }

    /// Weights as the file has them, as `[output][input]` with the inputs in the order of our pictures.
    fn arrange<T: Copy>(&self, values: &[T]) -> Vec<T> {
        // `[input][output]` is what a picture of one tap and many channels would be.
        let by_output =
            if self.by_output { values.to_vec() } else { channels_last(values, self.inner, self.outputs) };
        match self.planes {
            Some((channels, pixels)) => channels_last(&by_output, channels, pixels),
            None => by_output,
        }
    }

    fn conv(&self, weight: Vec<f32>, bias: Vec<f32>) -> Conv {
        let window = Window { kernel: self.kernel, stride: (1, 1), ..Window::default() };
        Conv { window, groups: 1, weight, bias, clamp: Clamp::NONE, int8: None, dense: true }
    }
}
