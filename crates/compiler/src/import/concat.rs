//! `Concat` over the channels.

use super::attributes::NodeRef;
use super::layout::Layout;
use super::nodes::{Importer, Value};
use crate::error::CompileError;
use crate::graph::{Op, TensorId};

/// Adds a concatenation; of one tensor, it is no operation at all.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["axis"])?;
    let places: Vec<usize> = (0..node.proto.input.len()).collect();
    let (inputs, layout) = inputs(importer, node, &places)?;
    let op = if inputs.len() == 1 { Op::Identity } else { Op::Concat };
    importer.push(node, op, inputs, layout)
}

/// The tensors that a concatenation joins, and the layout of what it makes of them.
pub fn inputs(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    places: &[usize],
) -> Result<(Vec<TensorId>, Layout), CompileError> {
    let axis = node.int("axis")?.ok_or_else(|| node.error("attribute axis is missing"))?;
    let mut tensors = Vec::with_capacity(places.len());
    let mut joined: Option<Layout> = None;
    for &place in places {
        let Value { tensor, layout } = importer.activation(node, place)?;
        let at = importer.axes(node, &[axis], layout.dims.len())?.first().copied().unwrap_or(0);
        let rank = joined.as_ref().map_or(layout.dims.len(), |joined| joined.dims.len());
        if layout.channel_axis(importer.shape(tensor)) != Some(at) || layout.dims.len() != rank {
            let shape = &layout.dims;
            return Err(
                node.error(format!("axis {axis} of shape {shape:?} is not supported, the channels are"))
            );
        }
        tensors.push(tensor);
        match &mut joined {
            Some(joined) => joined.dims[at] += layout.dims[at],
            None => joined = Some(layout),
        }
    }
    let joined = joined.ok_or_else(|| node.error("it joins nothing"))?;
    Ok((tensors, joined))
}
