//! Turns concatenations into views.
//!
//! A concatenation's inputs become slices of its output's buffer, and whoever computes them writes there.
//! A concatenation of concatenations nests. Where an input cannot be such a slice, a copy is put in its
//! place: the model's input; a tensor that is a slice already, of this concatenation or another; and a
//! tensor whose node would read the buffer that it writes. A copy obeys that last rule too: where it would
//! read from the buffer that it writes, its source is moved out into a buffer of its own first.

use crate::graph::{Graph, Node, Op, Place, TensorId};

/// Runs the pass. No concatenation is left after it.
pub fn run(graph: &mut Graph) {
    for node in std::mem::take(&mut graph.nodes) {
        if node.op != Op::Concat {
            graph.nodes.push(node);
            continue;
        }
        let mut channel = 0;
        for (position, &input) in node.inputs.iter().enumerate() {
            let place = Place { parent: node.output, channel };
            channel += graph.tensors[input].shape.c;
            if can_lie(graph, input, place) {
                graph.tensors[input].place = Some(place);
                continue;
            }
            if graph.root(input).0 == graph.root(node.output).0 {
                move_out(graph, input);
            }
            let end = graph.nodes.len();
            copy(graph, end, format!("{}/copy{position}", node.name), input, place);
        }
    }
}

/// Adds a copy of `input` at `place`, as node `at`.
fn copy(graph: &mut Graph, at: usize, name: String, input: TensorId, place: Place) {
    let (shape, element) = (graph.tensors[input].shape, graph.tensors[input].element);
    let output = graph.add_tensor(name.clone(), shape, element);
    graph.tensors[output].place = Some(place);
    graph.nodes.insert(at, Node { name, op: Op::Copy, inputs: vec![input], output });
}

/// Gives a slice a buffer of its own, and fills its old place with a copy as soon as it is computed.
fn move_out(graph: &mut Graph, tensor: TensorId) {
    let Some(place) = graph.tensors[tensor].place.take() else { return };
    let written = graph.nodes.iter().rposition(|node| lies_in(graph, node.output, tensor));
    let name = format!("{}/copy of {}", graph.tensors[place.parent].name, graph.tensors[tensor].name);
    copy(graph, written.map_or(0, |last| last + 1), name, tensor, place);
}

/// Whether `tensor` is `other` or a slice of it.
fn lies_in(graph: &Graph, mut tensor: TensorId, other: TensorId) -> bool {
    while tensor != other {
        let Some(place) = graph.tensors[tensor].place else { return false };
        tensor = place.parent;
    }
    true
}

/// Whether `tensor` can be computed right at `place`.
fn can_lie(graph: &mut Graph, tensor: TensorId, place: Place) -> bool {
    if tensor == graph.input || graph.tensors[tensor].place.is_some() {
        return false;
    }
    // Tried out: no node may then read the buffer that it writes.
    graph.tensors[tensor].place = Some(place);
    let root = graph.root(tensor).0;
    let mut nodes = graph.nodes.iter().filter(|node| graph.root(node.output).0 == root);
    let clean = nodes.all(|node| node.inputs.iter().all(|&input| graph.root(input).0 != root));
    graph.tensors[tensor].place = None;
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    fn place(graph: &Graph, name: &str) -> (String, usize) {
        let tensor = graph.tensors.iter().position(|tensor| tensor.name == name).unwrap();
        let (root, channel) = graph.root(tensor);
        (graph.tensors[root].name.clone(), channel)
    }

    #[test]
    fn a_fire_module_needs_no_copy() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let squeeze = builder.conv("squeeze", input, 2, 1);
        let one = builder.conv("expand1", squeeze, 4, 1);
        let three = builder.conv("expand3", squeeze, 5, 3);
        let concat = builder.add("concat", Op::Concat, &[one, three]);
        builder.conv("next", concat, 2, 1);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["squeeze", "expand1", "expand3", "next"]);
        assert_eq!(place(&graph, "expand1"), ("concat".into(), 0));
        assert_eq!(place(&graph, "expand3"), ("concat".into(), 4));
    }

    #[test]
    fn concatenations_nest() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let b = builder.conv("b", input, 3, 1);
        let inner = builder.add("inner", Op::Concat, &[a, b]);
        let c = builder.conv("c", inner, 4, 1);
        let d = builder.conv("d", input, 1, 1);
        let other = builder.add("other", Op::Concat, &[d, c]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["a", "b", "c", "d"]);
        assert_eq!(place(&graph, "b"), ("inner".into(), 2));
        assert_eq!((place(&graph, "c"), graph.output), (("other".into(), 1), other));

        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let b = builder.conv("b", input, 3, 1);
        let inner = builder.add("inner", Op::Concat, &[a, b]);
        let c = builder.conv("c", input, 4, 1);
        builder.add("outer", Op::Concat, &[c, inner]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["a", "b", "c"]);
        assert_eq!(place(&graph, "b"), ("outer".into(), 6));
    }

    #[test]
    fn copies_what_cannot_be_a_slice() {
        // The model's input, and a slice of another concatenation.
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let first = builder.add("first", Op::Concat, &[input, a]);
        let b = builder.conv("b", first, 2, 1);
        builder.add("second", Op::Concat, &[a, b]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["a", "first/copy0", "b", "second/copy0"]);
        assert_eq!(place(&graph, "a"), ("first".into(), 3));
        assert_eq!(place(&graph, "second/copy0"), ("second".into(), 0));
    }

    #[test]
    fn a_copy_does_not_read_the_buffer_that_it_writes() {
        // The same tensor twice: it gets a buffer of its own.
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        builder.add("twice", Op::Concat, &[a, a]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["a", "twice/copy of a", "twice/copy1"]);
        assert_eq!(place(&graph, "a"), ("a".into(), 0));

        // A slice of a concatenation that has become a slice itself.
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 2, 1);
        let b = builder.conv("b", input, 2, 1);
        let inner = builder.add("inner", Op::Concat, &[a, b]);
        builder.conv("c", inner, 2, 1);
        builder.add("outer", Op::Concat, &[inner, a]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["a", "inner/copy of a", "b", "c", "outer/copy1"]);
    }

    #[test]
    fn no_node_reads_the_buffer_that_it_writes() {
        // A dense block: each output is concatenated with what it was computed from.
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let a = builder.conv("a", input, 4, 1);
        let b = builder.conv("b", a, 2, 3);
        let ab = builder.add("ab", Op::Concat, &[a, b]);
        let c = builder.conv("c", ab, 2, 3);
        let abc = builder.add("abc", Op::Concat, &[ab, c]);
        builder.conv("d", abc, 1, 1);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["a", "b", "ab/copy1", "c", "abc/copy1", "d"]);
        assert_eq!(place(&graph, "a"), ("abc".into(), 0));
    }
}
