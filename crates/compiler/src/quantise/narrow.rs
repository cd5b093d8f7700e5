//! Which layers have narrow weights, so that kernels may add products in 16 bits: as many as the output does
//! not notice.

use super::plan::Plan;
use crate::graph::{Conv, Graph, Op};

/// The share by which the divergence at the output may grow.
const COST: f64 = 0.25;
/// Sums of fewer products spend their time elsewhere.
const LEAST_DEPTH: usize = 64;

/// A layer that would be faster.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub name: String,
    /// Multiply-adds of a run.
    pub macs: f64,
}

/// Layers that would be faster. A 3×3 convolution of stride 1 has faster algorithms, which take wide weights.
pub(super) fn candidates(graph: &Graph, plan: &Plan) -> Vec<Candidate> {
    let gains = |conv: &Conv| {
        let depth = conv.weight.len().checked_div(conv.bias.len()).unwrap_or(0);
        depth >= LEAST_DEPTH
            && ((conv.window.kernel, conv.window.stride) != ((3, 3), (1, 1)) || conv.groups > 1)
    };
    let nodes = graph.nodes.iter().zip(&plan.kept).filter(|(_, kept)| !**kept);
    nodes
        .filter_map(|(node, _)| {
            let (Op::Conv(conv) | Op::ConvGlobalAverage(conv)) = &node.op else { return None };
            let shape = graph.tensors[*node.inputs.first()?].shape;
            let (rows, columns) = conv.window.outputs(shape.h as u32, shape.w as u32);
            let macs = conv.weight.len() as f64 * f64::from(rows) * f64::from(columns);
            gains(conv).then(|| Candidate { name: node.name.clone(), macs })
        })
        .collect()
}

/// All candidates if that keeps the divergence within its bound; else as many as do, beginning with those that
/// cost least for what they are worth, each measured by itself. Returns them with their divergence; `before` is
/// that without any.
pub(super) fn choose<E>(
    candidates: &[Candidate],
    before: f64,
    mut divergence: impl FnMut(&[String]) -> Result<f64, E>,
) -> Result<(Vec<String>, f64), E> {
    let bound = before * (1.0 + COST);
    let names = |indices: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        indices.map(|index| candidates[index].name.clone()).collect()
    };
    if candidates.is_empty() {
        return Ok((Vec::new(), before));
    }
    let all = names(&mut (0..candidates.len()));
    let cost = divergence(&all)?;
    if cost <= bound {
        return Ok((all, cost));
    }
    let mut costs = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let cost = divergence(&names(&mut std::iter::once(index)))?;
        costs.push(((cost - before) / candidate.macs, index));
    }
    costs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let first = |count: usize| -> Vec<String> {
        let mut chosen: Vec<usize> = costs.iter().take(count).map(|&(_, index)| index).collect();
        chosen.sort_unstable();
        names(&mut chosen.into_iter())
    };
    // The most of them that keep within the bound, by halving.
    let (mut within, mut found, mut beyond) = (0, before, candidates.len());
    while beyond - within > 1 {
        let middle = within.midpoint(beyond);
        let cost = divergence(&first(middle))?;
        if cost <= bound {
            (within, found) = (middle, cost);
        } else {
            beyond = middle;
        }
    }
    Ok((first(within), found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(costs: &[f64]) -> (Vec<String>, f64) {
        let candidate = |index: usize| Candidate { name: index.to_string(), macs: 1.0 };
        let candidates: Vec<Candidate> = (0..costs.len()).map(candidate).collect();
        let cost = |layers: &[String]| -> f64 {
            layers.iter().map(|layer| costs[layer.parse::<usize>().unwrap()]).sum::<f64>() + 1.0
        };
        choose(&candidates, 1.0, |layers| Ok::<f64, ()>(cost(layers))).unwrap()
    }

    #[test]
    fn as_many_as_the_output_does_not_notice() {
        assert_eq!(chosen(&[0.05, 0.1, 0.05]).0, ["0", "1", "2"]);
        assert_eq!(chosen(&[1.0, 0.1, 0.05, 0.07]).0, ["1", "2", "3"]);
        assert_eq!(chosen(&[0.15, 0.15, 0.15]).0, ["0"]);
        assert_eq!(chosen(&[1.5, 1.5]), (vec![], 1.0));
        assert_eq!(chosen(&[]), (vec![], 1.0));
        // One that helps is taken first.
        assert_eq!(chosen(&[0.45, -0.25, 1.5]).0, ["0", "1"]);
    }
}
