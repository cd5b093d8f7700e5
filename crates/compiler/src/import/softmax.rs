//! `Softmax` over the channels.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds a softmax. Before opset 13 it runs over all dimensions from `axis` (1) on, later over `axis`
/// (the last) alone.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis"])?;
    let input = importer.activation(node, 0)?;
    let (dims, shape) = importer.picture(node, node.needed_input(0)?)?;
    let flattens = importer.opset < 13;
    let axis = node.int("axis")?.unwrap_or(if flattens { 1 } else { -1 });
    let axis = if axis < 0 { axis + dims.len() as i64 } else { axis };
    if axis != 1 || (flattens && !shape.is_vector()) {
        let over = if flattens { "from axis" } else { "over axis" };
        return Err(node.error(format!(
            "softmax {over} {axis} of shape {dims:?} is not supported, over the channels (axis 1) is"
        )));
    }
    importer.push(node, Op::Softmax, vec![input])
}
