//! What stands behind an operator before its numbers are quantised again.

use super::{Names, Rewriter};
use crate::error::CompileError;
use tract_onnx::pb::NodeProto;

/// What a chain of nodes, each the only reader of the one before, leads to.
#[derive(Debug, Default)]
pub struct Chain {
    /// The grid that the chain ends on.
    pub sink: Option<Names>,
    /// Constants that are added to each output channel, and the nodes that add them.
    pub shifts: Vec<(usize, String)>,
    /// The node that takes the mean over all pixels, with the nodes before it in the chain.
    pub average: Option<Average>,
}

/// The end of a chain that takes the mean of a whole map.
#[derive(Debug)]
pub struct Average {
    pub nodes: Vec<usize>,
    /// The bounds that are clamped to before.
    pub lo: f32,
    pub hi: f32,
}

/// What may stand between an operator and its quantise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Nothing but what moves no value.
    Nothing,
    /// Clamps too.
    Clamps,
    /// Clamps; before them what is added to each output; or the mean over the map.
    All,
}

/// Whether an operator leaves values and their order as they are, or its order alone changes.
pub fn moves_nothing(name: &str, node: &NodeProto) -> bool {
    matches!(
        name,
        "Identity" | "Dropout" | "Cast" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose"
    ) || name == "Sum" && node.input.len() == 1
}

impl Rewriter<'_> {
    /// The only reader of a tensor, if it has one and is not the model's output.
    fn only_reader(&self, tensor: &str) -> Option<usize> {
        match self.readers.get(tensor)?.as_slice() {
            [reader] => *reader,
            _ => None,
        }
    }

    /// What the tensor `from` leads to.
    pub(super) fn chain(&self, from: &str, between: Between) -> Result<Chain, CompileError> {
        let mut chain = Chain::default();
        let (mut at, mut nodes, mut clamped, mut turned) = (from, Vec::new(), false, false);
        let (mut lo, mut hi) = (f32::NEG_INFINITY, f32::INFINITY);
        while let Some(index) = self.only_reader(at) {
            let node = self.node_ref(index);
            let name = node.proto.op_type.as_str();
            let Some(output) = node.proto.output.first() else { break };
            nodes.push(index);
            match name {
                "QuantizeLinear" if node.input(0) == Some(at) => {
                    let (scale, zero) =
                        (node.needed_input(1)?.into(), node.input(2).unwrap_or_default().into());
                    chain.sink = Some(Names { scale, zero });
                    break;
                }
                _ if moves_nothing(name, node.proto) => turned ^= name == "Transpose",
                "Relu" | "Clip" if between != Between::Nothing => {
                    let (low, high) = self.bounds(index);
                    (lo, hi) = (lo.max(low).min(high), hi.max(low).min(high));
                    clamped = true;
                }
                "Add" | "Sum" | "Sub" | "Mul" | "Div" | "BatchNormalization"
                    if between == Between::All && !clamped =>
                {
                    let others: Vec<&String> = node.proto.input.iter().filter(|input| *input != at).collect();
                    if !others.iter().all(|input| self.is_constant(input)) {
                        break;
                    }
                    // Natively, it goes into the convolution's integers before they are rounded.
                    match (name, others.as_slice()) {
                        ("Add" | "Sum", [shift]) if !turned => chain.shifts.push((index, (*shift).clone())),
                        _ => {
                            return Err(node.error(
                                "behind a convolution or dense layer in integers it is not run by --engine tract: \
                                 compile the model, or quantise in between",
                            ));
                        }
                    }
                }
                "GlobalAveragePool" | "AveragePool" | "ReduceMean" if between == Between::All => {
                    if self.is_whole_map(index, at, turned)? {
                        chain.average = Some(Average { nodes, lo, hi });
                    }
                    break;
                }
                _ => break,
            }
            at = output;
        }
        Ok(chain)
    }

    /// The bounds of a clamp.
    fn bounds(&self, index: usize) -> (f32, f32) {
        let node = self.node_ref(index);
        if node.proto.op_type == "Relu" {
            return (0.0, f32::INFINITY);
        }
        let bound = |place: usize, name: &str| {
            let given = node.input(place).and_then(|tensor| self.facts.floats(tensor));
            let given = given.and_then(|constant| constant.values.first().copied());
            given.or(node.float(name).ok().flatten())
        };
        (bound(1, "min").unwrap_or(f32::NEG_INFINITY), bound(2, "max").unwrap_or(f32::INFINITY))
    }

    /// Whether an averaging node reads the whole map `input` at once. `turned` says that a transpose has
    /// brought its channels to the end.
    fn is_whole_map(&self, index: usize, input: &str, turned: bool) -> Result<bool, CompileError> {
        let node = self.node_ref(index);
        let shape = self.facts.shape(input).unwrap_or_default();
        let [_, _, height, width] = shape[..] else { return Ok(false) };
        Ok(match node.proto.op_type.as_str() {
            "GlobalAveragePool" => true,
            "AveragePool" => {
                let kernel = node.ints("kernel_shape")?.unwrap_or_default();
                let padded = node.ints("pads")?.unwrap_or_default().iter().any(|pad| *pad != 0);
                kernel == [height as i64, width as i64] && !padded
            }
            _ => {
                let pixels = if turned || self.is_dense_input(input) { [1, 2] } else { [2, 3] };
                self.mean_axes(index)? == Some(pixels.to_vec())
            }
        })
    }

    /// Whether a tensor comes from a `MatMul`, whose outputs stand last.
    fn is_dense_input(&self, tensor: &str) -> bool {
        let mut at = tensor;
        while let Some(&writer) = self.writers.get(at) {
            let proto = self.node_ref(writer).proto;
            let Some(input) = proto.input.first() else { return false };
            match proto.op_type.as_str() {
                "MatMul" => return true,
                "Relu" | "Clip" | "Add" | "Sum" => at = input,
                name if moves_nothing(name, proto) => at = input,
                _ => return false,
            }
        }
        false
    }

    /// The axes that a `ReduceMean` runs over, from the start and in order.
    pub(super) fn mean_axes(&self, index: usize) -> Result<Option<Vec<usize>>, CompileError> {
        let node = self.node_ref(index);
        let axes = match node.input(1) {
            Some(tensor) => self.facts.ints(tensor),
            None => node.ints("axes")?.map(<[i64]>::to_vec),
        };
        let rank = node.input(0).and_then(|input| self.facts.shape(input)).map_or(0, |shape| shape.len());
        let (Some(axes), true) = (axes, rank > 0) else { return Ok(None) };
        let from_start = |&axis: &i64| {
            let at = if axis < 0 { axis.checked_add(rank as i64)? } else { axis };
            usize::try_from(at).ok().filter(|&at| at < rank)
        };
        let mut axes: Option<Vec<usize>> = axes.iter().map(from_start).collect();
        if let Some(axes) = &mut axes {
            axes.sort_unstable();
        }
        Ok(axes)
    }
}
