//! Where each tensor of a file comes from.

use std::collections::HashMap;
use tract_onnx::pb::GraphProto;

/// What gives a tensor its value, by its index in the graph.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    Initialiser(usize),
    Node(usize),
}

/// The origins of a graph's tensors; `precheck` has found every name to be defined once.
pub fn origins(graph: &GraphProto) -> HashMap<String, Origin> {
    let initialisers = graph.initializer.iter().enumerate();
    let initialisers = initialisers.map(|(index, tensor)| (tensor.name.clone(), Origin::Initialiser(index)));
    let nodes = graph.node.iter().enumerate();
    let outputs = nodes.flat_map(|(index, node)| node.output.iter().map(move |name| (name, index)));
    let outputs = outputs.filter(|(name, _)| !name.is_empty());
    initialisers.chain(outputs.map(|(name, index)| (name.clone(), Origin::Node(index)))).collect()
}
