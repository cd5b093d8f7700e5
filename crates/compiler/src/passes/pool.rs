//! Joins a convolution with the max-pool that alone reads it, so that the map between is never stored.

use crate::graph::{Graph, Op, QConv};

/// Runs the pass.
pub fn run(graph: &mut Graph) {
    let (reads, producers) = (graph.reads(), graph.producers());
    let mut joined = vec![false; graph.nodes.len()];
    for index in 0..graph.nodes.len() {
        let (before, rest) = graph.nodes.split_at_mut(index);
        let Some(node) = rest.first() else { continue };
        let (Op::MaxPool(window), &[input]) = (&node.op, node.inputs.as_slice()) else { continue };
        let producer = producers[input].filter(|_| reads[input] == 1);
        let Some(target) = producer.and_then(|producer| before.get_mut(producer)) else { continue };
        match &mut target.op {
            Op::QConv(conv @ QConv { grid: Some(_), table: None, pool: None, .. }) => {
                conv.pool = Some(*window)
            }
            Op::Conv(_) => {
                let Op::Conv(conv) = std::mem::replace(&mut target.op, Op::Copy) else { continue };
                target.op = Op::ConvMaxPool { conv, pool: *window };
            }
            _ => continue,
        }
        target.output = node.output;
        joined[index] = true;
    }
    let mut joined = joined.into_iter();
    graph.nodes.retain(|_| !joined.next().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};
    use wisp::format::Window;

    fn halving() -> Op {
        Op::MaxPool(Window { kernel: (2, 2), stride: (2, 2), ..Window::default() })
    }

    #[test]
    fn convolution_and_pool_become_one() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 1);
        let pool = builder.add("pool", halving(), &[conv]);
        builder.add("softmax", Op::Softmax, &[pool]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "softmax"]);
        assert!(matches!(graph.nodes[0].op, Op::ConvMaxPool { .. }));
    }

    #[test]
    fn a_map_that_is_read_elsewhere_is_stored() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 1);
        builder.add("pool", halving(), &[conv]);
        builder.relu("relu", conv);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "pool", "relu"]);
    }
}
