//! Drops operations that leave every value where it is: dropout, flatten, a concatenation of one.

use crate::graph::{Graph, Op, TensorId};

/// Runs the pass. Who read an identity's output reads its input instead.
pub fn run(graph: &mut Graph) {
    let mut stands_for: Vec<TensorId> = (0..graph.tensors.len()).collect();
    graph.nodes.retain_mut(|node| {
        for input in &mut node.inputs {
            *input = stands_for[*input];
        }
        match (&node.op, node.inputs.first()) {
            (Op::Identity, Some(&input)) => {
                stands_for[node.output] = input;
                false
            }
            _ => true,
        }
    });
    graph.output = stands_for[graph.output];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    #[test]
    fn chains_go_and_the_output_follows() {
        let mut builder = Builder::new(1, 1, 4);
        let input = builder.input();
        let first = builder.add("drop", Op::Identity, &[input]);
        let second = builder.add("flatten", Op::Identity, &[first]);
        let conv = builder.conv("conv", second, 2, 1);
        builder.add("reshape", Op::Identity, &[conv]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv"]);
        assert_eq!(graph.nodes[0].inputs, [graph.input]);
        assert_eq!(graph.output, conv);
    }

    #[test]
    fn nothing_but_identities_leaves_the_input() {
        let mut builder = Builder::new(1, 1, 4);
        let input = builder.input();
        builder.add("drop", Op::Identity, &[input]);
        let graph = check(run, builder.finish());
        assert!(graph.nodes.is_empty());
        assert_eq!(graph.output, graph.input);
    }
}
