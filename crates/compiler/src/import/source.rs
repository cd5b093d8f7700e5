//! The decoded file, cut down to what its output needs, with the input's shape fixed.

use super::attributes::{NodeRef, label};
use super::layout::{Layout, Order};
use super::limits;
use super::metadata::{self, Description};
use super::origins::{Origin, origins};
use super::{precheck, rewrite, tensors};
use crate::error::CompileError;
use crate::graph::Shape;
use crate::options::Options;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::{self, Value as Type};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};

/// A checked model with one input of known shape and one output.
///
/// Nothing symbolic is left in it: input dimensions are numbers, and the shapes that the file claims for
/// other tensors are gone (tract infers them).
pub(crate) struct Source {
    /// Everything of the file but the graph.
    pub model: ModelProto,
    pub graph: GraphProto,
    pub opset: i64,
    pub description: Description,
    /// Name of the input tensor.
    pub input: String,
    pub shape: Shape,
    /// Whether its channels come first or last in ONNX.
    pub layout: Layout,
    /// `f32` or `f16`.
    pub kind: DataType,
    /// Name of the output tensor.
    pub output: String,
    /// What to call each node.
    names: Vec<String>,
    /// Where each tensor of the file comes from: looked up for every node, and a file may have many.
    origins: HashMap<String, Origin>,
}

impl Source {
    /// Decodes, checks and cuts down the model in `bytes`.
    pub fn read(bytes: Vec<u8>, name: &str, options: &Options) -> Result<Self, CompileError> {
        let (model, mut graph) = precheck::decode(bytes)?;
        let opset = precheck::opset(&model)?;
        let metadata = metadata::read(&model.metadata_props)?;
        let input = find_input(&graph)?;
        let (shape, order, kind) = input_type(&input, &graph, &metadata, options)?;
        let layout = match order {
            Order::Planes if rank(&input) == 2 => Layout { order, dims: vec![1, shape.c] },
            Order::Planes => Layout::planes(shape),
            Order::Pixels => Layout::pixels(shape),
        };
        let mut description = metadata.describe(name, options)?;
        if options.scale_crop {
            description.scale_crop(shape.h.max(shape.w));
        }
        let output = find_output(&graph, &input.name, options)?;
        prune(&mut graph, &output);
        let names = graph.node.iter().enumerate().map(|(index, node)| label(node, index)).collect();
        graph.input = vec![ValueInfoProto { r#type: Some(fixed(&layout, kind)), ..named(&input.name) }];
        graph.output = vec![named(&output)];
        graph.value_info.clear();
        graph.quantization_annotation.clear();
        tell_apart(&mut graph);
        let input = input.name;
        let origins = origins(&graph);
        let mut source =
            Self { model, graph, opset, description, input, shape, layout, kind, output, names, origins };
        rewrite::run(&mut source);
        Ok(source)
    }

    pub fn nodes(&self) -> &[NodeProto] {
        &self.graph.node
    }

    /// The nodes with what to call them.
    pub fn node_refs(&self) -> impl Iterator<Item = NodeRef<'_>> {
        self.graph.node.iter().zip(&self.names).map(|(proto, name)| NodeRef { name, proto })
    }

    /// A constant that stands in the file, as an initialiser or a `Constant` node.
    pub fn constant(&self, name: &str) -> Option<&TensorProto> {
        match *self.origins.get(name)? {
            Origin::Initialiser(index) => self.graph.initializer.get(index),
            Origin::Node(index) => {
                let node = self.graph.node.get(index).filter(|node| node.op_type == "Constant")?;
                node.attribute.iter().find_map(|value| value.t.as_ref())
            }
        }
    }

    /// The values of an `int64` constant that stands in the file.
    pub fn constant_ints(&self, name: &str) -> Option<Vec<i64>> {
        self.constant(name).and_then(tensors::ints)
    }

    /// The node that computes a tensor.
    pub fn producer(&self, name: &str) -> Option<NodeRef<'_>> {
        let Origin::Node(index) = *self.origins.get(name)? else { return None };
        Some(NodeRef { name: self.names.get(index)?, proto: self.graph.node.get(index)? })
    }

    /// Number of convolutions.
    pub fn convs(&self) -> usize {
        self.graph.node.iter().filter(|node| matches!(node.op_type.as_str(), "Conv" | "QLinearConv")).count()
    }

    /// Makes `tensor` a second output, unless it is the output already. Whether it was not.
    pub fn add_output(&mut self, tensor: &str) -> bool {
        let second = tensor != self.output;
        if second {
            self.graph.output.push(named(tensor));
        }
        second
    }

    /// The tensor that the final softmax reads, or the output if the model does not end in a softmax.
    /// Nodes that only reshape may follow the softmax.
    pub fn logits(&self) -> String {
        let mut tensor = self.output.as_str();
        for node in self.graph.node.iter().rev() {
            if node.output.first().map(String::as_str) != Some(tensor) {
                continue;
            }
            let Some(input) = node.input.first() else { break };
            match node.op_type.as_str() {
                "Softmax" => return input.clone(),
                "Identity" | "Cast" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Dropout" => {
                    tensor = input
                }
                _ => break,
            }
        }
        self.output.clone()
    }
}

/// Renames nodes that share their name with another or with a tensor: ONNX allows it, tract does not.
/// Errors go on to use the name in the file.
fn tell_apart(graph: &mut GraphProto) {
    let initialised = graph.initializer.iter().map(|tensor| tensor.name.clone());
    let mut taken: HashSet<String> =
        graph.input.iter().map(|input| input.name.clone()).chain(initialised).collect();
    for (index, node) in graph.node.iter_mut().enumerate() {
        let name = label(node, index);
        node.name = if taken.contains(&name) { format!("{name}#{index}") } else { name };
        taken.insert(node.name.clone());
    }
}

fn named(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: name.into(), ..Default::default() }
}

/// An integer constant.
pub fn initialiser(name: &str, values: &[i64]) -> TensorProto {
    let (name, dims) = (name.into(), vec![values.len() as i64]);
    TensorProto {
        name,
        dims,
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

/// The type of a tensor whose shape is known.
fn fixed(layout: &Layout, kind: DataType) -> TypeProto {
    let dim = |size: usize| Dimension { value: Some(Dim::DimValue(size as i64)), ..Default::default() };
    let dims = layout.dims.iter().map(|&size| dim(size)).collect();
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: Some(TensorShapeProto { dim: dims }) };
    TypeProto { value: Some(Type::TensorType(tensor)), ..Default::default() }
}

/// Channels come last where everything that reads the input, behind operators that treat each value or
/// pixel by itself, transposes it to channels first. `channels` is the size of the last dimension: with a
/// single channel, a reshape does as well.
fn input_order(graph: &GraphProto, input: &str, channels: Option<i64>) -> Order {
    let mut open = HashSet::from([input]);
    let mut transposed = false;
    for node in &graph.node {
        if !node.input.iter().any(|name| open.contains(name.as_str())) {
            continue;
        }
        match node.op_type.as_str() {
            "Add" | "Sub" | "Mul" | "Div" | "Cast" | "Identity" | "Relu" | "Clip" | "Pad" | "Dropout"
            | "QuantizeLinear" | "DequantizeLinear" => {
                open.extend(node.output.iter().map(String::as_str));
            }
            "Transpose" => {
                let perm = node.attribute.iter().find(|attribute| attribute.name == "perm");
                if perm.is_none_or(|perm| perm.ints != [0, 3, 1, 2]) {
                    return Order::Planes;
                }
                transposed = true;
            }
            "Reshape" if channels == Some(1) => transposed = true,
            // Sizes may be asked for.
            "Shape" => {}
            _ => return Order::Planes,
        }
    }
    if transposed { Order::Pixels } else { Order::Planes }
}

/// The one input that has no initialiser.
fn find_input(graph: &GraphProto) -> Result<ValueInfoProto, CompileError> {
    let initialised: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut inputs = graph.input.iter().filter(|input| !initialised.contains(input.name.as_str()));
    match (inputs.next(), inputs.count()) {
        (Some(input), 0) => Ok(input.clone()),
        (None, _) => Err(CompileError::model("the graph has no input")),
        (Some(_), more) => {
            Err(CompileError::model(format!("the graph has {} inputs, one is supported", more + 1)))
        }
    }
}

/// Number of dimensions of a tensor.
fn rank(tensor: &ValueInfoProto) -> usize {
    match tensor.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(Type::TensorType(tensor)) => tensor.shape.as_ref().map_or(0, |shape| shape.dim.len()),
        _ => 0,
    }
}

/// Shape, order and type of the input; a batch of open size becomes 1.
fn input_type(
    input: &ValueInfoProto,
    graph: &GraphProto,
    metadata: &metadata::Metadata,
    options: &Options,
) -> Result<(Shape, Order, DataType), CompileError> {
    let fail = |problem: String| CompileError::tensor(&input.name, problem);
    let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(fail("the graph's input has no tensor type".into()));
    };
    let kind = match DataType::try_from(tensor.elem_type) {
        Ok(kind @ (DataType::Float | DataType::Float16)) => kind,
        other => {
            let found = other.map_or(tensor.elem_type.to_string(), |kind| format!("{kind:?}"));
            return Err(fail(format!("the graph's input has data type {found}, Float is needed")));
        }
    };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let one = Dimension { value: Some(Dim::DimValue(1)), ..Default::default() };
    let (order, batch, channels, height, width) = match dims {
        [batch, first, second, third] => match input_order(graph, &input.name, size(third)) {
            order @ Order::Planes => (order, batch, first, second, third),
            order @ Order::Pixels => (order, batch, third, first, second),
        },
        [batch, values] => (Order::Planes, batch, values, &one, &one),
        _ => {
            return Err(fail(format!(
                "the graph's input has {} dimensions, [batch, channels, height, width] are needed",
                dims.len()
            )));
        }
    };
    if let Some(batch) = size(batch)
        && batch != 1
    {
        return Err(fail(format!("the batch is {batch}, one picture at a time is supported (1 or open)")));
    }
    let side = |what: &str, dim: &Dimension| match size(dim) {
        Some(side) => {
            let side = usize::try_from(side).ok().filter(|side| (1..=limits::SIDE).contains(side));
            let side = side.ok_or_else(|| fail(format!("the {what} must be in 1..={}", limits::SIDE)))?;
            metadata.agrees(side, options)?;
            Ok(side)
        }
        _ => match options.size.map(|size| size as usize).or(metadata.size()) {
            Some(size) if (1..=limits::SIDE).contains(&size) => Ok(size),
            Some(size) => Err(CompileError::Option {
                option: "--size",
                problem: format!("{size} is not in 1..={}", limits::SIDE),
            }),
            None => Err(fail(format!("the model leaves its {what} open: give --size"))),
        },
    };
    let (h, w) = (side("height", height)?, side("width", width)?);
    let c = match size(channels) {
        Some(channels) => usize::try_from(channels).ok(),
        None => return Err(fail("the model leaves its channels open, a number is needed".into())),
    };
    let c = c.filter(|c| (1..=limits::CHANNELS).contains(c));
    let c = c.ok_or_else(|| fail(format!("the channels must be in 1..={}", limits::CHANNELS)))?;
    let shape = Shape { h, w, c };
    if shape.values() as u64 > limits::TENSOR_VALUES {
        return Err(CompileError::limit("values of the input", shape.values() as u64, limits::TENSOR_VALUES));
    }
    Ok((shape, order, kind))
}

/// The size of a dimension, if it is not open. Some exporters write −1 for an open one.
fn size(dim: &Dimension) -> Option<i64> {
    match dim.value {
        Some(Dim::DimValue(size)) if size != -1 => Some(size),
        _ => None,
    }
}

/// The tensor to stop at: the one that the options name, or the graph's first output.
fn find_output(graph: &GraphProto, input: &str, options: &Options) -> Result<String, CompileError> {
    let Some(name) = &options.output else {
        // `precheck` has found at least one.
        let name = graph.output.first().map_or("", |output| output.name.as_str());
        return check_computed(graph, input, name).map(|()| name.into());
    };
    check_computed(graph, input, name)?;
    Ok(name.clone())
}

fn check_computed(graph: &GraphProto, input: &str, name: &str) -> Result<(), CompileError> {
    if graph.node.iter().flat_map(|node| &node.output).any(|output| output == name) {
        return Ok(());
    }
    let problem = if name == input {
        "it is the graph's input, an output that a node computes is needed"
    } else if graph.initializer.iter().any(|tensor| tensor.name == name) {
        "it is a constant, an output that a node computes is needed"
    } else {
        "it is wanted as the output, but no node computes it"
    };
    Err(CompileError::tensor(name, problem))
}

/// Drops the nodes and constants that `output` does not depend on, and inputs that are only the empty
/// end of a list.
fn prune(graph: &mut GraphProto, output: &str) {
    let mut needed = HashSet::from([output.to_string()]);
    // Nodes stand in order, so one walk from the end finds everything.
    let mut keep: Vec<bool> = Vec::with_capacity(graph.node.len());
    for node in graph.node.iter().rev() {
        let kept = node.output.iter().any(|output| needed.contains(output));
        if kept {
            needed.extend(node.input.iter().cloned());
        }
        keep.push(kept);
    }
    graph.node.retain(|_| keep.pop().unwrap_or(true));
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    // An absent input at the end may be written as an empty name, which tract counts as an input.
    for node in &mut graph.node {
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
    }
}
