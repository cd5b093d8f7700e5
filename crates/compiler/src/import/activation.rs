//! `Relu` and `Clip`: both clamp.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;
use wisp::format::Clamp;

/// Adds `max(x, 0)`.
pub fn lower_relu(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::Clamp(Clamp::RELU), vec![input.tensor], input.layout)
}

/// Adds a clamp, whose bounds are attributes before opset 11 and inputs from then on.
pub fn lower_clip(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.activation(node, 0)?;
    let (lo, hi) = if importer.opset < 11 {
        node.only(&["max", "min"])?;
        (node.float("min")?, node.float("max")?)
    } else {
        node.only(&[])?;
        (bound(importer, node, 1, "min")?, bound(importer, node, 2, "max")?)
    };
    let clamp = Clamp { lo: lo.unwrap_or(f32::NEG_INFINITY), hi: hi.unwrap_or(f32::INFINITY) };
    // A bound that is not a number compares as neither.
    if clamp.lo.is_nan() || clamp.hi.is_nan() || clamp.lo > clamp.hi {
        return Err(node.error(format!(
            "its bounds are {} and {}, the first must not be above the second",
            clamp.lo, clamp.hi
        )));
    }
    importer.push(node, Op::Clamp(clamp), vec![input.tensor], input.layout)
}

fn bound(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    index: usize,
    what: &str,
) -> Result<Option<f32>, CompileError> {
    if node.input(index).is_none() {
        return Ok(None);
    }
    match importer.floats(node, index, what)?.values[..] {
        [value] => Ok(Some(value)),
        ref values => Err(node.error(format!("its {what} has {} values, one is needed", values.len()))),
    }
}
