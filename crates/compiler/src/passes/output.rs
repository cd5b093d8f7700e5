//! Gives the output a buffer of its own, which the model's input or a slice of another tensor has not.

use crate::graph::{Graph, Node, Op};

/// Runs the pass.
pub fn run(graph: &mut Graph) {
    if graph.output != graph.input && graph.tensors[graph.output].place.is_none() {
        return;
    }
    let input = graph.output;
    let (shape, element) = (graph.tensors[input].shape, graph.tensors[input].element);
    let output = graph.add_tensor("output", shape, element);
    graph.nodes.push(Node { name: "output".into(), op: Op::Copy, inputs: vec![input], output });
    graph.output = output;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Place;
    use crate::passes::testing::{Builder, names, run as check};

    #[test]
    fn the_input_is_copied() {
        let builder = Builder::new(1, 1, 4);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["output"]);
        assert_ne!(graph.output, graph.input);
    }

    #[test]
    fn a_slice_is_copied_and_anything_else_is_not() {
        let mut builder = Builder::new(1, 1, 4);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let graph = check(run, builder.finish());
        assert_eq!((names(&graph), graph.output), (vec!["a"], a));

        let mut graph = graph;
        let shape = crate::graph::Shape { h: 1, w: 1, c: 3 };
        let parent = graph.add_tensor("wide", shape, wisp::format::Element::F32);
        graph.tensors[a].place = Some(Place { parent, channel: 1 });
        let graph = check(run, graph);
        assert_eq!(names(&graph), ["a", "output"]);
    }
}
