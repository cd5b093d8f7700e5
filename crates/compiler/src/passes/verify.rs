//! The rules that a graph obeys between passes. Only tests and debug builds look.

use crate::graph::{Graph, Op, Shape};

/// The first rule that `graph` breaks.
pub fn check(graph: &Graph) -> Result<(), String> {
    let count = graph.tensors.len();
    if graph.input >= count || graph.output >= count {
        return Err("input or output is not a tensor".into());
    }
    for (id, tensor) in graph.tensors.iter().enumerate() {
        let Some(place) = tensor.place else { continue };
        let Some(parent) = graph.tensors.get(place.parent) else {
            return Err(format!("{} lies nowhere", tensor.name));
        };
        let fits = parent.element == tensor.element
            && (parent.shape.h, parent.shape.w) == (tensor.shape.h, tensor.shape.w)
            && place.channel + tensor.shape.c <= parent.shape.c;
        if !fits || place.parent == id {
            return Err(format!("{} does not fit into {}", tensor.name, parent.name));
        }
        let overlaps = graph.tensors.iter().take(id).any(|other| {
            other.place.is_some_and(|at| {
                at.parent == place.parent
                    && at.channel < place.channel + tensor.shape.c
                    && place.channel < at.channel + other.shape.c
            })
        });
        if overlaps {
            return Err(format!("{} overlaps a neighbour in {}", tensor.name, parent.name));
        }
    }
    let mut written = vec![false; count];
    written[graph.input] = true;
    for node in &graph.nodes {
        let name = &node.name;
        if node.output >= count || node.inputs.iter().any(|&input| input >= count) {
            return Err(format!("{name}: a tensor does not exist"));
        }
        if written[node.output] {
            return Err(format!("{name}: its output is written twice"));
        }
        let shapes: Vec<Shape> = node.inputs.iter().map(|&input| graph.tensors[input].shape).collect();
        if node.op.output_shape(&shapes) != Some(graph.tensors[node.output].shape) {
            return Err(format!("{name}: its shape does not follow from its inputs"));
        }
        let elements: Vec<_> = node.inputs.iter().map(|&input| graph.tensors[input].element).collect();
        if node.op.output_element(&elements) != Some(graph.tensors[node.output].element) {
            return Err(format!("{name}: its type does not follow from its inputs"));
        }
        for &input in &node.inputs {
            if !is_written(graph, &written, input) {
                return Err(format!("{name}: {} is read before it is written", graph.tensors[input].name));
            }
            let viewed = !matches!(node.op, Op::Concat | Op::Identity);
            if viewed && graph.root(input).0 == graph.root(node.output).0 {
                return Err(format!("{name}: it reads the buffer that it writes"));
            }
        }
        written[node.output] = true;
    }
    if !is_written(graph, &written, graph.output) {
        return Err("the output is never written".into());
    }
    Ok(())
}

/// A tensor is written by its node, or piece by piece by the nodes of the tensors that lie in it.
fn is_written(graph: &Graph, written: &[bool], tensor: usize) -> bool {
    if written[tensor] {
        return true;
    }
    let pieces = graph.tensors.iter().enumerate();
    let mut pieces =
        pieces.filter(|(_, piece)| piece.place.is_some_and(|place| place.parent == tensor)).peekable();
    pieces.peek().is_some() && {
        let covered: usize =
            pieces.filter(|&(id, _)| is_written(graph, written, id)).map(|(_, piece)| piece.shape.c).sum();
        covered == graph.tensors[tensor].shape.c
    }
}
