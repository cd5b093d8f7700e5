//! `Concat` over the channels.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds a concatenation; of one tensor, it is no operation at all.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis"])?;
    let axis = node.int("axis")?.ok_or_else(|| node.error("attribute axis is missing"))?;
    let inputs = (0..node.proto.input.len())
        .map(|index| importer.activation(node, index))
        .collect::<Result<Vec<_>, _>>()?;
    let first = importer.activation(node, 0)?;
    for &input in &inputs {
        let (shape, dims) = (importer.shape(input.tensor), importer.dims(input));
        let at = importer.axes(node, &[axis], dims.len())?;
        let channels = input.layout.channel_axis(shape);
        if channels.is_none() || channels != at.first().copied() || input.layout != first.layout {
            return Err(
                node.error(format!("axis {axis} of shape {dims:?} is not supported, the channels are"))
            );
        }
    }
    let op = if inputs.len() == 1 { Op::Identity } else { Op::Concat };
    let inputs = inputs.iter().map(|input| input.tensor).collect();
    importer.push(node, op, inputs, first.layout)
}
