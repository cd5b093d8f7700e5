//! Joins a convolution with the global average over its map, so that the map is never stored.

use crate::graph::{Graph, Op};

/// Runs the pass.
pub fn run(graph: &mut Graph) {
    let reads = graph.reads();
    let producers = graph.producers();
    let mut joined = vec![false; graph.nodes.len()];
    for index in 0..graph.nodes.len() {
        if graph.nodes[index].op != Op::GlobalAverage {
            continue;
        }
        let Some(&input) = graph.nodes[index].inputs.first() else { continue };
        let Some(producer) = producers[input].filter(|_| reads[input] == 1) else { continue };
        let output = graph.nodes[index].output;
        let target = &mut graph.nodes[producer];
        let Op::Conv(_) = target.op else { continue };
        let Op::Conv(conv) = std::mem::replace(&mut target.op, Op::Copy) else { continue };
        target.op = Op::ConvGlobalAverage(conv);
        target.output = output;
        joined[index] = true;
    }
    let mut joined = joined.into_iter();
    graph.nodes.retain(|_| !joined.next().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    #[test]
    fn convolution_and_average_become_one() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 1);
        let average = builder.add("average", Op::GlobalAverage, &[conv]);
        builder.add("softmax", Op::Softmax, &[average]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "softmax"]);
        assert!(matches!(graph.nodes[0].op, Op::ConvGlobalAverage(_)));
    }

    #[test]
    fn a_map_that_is_read_elsewhere_is_stored() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 1);
        builder.add("average", Op::GlobalAverage, &[conv]);
        builder.relu("relu", conv);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "average", "relu"]);
    }
}
