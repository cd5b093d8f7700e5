//! A part of a network, from one tensor to another, ready to run.

use super::super::tap::Tap;
use crate::error::CompileError;
use crate::graph::{Graph, Node, Op, Shape, TensorId};
use crate::import::Description;
use wisp::format::Element;

/// The nodes of `graph` that `to` needs when `from` is given; `None` if `from` is not all that they read.
fn between(graph: &Graph, from: TensorId, to: TensorId) -> Option<Vec<bool>> {
    let mut needed = vec![false; graph.tensors.len()];
    needed[to] = true;
    let mut kept = vec![false; graph.nodes.len()];
    for (node, kept) in graph.nodes.iter().zip(&mut kept).rev() {
        if needed[node.output] && node.output != from {
            *kept = true;
            for &input in &node.inputs {
                needed[input] = true;
            }
        }
    }
    (from == graph.input || !needed[graph.input]).then_some(kept)
}

/// Whether everything behind `tensor` can be computed from it alone.
pub(crate) fn is_cut(graph: &Graph, tensor: TensorId) -> bool {
    between(graph, tensor, graph.output).is_some()
}

/// The part of a network.
pub(crate) struct Segment {
    tap: Tap,
    to: TensorId,
}

impl Segment {
    /// The part of `graph` that computes `to` from `from`.
    pub fn new(
        graph: &Graph,
        from: TensorId,
        to: TensorId,
        description: &Description,
    ) -> Result<Self, CompileError> {
        let mut graph = graph.clone();
        let Some(kept) = between(&graph, from, to) else {
            let problem = "its layers cannot be taken one after the other".into();
            return Err(CompileError::Option { option: "--max-bytes", problem });
        };
        let mut kept = kept.into_iter();
        graph.nodes.retain(|_| kept.next().unwrap_or(false));
        graph.input = from;
        // The output is somebody else's, so that `to` may be a map of any size and lie in another.
        let Shape { c, .. } = graph.tensors[to].shape;
        graph.output = graph.add_tensor("end", Shape { h: 1, w: 1, c }, Element::F32);
        let output = graph.output;
        graph.nodes.push(Node { name: "end".into(), op: Op::GlobalAverage, inputs: vec![to], output });
        Ok(Self { tap: Tap::new(graph, description)?, to })
    }

    /// Runs it and returns the values of `to`, pixel by pixel.
    pub fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, CompileError> {
        self.tap.run(input)?;
        Ok(self.tap.numbers(self.to).unwrap_or_default())
    }
}
