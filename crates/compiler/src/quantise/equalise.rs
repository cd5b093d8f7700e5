//! Cross-layer equalisation (Nagel et al. 2019, arXiv 1906.04721, section 4.1): a channel that leaves a
//! convolution small and is read by large weights is made larger, and those weights smaller by as much.
//!
//! A ReLU, a max-pool, a mean and a concatenation commute with a positive factor for each channel, so the
//! network computes what it did; but a grid for the whole tensor then serves all its channels.

use crate::graph::{Conv, Graph, Op, TensorId};
use wisp::format::Clamp;

/// Rounds over the whole network: factors of one layer change those of the next.
const ROUNDS: usize = 10;
/// Factors are powers of two in these bounds, so that equalising rounds nothing.
const MOST: f32 = 256.0;

/// Equalises the weights of a graph that has been through the floating-point passes.
pub(crate) fn run(graph: &mut Graph) {
    let pairs: Vec<(usize, Vec<(usize, usize)>)> =
        (0..graph.nodes.len()).filter_map(|index| Some((index, readers(graph, index)?))).collect();
    for _ in 0..ROUNDS {
        for (index, readers) in &pairs {
            let factors = factors(graph, *index, readers);
            scale(graph, *index, readers, &factors);
        }
    }
}

/// The convolutions that read what node `index` computes, each with the channel where that begins; `None`
/// where something else reads it as well, or the node is no convolution that commutes.
fn readers(graph: &Graph, index: usize) -> Option<Vec<(usize, usize)>> {
    let Op::Conv(Conv { clamp, .. }) = &graph.nodes[index].op else { return None };
    if *clamp != Clamp::NONE && *clamp != Clamp::RELU {
        return None;
    }
    let mut found = Vec::new();
    let mut open: Vec<(TensorId, usize)> = vec![(graph.nodes[index].output, 0)];
    while let Some((tensor, channel)) = open.pop() {
        if tensor == graph.output {
            return None;
        }
        for (at, node) in graph.nodes.iter().enumerate() {
            let mut before = 0;
            for &input in &node.inputs {
                if input == tensor {
                    match &node.op {
                        Op::Conv(conv) | Op::ConvGlobalAverage(conv) if conv.groups == 1 => {
                            found.push((at, channel));
                        }
                        Op::MaxPool(_) | Op::AveragePool { .. } | Op::GlobalAverage => {
                            open.push((node.output, channel));
                        }
                        Op::Concat => open.push((node.output, channel + before)),
                        _ => return None,
                    }
                }
                before += graph.tensors[input].shape.c;
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

/// What to divide each output channel by: the geometric mean of what writes and what reads it, as a power
/// of two.
fn factors(graph: &Graph, index: usize, readers: &[(usize, usize)]) -> Vec<f32> {
    let (Op::Conv(conv) | Op::ConvGlobalAverage(conv)) = &graph.nodes[index].op else { return vec![] };
    let channels = conv.bias.len();
    let depth = (conv.weight.len() / channels.max(1)).max(1);
    let mut read = vec![0f32; channels];
    for &(at, first) in readers {
        let (Op::Conv(conv) | Op::ConvGlobalAverage(conv)) = &graph.nodes[at].op else { continue };
        let inner = inner(conv);
        for pixel in conv.weight.chunks_exact(inner.max(1)) {
            for (read, weight) in read.iter_mut().zip(pixel.iter().skip(first)) {
                *read = read.max(weight.abs());
            }
        }
    }
    let written = conv.weight.chunks_exact(depth).zip(&conv.bias);
    let written =
        written.map(|(row, bias)| row.iter().fold(bias.abs(), |most, weight| most.max(weight.abs())));
    written
        .zip(read)
        .map(|(written, read)| {
            let factor = (written / read).sqrt();
            if !(factor.is_normal() && written > 0.0 && read > 0.0) {
                return 1.0;
            }
            factor.clamp(1.0 / MOST, MOST).log2().round().exp2()
        })
        .collect()
}

/// Input channels of a convolution without groups.
fn inner(conv: &Conv) -> usize {
    let taps = usize::from(conv.window.kernel.0) * usize::from(conv.window.kernel.1);
    conv.weight.len() / (conv.bias.len() * taps).max(1)
}

fn scale(graph: &mut Graph, index: usize, readers: &[(usize, usize)], factors: &[f32]) {
    if let Op::Conv(conv) = &mut graph.nodes[index].op {
        let inverse: Vec<f32> = factors.iter().map(|factor| 1.0 / factor).collect();
        conv.scale(&inverse, &vec![0.0; factors.len()]);
    }
    for &(at, first) in readers {
        let (Op::Conv(conv) | Op::ConvGlobalAverage(conv)) = &mut graph.nodes[at].op else { continue };
        let inner = inner(conv);
        for pixel in conv.weight.chunks_exact_mut(inner.max(1)) {
            for (weight, factor) in pixel.iter_mut().skip(first).zip(factors) {
                *weight *= factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, run as check};

    #[test]
    fn a_small_channel_is_made_larger() {
        let mut builder = Builder::new(4, 4, 1);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let b = builder.conv("b", input, 1, 1);
        let joined = builder.add("joined", Op::Concat, &[b, a]);
        builder.conv("c", joined, 1, 1);
        let mut graph = builder.finish();
        let weights = |graph: &mut Graph, node: usize| match &mut graph.nodes[node].op {
            Op::Conv(conv) => std::mem::take(&mut conv.weight),
            _ => vec![],
        };
        if let Op::Conv(conv) = &mut graph.nodes[0].op {
            conv.weight = vec![1.0 / 64.0, 1.0];
        }
        let mut graph = check(run, graph);
        // 1/64 and 1/2 meet at 1/8 and 1/16; 1 and 1/2 are within a factor of two.
        assert_eq!(weights(&mut graph, 0), [0.125, 1.0]);
        assert_eq!(weights(&mut graph, 1), [0.5]);
        assert_eq!(weights(&mut graph, 3), [0.5, 0.0625, 0.5]);
    }

    #[test]
    fn what_a_sum_reads_stays() {
        let mut builder = Builder::new(4, 4, 2);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let sum = builder.add("sum", Op::Add(Clamp::NONE), &[a, input]);
        builder.conv("b", sum, 1, 1);
        assert_eq!(readers(&builder.finish(), 0), None);
    }
}
