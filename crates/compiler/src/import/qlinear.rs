//! ONNX Runtime's integer operators (`QLinearConv` and its kin): each is taken apart into dequantise, the
//! floating-point operation and quantise, which a pass puts together again in integers. So both
//! spellings of a quantised model become one.

use super::attributes::NodeRef;
use super::conv;
use super::dense;
use super::layout::Layout;
use super::nodes::{Importer, Value};
use super::parse::Constant;
use super::quantize::{Places, SIGNED, activation_quant};
use super::{arithmetic, pool, softmax};
use crate::error::CompileError;
use crate::graph::{Op, Quant, TensorId};
use wisp::format::Clamp;

/// `x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias?`
pub fn lower_conv(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.map(node, 0)?;
    let real = dequantize(importer, node, input, 1, 2)?;
    let places = Places { node, values: 3, scale: 4, zero: 5, axis: 0 };
    let sum = conv::lower_integers(importer, node, real, places, 8, activation_quant(importer, node, 1, 2)?)?;
    let layout = Layout::planes(importer.shape(sum));
    quantize(importer, node, sum, 6, 7, layout)
}

/// `a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero`
pub fn lower_matmul(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    let places = Places { node, values: 3, scale: 4, zero: 5, axis: 1 };
    let real = dequantize(importer, node, input.tensor, 1, 2)?;
    let input = Value { tensor: real, layout: input.layout };
    let (sum, layout) = dense::lower_integers(importer, node, &input, places, false, None)?;
    quantize(importer, node, sum, 6, 7, layout)
}

/// `A, a_scale, a_zero, B, b_scale, b_zero, C?, y_scale?, y_zero?`
pub fn lower_gemm(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["alpha", "transA", "transB"])?;
    if node.flag("transA")? {
        return Err(node.error("transA is not supported: the first input is one picture"));
    }
    let alpha = node.float("alpha")?.unwrap_or(1.0);
    if !(alpha.is_normal() && alpha > 0.0) {
        return Err(node.error(format!("alpha {alpha} is not supported, it must be above 0")));
    }
    let by_output = node.flag("transB")?;
    let input = importer.activation(node, 0)?;
    let mut quant = activation_quant(importer, node, 1, 2)?;
    // Times alpha, which the bias is in steps of as well.
    quant.scale *= alpha;
    let real = importer.push_inner(node, Op::Dequantize(quant), vec![input.tensor])?;
    let input = Value { tensor: real, layout: input.layout };
    let places = Places { node, values: 3, scale: 4, zero: 5, axis: i64::from(!by_output) };
    let bias = node.input(6).map(|_| (6, quant));
    let (sum, layout) = dense::lower_integers(importer, node, &input, places, by_output, bias)?;
    if node.input(7).is_some() {
        quantize(importer, node, sum, 7, 8, layout)
    } else {
        importer.push(node, Op::Identity, vec![sum], layout)
    }
}

/// `A, a_scale, a_zero, B, b_scale, b_zero, C_scale, C_zero`
pub fn lower_add(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let constant = |index| node.input(index).is_some_and(|name| importer.facts.is_constant(name));
    match (constant(0), constant(3)) {
        (false, false) => {}
        (true, _) => return add_constant(importer, node, 3, 0),
        (_, true) => return add_constant(importer, node, 0, 3),
    }
    let (first, second) = (importer.activation(node, 0)?, importer.activation(node, 3)?);
    let shape = importer.shape(first.tensor);
    if importer.shape(second.tensor) != shape || !first.layout.agrees(&second.layout, shape) {
        let (one, other) = (&first.layout.dims, &second.layout.dims);
        return Err(node.error(format!("it adds shapes {one:?} and {other:?}, they must be the same")));
    }
    let one = dequantize(importer, node, first.tensor, 1, 2)?;
    let other = dequantize(importer, node, second.tensor, 4, 5)?;
    let sum = importer.push_inner(node, Op::Add(Clamp::NONE), vec![one, other])?;
    quantize(importer, node, sum, 6, 7, first.layout)
}

/// A sum with a constant on a grid of its own.
fn add_constant(
    importer: &mut Importer<'_>,
    node: NodeRef<'_>,
    data: usize,
    constant: usize,
) -> Result<(), CompileError> {
    let input = importer.activation(node, data)?;
    let real = dequantize(importer, node, input.tensor, data + 1, data + 2)?;
    let (shape, values) = importer.small_ints(node, constant, "constant")?;
    let Quant { scale, zero } = activation_quant(importer, node, constant + 1, constant + 2)?;
    let signed = importer.facts.kind(node.needed_input(constant)?).as_deref() == Some("i8");
    let zero = i16::from(zero) - if signed { i16::from(SIGNED) } else { 0 };
    let values = values.iter().map(|value| f32::from(value - zero) * scale).collect();
    let shift = arithmetic::by_channel(importer, node, &input, Constant { shape, values })?;
    let op = Op::Affine { scale: vec![1.0; shift.len()], shift };
    let sum = importer.push_inner(node, op, vec![real])?;
    quantize(importer, node, sum, 6, 7, input.layout)
}

/// `Y_scale, Y_zero, x1, x1_scale, x1_zero, x2, …`
pub fn lower_concat(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis"])?;
    if !(node.proto.input.len() - 2).is_multiple_of(3) {
        return Err(node.error("each input needs a scale and a zero point"));
    }
    let places: Vec<usize> = (2..node.proto.input.len()).step_by(3).collect();
    let (values, layout) = super::concat::inputs(importer, node, &places)?;
    let mut reals = Vec::with_capacity(values.len());
    for (place, value) in places.iter().zip(values) {
        reals.push(dequantize(importer, node, value, place + 1, place + 2)?);
    }
    let op = if reals.len() == 1 { Op::Identity } else { Op::Concat };
    let joined = importer.push_inner(node, op, reals)?;
    quantize(importer, node, joined, 0, 1, layout)
}

/// `X, x_scale, x_zero, y_scale, y_zero`
pub fn lower_global_average(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    channels_first(node, &["channels_last"])?;
    let input = importer.map(node, 0)?;
    let real = dequantize(importer, node, input, 1, 2)?;
    let mean = importer.push_inner(node, Op::GlobalAverage, vec![real])?;
    let layout = Layout::planes(importer.shape(mean));
    quantize(importer, node, mean, 3, 4, layout)
}

/// `X, x_scale, x_zero, y_scale, y_zero`
pub fn lower_average(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let op = pool::average(importer, node, &["channels_last"])?;
    channels_first(node, &[])?;
    let input = importer.map(node, 0)?;
    let real = dequantize(importer, node, input, 1, 2)?;
    let mean = importer.push_inner(node, op, vec![real])?;
    let layout = Layout::planes(importer.shape(mean));
    quantize(importer, node, mean, 3, 4, layout)
}

/// `X, x_scale, x_zero, y_scale, y_zero`; its own attribute says which opset's softmax it is.
pub fn lower_softmax(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis", "opset"])?;
    let input = importer.activation(node, 0)?;
    softmax::check_axis(importer, node, &input, node.int("opset")?.unwrap_or(importer.opset))?;
    let real = dequantize(importer, node, input.tensor, 1, 2)?;
    let scores = importer.push_inner(node, Op::Softmax, vec![real])?;
    quantize(importer, node, scores, 3, 4, input.layout)
}

/// Refuses channels in the last dimension, and attributes that are not known.
fn channels_first(node: NodeRef<'_>, known: &[&str]) -> Result<(), CompileError> {
    if !known.is_empty() {
        node.only(known)?;
    }
    match node.int("channels_last")? {
        None | Some(0) => Ok(()),
        Some(_) => Err(node.error("channels_last is not supported")),
    }
}

fn dequantize(
    importer: &mut Importer<'_>,
    node: NodeRef<'_>,
    input: TensorId,
    scale: usize,
    zero: usize,
) -> Result<TensorId, CompileError> {
    let quant = activation_quant(importer, node, scale, zero)?;
    importer.push_inner(node, Op::Dequantize(quant), vec![input])
}

fn quantize(
    importer: &mut Importer<'_>,
    node: NodeRef<'_>,
    input: TensorId,
    scale: usize,
    zero: usize,
    layout: Layout,
) -> Result<(), CompileError> {
    let quant = activation_quant(importer, node, scale, zero)?;
    importer.push(node, Op::Quantize(quant), vec![input], layout)
}
