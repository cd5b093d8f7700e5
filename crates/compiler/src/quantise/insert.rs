//! Puts quantise and dequantise behind each tensor that becomes integers.

use super::plan::Plan;
use crate::graph::{Graph, Node, Op, Quant, TensorId};
use wisp::format::Element;

/// Inserts them. Whoever is to compute in integers reads the dequantised tensor.
pub(crate) fn run(graph: &mut Graph, plan: &Plan, grids: &[Option<Quant>]) {
    let mut dequantised: Vec<Option<TensorId>> = vec![None; grids.len()];
    let mut kept = plan.kept.iter();
    let mut nodes = Vec::with_capacity(3 * graph.nodes.len());
    let input = graph.input;
    pair(graph, &mut nodes, input, grids, &mut dequantised);
    for mut node in std::mem::take(&mut graph.nodes) {
        if kept.next() == Some(&false) {
            for input in &mut node.inputs {
                *input = dequantised[*input].unwrap_or(*input);
            }
        }
        let output = node.output;
        nodes.push(node);
        pair(graph, &mut nodes, output, grids, &mut dequantised);
    }
    graph.nodes = nodes;
}

fn pair(
    graph: &mut Graph,
    nodes: &mut Vec<Node>,
    tensor: TensorId,
    grids: &[Option<Quant>],
    dequantised: &mut [Option<TensorId>],
) {
    let Some(quant) = grids[tensor] else { return };
    let (name, shape) = (graph.tensors[tensor].name.clone(), graph.tensors[tensor].shape);
    let bytes = graph.add_tensor(format!("{name}/u8"), shape, Element::U8);
    let back = graph.add_tensor(format!("{name}/f32"), shape, Element::F32);
    let mut push = |what: &str, op, input, output| {
        nodes.push(Node { name: format!("{name}/{what}"), op, inputs: vec![input], output });
    };
    push("quantize", Op::Quantize(quant), tensor, bytes);
    push("dequantize", Op::Dequantize(quant), bytes, back);
    dequantised[tensor] = Some(back);
}
