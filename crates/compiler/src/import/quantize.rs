//! `QuantizeLinear` and `DequantizeLinear`, and what their scales and zero points may be.

use super::attributes::NodeRef;
use super::nodes::Importer;
use super::source::Source;
use crate::error::CompileError;
use crate::graph::{Coding, Int8, Op, Quant};
use tract_onnx::pb::tensor_proto::DataType;

/// Adds the way from floating point to integers.
pub fn lower_quantize(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    check(node)?;
    let input = importer.activation(node, 0)?;
    let quant = activation_quant(importer, node, 1, 2)?;
    importer.push(node, Op::Quantize(quant), vec![input.tensor], input.layout)
}

/// Adds the way back. Constants (weights, biases) have been folded before; who reads them finds their
/// integers by [`weights`].
pub fn lower_dequantize(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    check(node)?;
    let input = importer.activation(node, 0)?;
    let mut quant = activation_quant(importer, node, 1, 2)?;
    if node.input(2).is_none() && importer.facts.kind(node.needed_input(0)?).as_deref() == Some("i8") {
        quant.zero = SIGNED;
    }
    importer.push(node, Op::Dequantize(quant), vec![input.tensor], input.layout)
}

/// What stands for 0 in an `i8` tensor, which is kept with 128 added to each value.
pub const SIGNED: u8 = 128;

/// Checks the attributes of either operator.
pub fn check(node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis", "block_size", "output_dtype", "precision", "saturate"])?;
    if let Some(size) = node.int("block_size")?.filter(|size| *size != 0) {
        return Err(node.error(format!("blocked quantisation (block_size {size}) is not supported")));
    }
    match node.int("output_dtype")?.map(|kind| DataType::try_from(kind as i32)) {
        None | Some(Ok(DataType::Undefined | DataType::Uint8 | DataType::Int8)) => Ok(()),
        // A dequantised tensor is computed in f32 whatever its type.
        Some(Ok(DataType::Float | DataType::Float16)) if node.proto.op_type == "DequantizeLinear" => Ok(()),
        Some(kind) => {
            let kind = kind.map_or("unknown".into(), |kind| format!("{kind:?}"));
            Err(node.error(format!("output_dtype {kind} is not supported, Uint8 and Int8 are")))
        }
    }
}

/// Checks scales, zero points and types of constants before tract folds them, in our own words.
pub fn check_constants(source: &Source) -> Result<(), CompileError> {
    for node in source.node_refs().filter(|node| node.proto.op_type == "DequantizeLinear") {
        let Some(values) = node.input(0).and_then(|name| source.constant(name)) else { continue };
        let kind = DataType::try_from(values.data_type);
        if !matches!(kind, Ok(DataType::Uint8 | DataType::Int8 | DataType::Int32)) {
            let kind = kind.map_or("unknown".into(), |kind| format!("{kind:?}"));
            return Err(
                node.error(format!("it has data of type {kind}, Uint8, Int8 and Int32 are supported"))
            );
        }
        check(node)?;
        let count = |index: usize| {
            let tensor = node.input(index).and_then(|name| source.constant(name))?;
            Some(tensor.dims.iter().product::<i64>())
        };
        let Some(scales) = count(1) else { continue };
        let axis = node.int("axis")?.unwrap_or(1);
        let rank = values.dims.len() as i64;
        let place = if axis < 0 { axis.saturating_add(rank) } else { axis };
        let size = usize::try_from(place).ok().and_then(|place| values.dims.get(place));
        if scales != 1 && size != Some(&scales) {
            return Err(node.error(format!(
                "its scale has {scales} values, which axis {axis} of shape {:?} has not",
                values.dims
            )));
        }
        if let Some(zeros) = count(2).filter(|zeros| *zeros != scales) {
            return Err(node.error(format!("its zero point has {zeros} values, its scale has {scales}")));
        }
    }
    Ok(())
}

/// Scale and zero point of an activation, which inputs `scale` and `zero` of a node give.
pub fn activation_quant(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    scale: usize,
    zero: usize,
) -> Result<Quant, CompileError> {
    let scales = scales(importer, node, scale)?;
    let &[scale] = scales.as_slice() else {
        return Err(node.error(format!(
            "its scale has {} values: activations are supported with one scale for the whole tensor",
            scales.len()
        )));
    };
    let zero = match node.input(zero) {
        None => 0,
        Some(name) => {
            let (_, values) = importer.small_ints(node, zero, "zero point")?;
            let &[value] = values.as_slice() else {
                return Err(node.error(format!("its zero point has {} values, 1 is needed", values.len())));
            };
            let signed = importer.facts.kind(name).as_deref() == Some("i8");
            if signed { value + i16::from(SIGNED) } else { value }
        }
    };
    let zero =
        u8::try_from(zero).map_err(|_| node.error(format!("its zero point {zero} is out of range")))?;
    Ok(Quant { scale, zero })
}

/// Positive numbers that input `index` of a node gives.
fn scales(importer: &Importer<'_>, node: NodeRef<'_>, index: usize) -> Result<Vec<f32>, CompileError> {
    let values = importer.floats(node, index, "scale")?.values;
    // A subnormal scale has lost most of its digits.
    match values.iter().find(|value| !(value.is_normal() && **value > 0.0)) {
        Some(value) => Err(node.error(format!("its scale is {value:e}, it must be above 0"))),
        None => Ok(values),
    }
}

/// Integers of a weight and where they come from: inputs of a node.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    pub node: NodeRef<'a>,
    pub values: usize,
    pub scale: usize,
    pub zero: usize,
    /// The dimension that scales of more than one value run over.
    pub axis: i64,
}

/// Weights in integers, in the file's order.
pub struct Weights {
    pub shape: Vec<usize>,
    /// Without the zero point.
    pub values: Vec<i8>,
    /// One, or one for each place of `axis`.
    pub scale: Vec<f32>,
    pub axis: usize,
}

/// The integers behind a floating-point constant that a `DequantizeLinear` has given; `None` if no such
/// node did.
pub fn behind<'a>(importer: &Importer<'a>, name: &str) -> Result<Option<Places<'a>>, CompileError> {
    let Some(node) = importer.source.producer(name) else { return Ok(None) };
    if node.proto.op_type != "DequantizeLinear" {
        return Ok(None);
    }
    check(node)?;
    Ok(Some(Places { node, values: 0, scale: 1, zero: 2, axis: node.int("axis")?.unwrap_or(1) }))
}

/// The weights at some places.
pub fn weights(importer: &Importer<'_>, places: Places<'_>) -> Result<Weights, CompileError> {
    let Places { node, values, scale, zero, axis } = places;
    let (shape, mut values) = importer.small_ints(node, values, "weight")?;
    let scale = scales(importer, node, scale)?;
    let axis = match scale.len() {
        1 => 0,
        _ => importer.axes(node, &[axis], shape.len())?.first().copied().unwrap_or(0),
    };
    if scale.len() != 1 && shape.get(axis) != Some(&scale.len()) {
        return Err(node.error(format!(
            "its scale has {} values, dimension {axis} of its weight of shape {shape:?} has another size",
            scale.len()
        )));
    }
    if node.input(zero).is_some() {
        let (_, zeros) = importer.small_ints(node, zero, "zero point")?;
        if zeros.len() != 1 && zeros.len() != scale.len() {
            let (found, needed) = (zeros.len(), scale.len());
            return Err(node.error(format!("its zero point has {found} values, its scale has {needed}")));
        }
        if zeros.iter().any(|&zero| zero != 0) {
            let inner: usize = shape.iter().skip(axis + 1).product();
            for (index, value) in values.iter_mut().enumerate() {
                let at = if zeros.len() == 1 { 0 } else { index / inner.max(1) % zeros.len() };
                *value -= zeros[at];
            }
        }
    }
    let narrow: Result<Vec<i8>, _> = values.iter().map(|&value| i8::try_from(value)).collect();
    let values = narrow
        .map_err(|_| node.error("weights less their zero point do not fit in i8, which is not supported"))?;
    Ok(Weights { shape, values, scale, axis })
}

/// The integers of a convolution or dense layer: `weight` as [`weights`] gives it, in the order that
/// `arrange` makes of it; outputs are its dimension `axis`. `None` if scales run over another dimension.
pub fn int8(
    weights: Weights,
    outputs: usize,
    axis: usize,
    arrange: impl FnOnce(&[i8]) -> Vec<i8>,
) -> Option<Int8> {
    let scale = match weights.scale[..] {
        [scale] => vec![scale; outputs],
        _ if weights.axis == axis => weights.scale,
        _ => return None,
    };
    Some(Int8 { weight: arrange(&weights.values), scale, bias: None, coding: Coding::Plain })
}

/// The integers of a bias behind a `DequantizeLinear`, each with its scale.
pub fn bias(importer: &Importer<'_>, name: &str) -> Result<Option<Vec<(i32, f32)>>, CompileError> {
    let Some(Places { node, .. }) = behind(importer, name)? else { return Ok(None) };
    let Some(values) = node.input(0).and_then(|name| importer.facts.ints(name)) else { return Ok(None) };
    let scale = scales(importer, node, 1)?;
    if scale.len() != 1 && scale.len() != values.len() {
        let (found, needed) = (scale.len(), values.len());
        return Err(node.error(format!("its scale has {found} values, 1 or {needed} are needed")));
    }
    if let Some(zeros) = node.input(2).and_then(|name| importer.facts.ints(name))
        && zeros.iter().any(|&zero| zero != 0)
    {
        return Err(node.error("a bias with a zero point other than 0 is not supported"));
    }
    let scales = scale.iter().cycle().copied();
    let pairs = values.iter().zip(scales).map(|(&value, scale)| Some((i32::try_from(value).ok()?, scale)));
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs.map(Some).ok_or_else(|| node.error("its values do not fit in i32"))
}
