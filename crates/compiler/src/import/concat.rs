//! `Concat` over the channels.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds a concatenation; of one tensor, it is no operation at all.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis"])?;
    let axis = node.int("axis")?.ok_or_else(|| node.error("attribute axis is missing"))?;
    let (dims, _) = importer.picture(node, node.output()?)?;
    let rank = dims.len() as i64;
    if axis != 1 && axis + rank != 1 {
        return Err(
            node.error(format!("axis {axis} of shape {dims:?} is not supported, axis 1 (the channels) is"))
        );
    }
    let inputs = (0..node.proto.input.len())
        .map(|index| importer.activation(node, index))
        .collect::<Result<Vec<_>, _>>()?;
    let op = if inputs.len() == 1 { Op::Identity } else { Op::Concat };
    importer.push(node, op, inputs)
}
