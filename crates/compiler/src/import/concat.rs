//! `Concat` over the channels.

use super::attributes::NodeRef;
use super::layout::Layout;
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
    let Layout { order, mut dims } = first.layout;
    let at = importer.axes(node, &[axis], dims.len())?.first().copied().unwrap_or(0);
    let mut channels = 0;
    for input in &inputs {
        let (shape, layout) = (importer.shape(input.tensor), &input.layout);
        if layout.channel_axis(shape) != Some(at) || layout.dims.len() != dims.len() {
            let shape = &layout.dims;
            return Err(
                node.error(format!("axis {axis} of shape {shape:?} is not supported, the channels are"))
            );
        }
        channels += layout.dims[at];
    }
    dims[at] = channels;
    let op = if inputs.len() == 1 { Op::Identity } else { Op::Concat };
    let inputs = inputs.iter().map(|input| input.tensor).collect();
    importer.push(node, op, inputs, Layout { order, dims })
}
