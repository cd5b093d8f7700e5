//! Walks the ONNX nodes in order and builds the graph, one file an operator family.

use super::attributes::NodeRef;
use super::operators::{self, Role};
use super::parse::{Constant, Facts};
use super::source::Source;
use super::{activation, concat, conv, limits, pool, reshape, softmax};
use crate::error::CompileError;
use crate::graph::{Graph, Node, Op, Shape, TensorId};
use std::collections::HashMap;

/// How much of the file became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// ONNX nodes that the output depends on.
    pub nodes: usize,
    /// Of those, the ones that tract folded to constants.
    pub folded: usize,
    /// Convolutions.
    pub convs: usize,
}

/// The graph of `source`, in the order of its nodes.
pub fn walk(source: &Source, facts: &Facts) -> Result<(Graph, Counts), CompileError> {
    let mut importer =
        Importer { facts, opset: source.opset, graph: Graph::default(), tensors: HashMap::new() };
    importer.graph.input = importer.define(&source.input, source.shape);
    let mut counts = Counts::default();
    for node in source.node_refs() {
        counts.nodes += 1;
        let Some(operator) = operators::find(node.proto) else { return Err(operators::unsupported(node)) };
        let mut outputs = node.proto.output.iter().filter(|output| !output.is_empty());
        if outputs.all(|output| facts.is_constant(output)) {
            counts.folded += 1;
            continue;
        }
        if operator.role == Role::Folded {
            return Err(operators::unsupported(node));
        }
        counts.convs += usize::from(operator.name == "Conv");
        lower(&mut importer, node)?;
    }
    let output = importer.tensors.get(&source.output).copied();
    importer.graph.output = output.ok_or_else(|| {
        CompileError::tensor(&source.output, "the output is a constant, it does not depend on the input")
    })?;
    Ok((importer.graph, counts))
}

fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    match node.proto.op_type.as_str() {
        "Conv" => conv::lower(importer, node),
        "MaxPool" => pool::lower_max(importer, node),
        "AveragePool" => pool::lower_average(importer, node),
        "GlobalAveragePool" => pool::lower_global_average(importer, node),
        "Relu" => activation::lower_relu(importer, node),
        "Clip" => activation::lower_clip(importer, node),
        "Concat" => concat::lower(importer, node),
        "Dropout" => reshape::lower_dropout(importer, node),
        "Identity" => reshape::lower_identity(importer, node),
        "Flatten" => reshape::lower(importer, node, &["axis"]),
        "Reshape" => reshape::lower(importer, node, &["allowzero"]),
        "Squeeze" | "Unsqueeze" => reshape::lower(importer, node, &["axes"]),
        "Softmax" => softmax::lower(importer, node),
        _ => Err(operators::unsupported(node)),
    }
}

/// What the operator families need to add their node to the graph.
pub struct Importer<'a> {
    pub facts: &'a Facts,
    pub opset: i64,
    graph: Graph,
    tensors: HashMap<String, TensorId>,
}

impl Importer<'_> {
    fn define(&mut self, name: &str, shape: Shape) -> TensorId {
        let id = self.graph.add_tensor(name, shape);
        self.tensors.insert(name.into(), id);
        id
    }

    /// The activation tensor that input `index` of a node names.
    pub fn activation(&self, node: NodeRef<'_>, index: usize) -> Result<TensorId, CompileError> {
        let name = node.needed_input(index)?;
        if self.facts.is_constant(name) {
            return Err(
                node.error(format!("its input \"{name}\" is a constant, which is not supported here"))
            );
        }
        let known = self.tensors.get(name).copied();
        known.ok_or_else(|| {
            node.error(format!("its input \"{name}\" is a second output, which is not supported"))
        })
    }

    pub fn shape(&self, tensor: TensorId) -> Shape {
        self.graph.tensors[tensor].shape
    }

    /// The values of a floating-point constant that input `index` of a node names.
    pub fn floats(&self, node: NodeRef<'_>, index: usize, what: &str) -> Result<Constant, CompileError> {
        let name = node.needed_input(index)?;
        if !self.facts.is_constant(name) {
            return Err(
                node.error(format!("its {what} \"{name}\" is not a constant, which is not supported"))
            );
        }
        let constant = self.facts.floats(name).ok_or_else(|| {
            let kind = self.facts.kind(name).unwrap_or_default();
            node.error(format!("its {what} \"{name}\" has data type {kind}, floating point is needed"))
        })?;
        if let Some(value) = constant.values.iter().find(|value| !value.is_finite()) {
            return Err(node.error(format!("its {what} \"{name}\" holds {value}, finite numbers are needed")));
        }
        Ok(constant)
    }

    /// The ONNX shape of a tensor, which has a batch of 1, and what it means as a picture.
    pub fn picture(&self, node: NodeRef<'_>, name: &str) -> Result<(Vec<usize>, Shape), CompileError> {
        if !self.facts.is_f32(name) {
            let kind = self.facts.kind(name).unwrap_or("unknown".into());
            return Err(node.error(format!("\"{name}\" has data type {kind}, f32 is needed")));
        }
        let Some(dims) = self.facts.shape(name) else {
            return Err(node.error(format!("the shape of \"{name}\" does not follow from the input's")));
        };
        let shape = match *dims.as_slice() {
            [1, c, h, w] => Shape { h, w, c },
            [1, c] => Shape { h: 1, w: 1, c },
            _ => {
                let problem = format!(
                    "\"{name}\" has shape {dims:?}, [1, channels, height, width] or [1, channels] is needed"
                );
                return Err(node.error(problem));
            }
        };
        let within = (1..=limits::SIDE).contains(&shape.h)
            && (1..=limits::SIDE).contains(&shape.w)
            && (1..=limits::CHANNELS).contains(&shape.c)
            && shape.values() as u64 <= limits::TENSOR_VALUES;
        if !within {
            return Err(node.error(format!("\"{name}\" has shape {dims:?}, which is empty or too large")));
        }
        Ok((dims, shape))
    }

    /// Adds the node for `node`, whose shape must be the one that tract inferred.
    pub fn push(&mut self, node: NodeRef<'_>, op: Op, inputs: Vec<TensorId>) -> Result<(), CompileError> {
        let name = node.output()?;
        let (_, shape) = self.picture(node, name)?;
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.shape(input)).collect();
        if op.output_shape(&shapes) != Some(shape) {
            let expected = op.output_shape(&shapes).map_or("nothing".into(), |shape| shape.to_string());
            return Err(node.error(format!(
                "its output is {shape} (height×width×channels), but its attributes give {expected}"
            )));
        }
        let output = self.define(name, shape);
        self.graph.nodes.push(Node { name: node.name.into(), op, inputs, output });
        Ok(())
    }
}
