//! Weights to `i8`: symmetric, one scale an output channel; and the bias corrected for the mean of what
//! rounding them changes (Nagel et al. 2019, arXiv 1906.04721, section 4.2).

use super::plan::Plan;
use super::ranges::Ranges;
use crate::graph::{Coding, Conv, Graph, Int8, Op};
use wisp::format::weights::{NARROW, is_narrow};

/// Gives integers to every convolution that is to have them.
pub(crate) fn run(graph: &mut Graph, plan: &Plan, ranges: &Ranges) {
    let Graph { tensors, nodes, .. } = graph;
    for (node, _) in nodes.iter_mut().zip(&plan.kept).filter(|(_, kept)| !**kept) {
        let mean = node.inputs.first().and_then(|&input| ranges.of(&tensors[input].name));
        let (Op::Conv(conv) | Op::ConvGlobalAverage(conv)) = &mut node.op else { continue };
        let narrow = ranges.narrow.contains(&node.name);
        quantise(conv, mean.map_or(&[], |range| &range.mean), narrow);
    }
}

/// Rounds the weights, to narrow ones if they are to be; `mean` is that of each input channel, if it is known.
fn quantise(conv: &mut Conv, mean: &[f32], narrow: bool) {
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
        let scale = if narrow { narrow_scale(row) } else { wide_scale(row) };
        let group = channel / (outputs / conv.groups.max(1)).max(1);
        let mut shift = 0f64;
        for (at, &weight) in row.iter().enumerate() {
            let rounded = f64::from(round(weight, scale));
            int8.weight.push(rounded as i8);
            let mean = mean.get(group * inner + at % inner.max(1)).copied().unwrap_or(0.0);
            shift += (rounded * f64::from(scale) - f64::from(weight)) * f64::from(mean);
        }
        int8.scale.push(scale);
        conv.bias[channel] = (f64::from(conv.bias[channel]) - shift) as f32;
    }
    conv.int8 = Some(int8);
}

/// The scale that takes the largest weight of a row to 127.
fn wide_scale(row: &[f32]) -> f32 {
    let largest = row.iter().fold(0f32, |largest, weight| largest.max(weight.abs()));
    let scale = if largest > 0.0 { (f64::from(largest) / 127.0) as f32 } else { 1.0 };
    scale.max(f32::MIN_POSITIVE)
}

/// The least scale, in steps of a five-hundredth, at which the rounded weights of a row are narrow.
fn narrow_scale(row: &[f32]) -> f32 {
    let mut largest = 0f32;
    for eight in row.chunks(8) {
        let mut sums = [[0f32; 2]; 2];
        for (at, &weight) in eight.iter().enumerate() {
            sums[at / 2 % 2][usize::from(weight < 0.0)] += weight.abs();
        }
        largest = sums.iter().flatten().fold(largest, |largest, &sum| largest.max(sum));
    }
    let mut scale = wide_scale(row).max(largest / NARROW as f32);
    // Rounding adds at most half to each of four; nine steps make room for two more than the bound.
    while !is_narrow(&row.iter().map(|&weight| round(weight, scale)).collect::<Vec<i8>>()) {
        scale *= 1.002;
    }
    scale
}

fn round(weight: f32, scale: f32) -> i8 {
    (f64::from(weight) / f64::from(scale)).round_ties_even().clamp(-127.0, 127.0) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_row_loses_as_little_as_it_must() {
        let spread = |at: usize| ((at * 7919 % 997) as f32 / 498.5 - 1.0).powi(3);
        for length in [1, 5, 8, 27, 64] {
            let row: Vec<f32> = (0..length).map(spread).collect();
            let (wide, narrow) = (wide_scale(&row), narrow_scale(&row));
            let rounded = |scale| row.iter().map(|&weight| round(weight, scale)).collect::<Vec<i8>>();
            assert!(is_narrow(&rounded(narrow)));
            assert!(narrow == wide || !is_narrow(&rounded(narrow / 1.03)), "{length} weights");
            assert!(narrow <= wide * 4.0);
        }
        assert_eq!(narrow_scale(&[0.0; 9]), wide_scale(&[0.0; 9]));
        // Four alike at the places that are added together need a quarter of the range.
        let four = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        assert_eq!(round(1.0, narrow_scale(&four)), 32);
        // Subnormal ones end too.
        assert!(is_narrow(&[1e-40f32; 8].map(|weight| round(weight, narrow_scale(&[1e-40; 8])))));
    }
}
