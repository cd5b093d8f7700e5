//! Drops nodes that the output does not depend on.

use crate::graph::Graph;

/// Runs the pass.
pub fn run(graph: &mut Graph) {
    let mut needed = vec![false; graph.tensors.len()];
    needed[graph.output] = true;
    // Nodes stand in order, so one walk from the end finds everything.
    let mut keep = Vec::with_capacity(graph.nodes.len());
    for node in graph.nodes.iter().rev() {
        keep.push(needed[node.output]);
        if needed[node.output] {
            for &input in &node.inputs {
                needed[input] = true;
            }
        }
    }
    graph.nodes.retain(|_| keep.pop().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    #[test]
    fn only_what_leads_to_the_output_stays() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let unused = builder.conv("unused", input, 2, 1);
        builder.relu("also unused", unused);
        let conv = builder.conv("conv", input, 2, 1);
        builder.relu("relu", conv);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "relu"]);
    }
}
