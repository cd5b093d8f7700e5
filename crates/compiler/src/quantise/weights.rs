//! Weights to `i8`: symmetric, one scale an output channel; and the bias corrected for the mean of what
//! rounding them changes (Nagel et al. 2019, arXiv 1906.04721, section 4.2).

use super::plan::Plan;
use super::ranges::Ranges;
use crate::graph::{Coding, Conv, Graph, Int8, Op};

/// Gives integers to every convolution that is to have them.
pub(crate) fn run(graph: &mut Graph, plan: &Plan, ranges: &Ranges) {
    let Graph { tensors, nodes, .. } = graph;
    for (node, _) in nodes.iter_mut().zip(&plan.kept).filter(|(_, kept)| !**kept) {
        let mean = node.inputs.first().and_then(|&input| ranges.of(&tensors[input].name));
        let (Op::Conv(conv) | Op::ConvGlobalAverage(conv)) = &mut node.op else { continue };
        quantise(conv, mean.map_or(&[], |range| &range.mean));
    }
}

/// Rounds the weights; `mean` is that of each input channel, if it is known.
fn quantise(conv: &mut Conv, mean: &[f32]) {
    let outputs = conv.bias.len();
    let depth = conv.weight.len().checked_div(outputs).unwrap_or(0).max(1);
    let taps = usize::from(conv.window.kernel.0) * usize::from(conv.window.kernel.1);
    let inner = depth / taps.max(1);
    let mut int8 = Int8 {
        weight: Vec::with_capacity(conv.weight.len()),
        scale: Vec::new(),
        bias: None,
        coding: Coding::Plain,
    };
    for (channel, row) in conv.weight.chunks_exact(depth).enumerate() {
        let largest = row.iter().fold(0f32, |largest, weight| largest.max(weight.abs()));
        let scale = if largest > 0.0 { (f64::from(largest) / 127.0) as f32 } else { 1.0 };
        let scale = scale.max(f32::MIN_POSITIVE);
        let group = channel / (outputs / conv.groups.max(1)).max(1);
        let mut shift = 0f64;
        for (at, &weight) in row.iter().enumerate() {
            let rounded = (f64::from(weight) / f64::from(scale)).round_ties_even().clamp(-127.0, 127.0);
            int8.weight.push(rounded as i8);
            let mean = mean.get(group * inner + at % inner.max(1)).copied().unwrap_or(0.0);
            shift += (rounded * f64::from(scale) - f64::from(weight)) * f64::from(mean);
        }
        int8.scale.push(scale);
        conv.bias[channel] = (f64::from(conv.bias[channel]) - shift) as f32;
    }
    conv.int8 = Some(int8);
}
