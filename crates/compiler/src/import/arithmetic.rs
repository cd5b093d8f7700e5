//! `Add`, `Sum`, `Sub`, `Mul` and `Div`: of two tensors, or of a tensor and a constant for each channel.

use super::attributes::NodeRef;
use super::nodes::{Importer, Value};
use super::parse::Constant;
use crate::error::CompileError;
use crate::graph::Op;
use wisp::format::Clamp;

/// Adds the sum, difference, product or quotient that the node's operator says.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    // Up to opset 6, `broadcast` and `axis` placed the second input; later files carry them idly at most.
    node.only(&[])?;
    let operator = node.proto.op_type.as_str();
    let constant = |index| node.input(index).is_some_and(|name| importer.facts.is_constant(name));
    match (constant(0), constant(1)) {
        (false, false) if operator == "Add" => lower_sum(importer, node),
        (false, false) => {
            Err(node.error("of two computed tensors it is not supported, with a constant it is"))
        }
        (first, _) => {
            let (data, other) = if first { (1, 0) } else { (0, 1) };
            let input = importer.activation(node, data)?;
            let values = channel_constant(importer, node, &input, other)?;
            let all = |value: f32| vec![value; values.len()];
            let negated = || values.iter().map(|value| -value).collect();
            let (scale, shift) = match operator {
                "Add" => (all(1.0), values),
                "Sub" if first => (all(-1.0), values),
                "Sub" => (all(1.0), negated()),
                "Mul" => (values.clone(), all(0.0)),
                "Div" if !first && !values.contains(&0.0) => {
                    (values.iter().map(|value| 1.0 / value).collect(), all(0.0))
                }
                "Div" if first => return Err(node.error("a constant divided by a tensor is not supported")),
                _ => return Err(node.error("it divides by zero")),
            };
            importer.push(node, Op::Affine { scale, shift }, vec![input.tensor], input.layout)
        }
    }
}

/// Adds the sum of any number of tensors, two by two; constants among them come last.
pub fn lower_sum(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let is_constant = |&index: &usize| node.input(index).is_some_and(|name| importer.facts.is_constant(name));
    let (constants, computed): (Vec<_>, Vec<_>) = (0..node.proto.input.len()).partition(is_constant);
    let computed =
        computed.into_iter().map(|index| importer.activation(node, index)).collect::<Result<Vec<_>, _>>()?;
    let Some((first, rest)) = computed.split_first() else {
        return Err(node.error("it adds constants only, which is not supported here"));
    };
    let shape = importer.shape(first.tensor);
    let mut sum = first.tensor;
    for value in rest {
        if importer.shape(value.tensor) != shape || !first.layout.agrees(&value.layout, shape) {
            let (one, other) = (&first.layout.dims, &value.layout.dims);
            return Err(node.error(format!("it adds shapes {one:?} and {other:?}, they must be the same")));
        }
        sum = importer.push_inner(node, Op::Add(Clamp::NONE), vec![sum, value.tensor])?;
    }
    for index in constants {
        let (scale, shift) = (vec![1.0; shape.c], channel_constant(importer, node, first, index)?);
        sum = importer.push_inner(node, Op::Affine { scale, shift }, vec![sum])?;
    }
    importer.push(node, Op::Identity, vec![sum], first.layout.clone())
}

/// The constant that input `index` names, as one value for each channel of `input`.
fn channel_constant(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    input: &Value,
    index: usize,
) -> Result<Vec<f32>, CompileError> {
    let constant = importer.floats(node, index, "constant")?;
    by_channel(importer, node, input, constant)
}

/// A constant, as one value for each channel of `input`.
pub fn by_channel(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    input: &Value,
    constant: Constant,
) -> Result<Vec<f32>, CompileError> {
    let (shape, dims) = (importer.shape(input.tensor), &input.layout.dims);
    if let [value] = constant.values[..]
        && constant.shape.len() <= dims.len()
    {
        return Ok(vec![value; shape.c]);
    }
    // ONNX aligns shapes at their ends.
    let axis = input.layout.channel_axis(shape).map(|axis| dims.len() - axis);
    let from_end = constant.shape.iter().rev().zip(1..);
    let long: Vec<usize> = from_end.filter(|&(&dim, _)| dim != 1).map(|(_, position)| position).collect();
    if constant.shape.len() <= dims.len()
        && axis.is_some_and(|axis| long == [axis])
        && constant.values.len() == shape.c
    {
        return Ok(constant.values);
    }
    Err(node.error(format!(
        "its constant of shape {:?} does not give one value to each of the {} channels of shape {dims:?}",
        constant.shape, shape.c
    )))
}
