//! Walks the ONNX nodes in order and builds the graph, one file an operator family.

use super::attributes::NodeRef;
use super::layout::{Layout, Order};
use super::operators::{self, Role};
use super::parse::{Constant, Facts};
use super::source::Source;
use super::{
    activation, arithmetic, concat, conv, dense, limits, normalise, pad, pool, qlinear, quantize, reshape,
    softmax,
};
use crate::error::CompileError;
use crate::graph::{Graph, Node, Op, Shape, TensorId};
use std::collections::HashMap;
use wisp::format::Element;

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
        Importer { source, facts, opset: source.opset, graph: Graph::default(), values: HashMap::new() };
    importer.graph.input = importer.define(&source.input, source.shape, Element::F32, source.layout.clone());
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
        counts.convs += usize::from(matches!(operator.name, "Conv" | "QLinearConv"));
        lower(&mut importer, node)?;
    }
    let fail = |problem: String| CompileError::tensor(&source.output, problem);
    let output = importer.values.get(&source.output);
    let output =
        output.ok_or_else(|| fail("the output is a constant, it does not depend on the input".into()))?;
    let (shape, dims) = (importer.shape(output.tensor), &output.layout.dims);
    if output.layout.order == Order::Planes && output.layout.channel_axis(shape).is_none() {
        return Err(fail(format!(
            "the output is a map of {shape} (height×width×channels) flattened to {dims:?}, which is supported in \
             front of a dense layer only"
        )));
    }
    if importer.element(output.tensor) != Element::F32 {
        return Err(fail("the output is quantised, it must be dequantised in the model".into()));
    }
    importer.graph.output = output.tensor;
    Ok((importer.graph, counts))
}

fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    match node.proto.op_type.as_str() {
        "Conv" => conv::lower(importer, node),
        "MaxPool" => pool::lower_max(importer, node),
        "AveragePool" => pool::lower_average(importer, node),
        "GlobalAveragePool" => pool::lower_global_average(importer, node),
        "ReduceMean" => pool::lower_mean(importer, node),
        "Gemm" => dense::lower_gemm(importer, node),
        "MatMul" => dense::lower_matmul(importer, node),
        "Relu" => activation::lower_relu(importer, node),
        "Clip" => activation::lower_clip(importer, node),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic::lower(importer, node),
        "Sum" => arithmetic::lower_sum(importer, node),
        "BatchNormalization" => normalise::lower_batch(importer, node),
        "LRN" => normalise::lower_lrn(importer, node),
        "Pad" => pad::lower(importer, node),
        "Concat" => concat::lower(importer, node),
        "Dropout" => reshape::lower_dropout(importer, node),
        "Identity" => reshape::lower_identity(importer, node),
        "Cast" => reshape::lower_cast(importer, node),
        "Flatten" => reshape::lower(importer, node, &["axis"]),
        "Reshape" => reshape::lower(importer, node, &["allowzero"]),
        "Squeeze" | "Unsqueeze" => reshape::lower(importer, node, &["axes"]),
        "Transpose" => reshape::lower_transpose(importer, node),
        "QuantizeLinear" => quantize::lower_quantize(importer, node),
        "DequantizeLinear" => quantize::lower_dequantize(importer, node),
        "QLinearConv" => qlinear::lower_conv(importer, node),
        "QLinearMatMul" => qlinear::lower_matmul(importer, node),
        "QGemm" => qlinear::lower_gemm(importer, node),
        "QLinearAdd" => qlinear::lower_add(importer, node),
        "QLinearConcat" => qlinear::lower_concat(importer, node),
        "QLinearGlobalAveragePool" => qlinear::lower_global_average(importer, node),
        "QLinearAveragePool" => qlinear::lower_average(importer, node),
        "QLinearSoftmax" => qlinear::lower_softmax(importer, node),
        "Softmax" => softmax::lower(importer, node),
        _ => Err(operators::unsupported(node)),
    }
}

/// A tensor of our graph, and how ONNX sees it under some name.
#[derive(Clone, Debug)]
pub struct Value {
    pub tensor: TensorId,
    pub layout: Layout,
}

/// What the operator families need to add their node to the graph.
pub struct Importer<'a> {
    pub source: &'a Source,
    pub facts: &'a Facts,
    pub opset: i64,
    graph: Graph,
    values: HashMap<String, Value>,
}

impl Importer<'_> {
    fn define(&mut self, name: &str, shape: Shape, element: Element, layout: Layout) -> TensorId {
        let tensor = self.graph.add_tensor(name, shape, element);
        self.values.insert(name.into(), Value { tensor, layout });
        tensor
    }

    /// The activation tensor that input `index` of a node names.
    pub fn activation(&self, node: NodeRef<'_>, index: usize) -> Result<Value, CompileError> {
        let name = node.needed_input(index)?;
        if self.facts.is_constant(name) {
            return Err(
                node.error(format!("its input \"{name}\" is a constant, which is not supported here"))
            );
        }
        let known = self.values.get(name).cloned();
        known.ok_or_else(|| {
            node.error(format!("its input \"{name}\" is a second output, which is not supported"))
        })
    }

    /// As [`activation`](Self::activation), of shape `[1, channels, height, width]`.
    pub fn map(&self, node: NodeRef<'_>, index: usize) -> Result<TensorId, CompileError> {
        let value = self.activation(node, index)?;
        let planes = value.layout.is_planes(self.shape(value.tensor));
        if planes { Ok(value.tensor) } else { Err(self.wrong_layout(node, &value)) }
    }

    /// The error for a node that needs channels first.
    pub fn wrong_layout(&self, node: NodeRef<'_>, input: &Value) -> CompileError {
        let (dims, shape) = (&input.layout.dims, self.shape(input.tensor));
        node.error(format!(
            "its input has shape {dims:?}, a picture of {shape} (height×width×channels); [1, channels, height, \
             width] is needed"
        ))
    }

    pub fn element(&self, tensor: TensorId) -> Element {
        self.graph.tensors[tensor].element
    }

    pub fn shape(&self, tensor: TensorId) -> Shape {
        self.graph.tensors[tensor].shape
    }

    /// The values of a floating-point constant that input `index` of a node names.
    pub fn floats(&self, node: NodeRef<'_>, index: usize, what: &str) -> Result<Constant, CompileError> {
        let name = self.constant(node, index, what)?;
        let constant = self.facts.floats(name).ok_or_else(|| {
            let kind = self.facts.kind(name).unwrap_or_default();
            node.error(format!("its {what} \"{name}\" has data type {kind}, floating point is needed"))
        })?;
        if let Some(value) = constant.values.iter().find(|value| !value.is_finite()) {
            return Err(node.error(format!("its {what} \"{name}\" holds {value}, finite numbers are needed")));
        }
        Ok(constant)
    }

    /// The values of an integer constant that input `index` of a node names.
    pub fn ints(&self, node: NodeRef<'_>, index: usize, what: &str) -> Result<Vec<i64>, CompileError> {
        let name = self.constant(node, index, what)?;
        self.facts.ints(name).ok_or_else(|| {
            let kind = self.facts.kind(name).unwrap_or_default();
            node.error(format!("its {what} \"{name}\" has data type {kind}, integers are needed"))
        })
    }

    /// Shape and values of an `u8` or `i8` constant that input `index` of a node names.
    pub fn small_ints(
        &self,
        node: NodeRef<'_>,
        index: usize,
        what: &str,
    ) -> Result<(Vec<usize>, Vec<i16>), CompileError> {
        let name = self.constant(node, index, what)?;
        self.facts.small_ints(name).ok_or_else(|| {
            let kind = self.facts.kind(name).unwrap_or_default();
            node.error(format!("its {what} \"{name}\" has data type {kind}, u8 or i8 is needed"))
        })
    }

    fn constant<'a>(&self, node: NodeRef<'a>, index: usize, what: &str) -> Result<&'a str, CompileError> {
        let name = node.needed_input(index)?;
        if self.facts.is_constant(name) {
            return Ok(name);
        }
        Err(node.error(format!("its {what} \"{name}\" is not a constant, which is not supported")))
    }

    /// Axes of a tensor of so many dimensions, counted from its start.
    pub fn axes(&self, node: NodeRef<'_>, axes: &[i64], rank: usize) -> Result<Vec<usize>, CompileError> {
        let from_start = |&axis: &i64| {
            let at = if axis < 0 { axis.checked_add(rank as i64)? } else { axis };
            usize::try_from(at).ok().filter(|at| *at < rank)
        };
        let found: Option<Vec<usize>> = axes.iter().map(from_start).collect();
        found.ok_or_else(|| node.error(format!("its axes {axes:?} are not those of {rank} dimensions")))
    }

    /// Adds the node for `node`. Its output must be what tract inferred.
    pub fn push(
        &mut self,
        node: NodeRef<'_>,
        op: Op,
        inputs: Vec<TensorId>,
        layout: Layout,
    ) -> Result<(), CompileError> {
        let name = node.output()?;
        let (shape, element) = self.check(node, &op, &inputs)?;
        // Where tract does not know an operator, what follows from ours is all there is.
        let right = self.facts.element(name).is_none_or(|inferred| inferred == Some(element));
        if !right {
            let kind = self.facts.kind(name).unwrap_or("unknown".into());
            return Err(node.error(format!("\"{name}\" has data type {kind}, {} is needed", kinds(element))));
        }
        if let Some(inferred) = self.facts.shape(name).filter(|inferred| *inferred != layout.dims) {
            let given = &layout.dims;
            return Err(
                node.error(format!("its output has shape {inferred:?}, but its attributes give {given:?}"))
            );
        }
        let output = self.define(name, shape, element, layout);
        self.graph.nodes.push(Node { name: node.name.into(), op, inputs, output });
        Ok(())
    }

    /// As [`push`](Self::push), for an output of shape `[1, channels, height, width]`.
    pub fn push_map(&mut self, node: NodeRef<'_>, op: Op, inputs: Vec<TensorId>) -> Result<(), CompileError> {
        let layout = Layout::planes(self.check(node, &op, &inputs)?.0);
        self.push(node, op, inputs, layout)
    }

    /// Adds one of several nodes that stand for `node`, whose output has no name in the file.
    pub fn push_inner(
        &mut self,
        node: NodeRef<'_>,
        op: Op,
        inputs: Vec<TensorId>,
    ) -> Result<TensorId, CompileError> {
        let (shape, element) = self.check(node, &op, &inputs)?;
        let output = self.graph.add_tensor(node.name, shape, element);
        self.graph.nodes.push(Node { name: node.name.into(), op, inputs, output });
        Ok(output)
    }

    /// Shape and type of what `op` gives, if they are such as the runtime can have.
    fn check(
        &self,
        node: NodeRef<'_>,
        op: &Op,
        inputs: &[TensorId],
    ) -> Result<(Shape, Element), CompileError> {
        let elements: Vec<Element> = inputs.iter().map(|&input| self.element(input)).collect();
        let Some(element) = op.output_element(&elements) else {
            let found = elements.first().map_or("", |element| element.name());
            return Err(node.error(format!("it is not supported on an input of type {found}")));
        };
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.shape(input)).collect();
        let Some(shape) = op.output_shape(&shapes) else {
            let shapes: Vec<String> = shapes.iter().map(Shape::to_string).collect();
            return Err(node.error(format!(
                "it does not fit its input of {} (height×width×channels)",
                shapes.join(" and ")
            )));
        };
        let within = (1..=limits::SIDE).contains(&shape.h)
            && (1..=limits::SIDE).contains(&shape.w)
            && (1..=limits::CHANNELS).contains(&shape.c)
            && shape.values() as u64 <= limits::TENSOR_VALUES;
        if !within {
            return Err(node.error(format!(
                "its output is {shape} (height×width×channels), which is empty or too large"
            )));
        }
        Ok((shape, element))
    }
}

/// The ONNX data types that become an element.
fn kinds(element: Element) -> &'static str {
    match element {
        Element::F32 => "floating point",
        Element::U8 => "u8 or i8",
    }
}
