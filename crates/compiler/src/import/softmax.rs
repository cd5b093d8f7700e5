//! `Softmax` over the channels.

use super::attributes::NodeRef;
use super::nodes::{Importer, Value};
use crate::error::CompileError;
use crate::graph::Op;

/// Adds a softmax.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis"])?;
    let input = importer.activation(node, 0)?;
    check_axis(importer, node, &input, importer.opset)?;
    importer.push(node, Op::Softmax, vec![input.tensor], input.layout)
}

/// Checks that a softmax runs over the channels of each pixel. Before opset 13 it runs over all dimensions
/// from `axis` (1) on, later over `axis` (the last) alone.
pub fn check_axis(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    input: &Value,
    opset: i64,
) -> Result<(), CompileError> {
    let (dims, shape) = (&input.layout.dims, importer.shape(input.tensor));
    let flattens = opset < 13;
    let given = node.int("axis")?.unwrap_or(if flattens { 1 } else { -1 });
    let axis = importer.axes(node, &[given], dims.len())?.first().copied().unwrap_or(0);
    let end = if flattens { dims.len() } else { axis + 1 };
    // What it runs over must be the channels, and nothing else that counts.
    let over: usize = dims[axis..end].iter().product();
    let channels = input.layout.channel_axis(shape);
    if over != shape.c || !channels.is_some_and(|channels| over == 1 || (axis..end).contains(&channels)) {
        let over = if flattens { "from axis" } else { "over axis" };
        return Err(node.error(format!(
            "softmax {over} {given} of shape {dims:?} is not supported, over the channels it is"
        )));
    }
    Ok(())
}
