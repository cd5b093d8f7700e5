//! How much the network's output minds the rounding of each layer.

use super::layer::{self, Problem};
use super::network::{Flow, Network, conv};
use super::segment::Segment;
use super::steps::{Row, Sizes};
use crate::error::CompileError;
use crate::graph::{Graph, Op, TensorId};
use wisp::format::coded::Trellis;

/// Step of a trial, in the root mean squares of its row.
pub(crate) const TRIAL: f64 = 0.3;

/// What a trial found out about a layer.
pub(crate) struct Trial {
    pub node: usize,
    /// Mean square error of the output, with this layer alone rounded.
    pub error: f64,
    /// Coded size with the trial's steps.
    pub bits: f64,
    pub sizes: Sizes,
}

/// The tensor that a softmax at the end reads, or the output.
pub(crate) fn logits(graph: &Graph) -> TensorId {
    let last = graph.nodes.iter().find(|node| node.output == graph.output && node.op == Op::Softmax);
    last.and_then(|node| node.inputs.first().copied()).unwrap_or(graph.output)
}

/// Rounds one layer after the other, and each alone, over a few pictures.
pub(crate) fn trials(
    network: &Network,
    inputs: &[Vec<f32>],
    trellis: Trellis,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Trial>, CompileError> {
    let output = logits(&network.original);
    let mut whole =
        Segment::new(&network.original, network.original.input, output, &network.description)?;
    let expected: Vec<Vec<f32>> = inputs.iter().map(|input| whole.run(input)).collect::<Result<_, _>>()?;
    let mut flow = Flow::new(network, inputs);
    let mut trials = Vec::new();
    for group in network.groups() {
        let grams = flow.grams(network, &group, false)?;
        for (&node, gram) in group.nodes.iter().zip(&grams) {
            progress(trials.len());
            let Some(found) = conv(&network.original.nodes[node].op) else { continue };
            let problem = Problem::new(found, gram);
            let sizes = Sizes::new(found);
            let steps: Vec<f64> = sizes.rows.iter().map(|row: &Row| row.step(TRIAL)).collect();
            let rounded = layer::round(&problem, &steps, trellis, network.threads);
            let mut graph = network.original.clone();
            if let Op::Conv(conv) | Op::ConvGlobalAverage(conv) = &mut graph.nodes[node].op {
                rounded.put_floats(conv);
            }
            let error = flow.error(network, &graph, output, &expected)?;
            let bits = rounded.bits(found, trellis);
            trials.push(Trial { node, error, bits, sizes });
        }
    }
    Ok(trials)
}
