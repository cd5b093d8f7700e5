//! Which tensors become integers, and which of them share a grid.
//!
//! A concatenation and its branches share one, so that joining them moves nothing; a max-pool has the grid
//! of its input. What only floating-point operations read (a softmax, a local normalisation, a layer that
//! is to stay) is left as it is.

use super::ranges::Ranges;
use crate::error::CompileError;
use crate::graph::{Graph, Op, Quant, TensorId};

/// The tensors that become integers.
pub(crate) struct Plan {
    /// For each tensor, the first tensor of those that it shares a grid with; `None` if it stays.
    pub group: Vec<Option<TensorId>>,
    /// Nodes that stay in floating point.
    pub kept: Vec<bool>,
}

/// Decides.
pub(crate) fn plan(graph: &Graph, keep_f32: &[String]) -> Plan {
    let kept: Vec<bool> = graph
        .nodes
        .iter()
        .map(|node| {
            let integers = matches!(
                node.op,
                Op::Conv(_)
                    | Op::ConvGlobalAverage(_)
                    | Op::Add(_)
                    | Op::MaxPool(_)
                    | Op::AveragePool { .. }
                    | Op::GlobalAverage
                    | Op::Concat
            );
            !integers || keep_f32.contains(&node.name)
        })
        .collect();
    let mut chosen = vec![false; graph.tensors.len()];
    for (node, kept) in graph.nodes.iter().zip(&kept) {
        for &input in node.inputs.iter().filter(|_| !kept) {
            chosen[input] = true;
        }
    }
    let mut group: Vec<Option<TensorId>> =
        chosen.iter().enumerate().map(|(tensor, chosen)| chosen.then_some(tensor)).collect();
    for (node, _) in graph.nodes.iter().zip(&kept).filter(|(_, kept)| !**kept) {
        if matches!(node.op, Op::Concat | Op::MaxPool(_)) && chosen[node.output] {
            for &input in &node.inputs {
                join(&mut group, input, node.output);
            }
        }
    }
    Plan { group, kept }
}

/// Puts two chosen tensors into one group.
fn join(group: &mut [Option<TensorId>], one: TensorId, other: TensorId) {
    let (Some(a), Some(b)) = (group[one], group[other]) else { return };
    for member in group.iter_mut().filter(|member| **member == Some(a.max(b))) {
        *member = Some(a.min(b));
    }
}

impl Plan {
    /// The groups, each with its tensors.
    pub fn groups(&self) -> Vec<Vec<TensorId>> {
        let mut groups: Vec<Vec<TensorId>> = Vec::new();
        for (tensor, group) in self.group.iter().enumerate() {
            match group {
                Some(first) if *first == tensor => groups.push(vec![tensor]),
                Some(first) => {
                    if let Some(group) = groups.iter_mut().find(|group| group.first() == Some(first)) {
                        group.push(tensor);
                    }
                }
                None => {}
            }
        }
        groups
    }

    /// The grid of each chosen tensor: that of its group's ranges together.
    pub fn grids(&self, graph: &Graph, ranges: &Ranges) -> Result<Vec<Option<Quant>>, CompileError> {
        let mut grids = vec![None; graph.tensors.len()];
        for group in self.groups() {
            let (mut lo, mut hi) = (0f32, 0f32);
            for &tensor in &group {
                let name = &graph.tensors[tensor].name;
                let Some(range) = ranges.of(name) else {
                    let problem =
                        format!("it has no range for tensor \"{name}\": it was made for another model");
                    return Err(CompileError::Option { option: "--ranges", problem });
                };
                (lo, hi) = (lo.min(range.lo), hi.max(range.hi));
            }
            let quant = grid(lo, hi);
            for tensor in group {
                grids[tensor] = Some(quant);
            }
        }
        Ok(grids)
    }
}

/// The finest grid of 256 steps that reaches from `lo` (0 at most) to `hi` (0 at least), with 0 on it.
pub(crate) fn grid(lo: f32, hi: f32) -> Quant {
    let span = f64::from(hi) - f64::from(lo);
    if span < 1e-30 {
        return Quant { scale: 1.0, zero: 0 };
    }
    let zero = (-f64::from(lo) / span * 255.0).round_ties_even();
    // Rounding the zero point moves one end in; the scale makes up for it.
    let below = if zero > 0.0 { -f64::from(lo) / zero } else { 0.0 };
    let above = if zero < 255.0 { f64::from(hi) / (255.0 - zero) } else { 0.0 };
    let scale = below.max(above) as f32;
    Quant { scale: scale.max(f32::MIN_POSITIVE), zero: zero as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::Builder;

    #[test]
    fn branches_share_a_grid_and_a_tail_stays() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let b = builder.conv("b", input, 3, 3);
        let joined = builder.add("joined", Op::Concat, &[a, b]);
        let window = wisp::format::Window { kernel: (2, 2), stride: (2, 2), ..Default::default() };
        let pooled = builder.add("pooled", Op::MaxPool(window), &[joined]);
        let last = builder.conv("last", pooled, 5, 1);
        builder.add("softmax", Op::Softmax, &[last]);
        let graph = builder.finish();
        let all = plan(&graph, &[]);
        assert_eq!(all.groups(), [vec![input], vec![a, b, joined, pooled]]);
        assert_eq!(all.group[last], None);
        // The last layer stays: nobody needs what the pool gives as integers.
        let kept = plan(&graph, &["last".into()]);
        assert_eq!(kept.groups(), [vec![input], vec![a, b, joined]]);
    }

    #[test]
    fn grids_have_zero_on_them() {
        assert_eq!(grid(0.0, 255.0), Quant { scale: 1.0, zero: 0 });
        assert_eq!(grid(-128.0, 127.0), Quant { scale: 1.0, zero: 128 });
        assert_eq!(grid(-1.0, 0.0).zero, 255);
        let odd = grid(-0.3, 7.7);
        assert!(f32::from(odd.zero) * odd.scale >= 0.3 - 1e-6);
        assert!(f32::from(255 - odd.zero) * odd.scale >= 7.7 - 1e-5);
        assert_eq!(grid(0.0, 0.0), Quant { scale: 1.0, zero: 0 });
    }
}
