//! How much the network's output minds the rounding of each layer, and how many bits it takes.

use super::layer::{self, Problem};
use super::network::{Flow, Network, conv};
use super::segment::Segment;
use super::steps::{self, COARSEST, TRIED, Trial};
use crate::error::CompileError;
use crate::graph::{Graph, Op, TensorId};
use wisp::format::coded::Trellis;

/// The tensor that a softmax at the end reads, or the output.
pub(crate) fn logits(graph: &Graph) -> TensorId {
    let last = graph.nodes.iter().find(|node| node.output == graph.output && node.op == Op::Softmax);
    last.and_then(|node| node.inputs.first().copied()).unwrap_or(graph.output)
}

/// What the original network says to some inputs.
pub(crate) fn expected(network: &Network, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, CompileError> {
    let (from, to) = (network.original.input, logits(&network.original));
    let mut whole = Segment::new(&network.original, from, to, &network.description)?;
    inputs.iter().map(|input| whole.run(input)).collect()
}

/// Rounds one layer after the other, each alone in the original network.
pub(crate) fn trials(
    network: &Network,
    inputs: &[Vec<f32>],
    trellis: Trellis,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Trial>, CompileError> {
    let output = logits(&network.original);
    let expected = expected(network, inputs)?;
    let mut flow = Flow::new(network, inputs);
    let mut trials = Vec::new();
    for group in network.groups() {
        let grams = flow.grams(network, &group, false)?;
        for (&node, gram) in group.nodes.iter().zip(&grams) {
            progress(trials.len());
            let Some(found) = conv(&network.original.nodes[node].op) else { continue };
            let problem = Problem::new(found, gram);
            let [fine, coarse] = [TRIED, COARSEST]
                .map(|share| layer::round(&problem, &steps::of_rows(found, share), trellis, network.threads));
            let bits = [fine.bits(found, trellis), coarse.bits(found, trellis)];
            let mut graph = network.original.clone();
            if let Op::Conv(conv) | Op::ConvGlobalAverage(conv) = &mut graph.nodes[node].op {
                fine.put_floats(conv);
            }
            let error = flow.error(network, &graph, output, &expected)?;
            trials.push(Trial { node, weights: found.weight.len(), error, bits });
        }
    }
    Ok(trials)
}
