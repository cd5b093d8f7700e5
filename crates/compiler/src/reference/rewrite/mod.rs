//! Says in integer operators what a file spells as dequantise, operator, quantise.
//!
//! A quantised file means integers, but spells floats (QDQ): tract would compute those, and round where the
//! runtime does not. So each convolution, dense layer, sum and average between the pairs becomes one of
//! [`ops`](super::ops), whose output is dequantised again under the name that the file gives it:
//!
//! ```text
//! x ─ dequantise ─ conv ─ relu ─ quantise ─ y      x ─ integer conv ─ y′ ─ dequantise ─ relu ─ quantise ─ y
//! ```
//!
//! `y′` is on the grid of `y`. What stands between (a clamp) treats each value by itself, and a grid's
//! numbers come back to the same integers, so everything else may stay as it is spelled: a clamp, a
//! max-pool and a concatenation give the same integers through numbers. For the same reason a dequantise
//! may move behind what only moves or chooses values, so that a convolution behind a flatten or a
//! max-pool finds its integers.
//!
//! Which operators are put together is what `passes/integer.rs` says, decided anew on ONNX's own nodes.

mod chain;
mod emit;
mod integers;
mod products;

use super::ops;
use crate::error::CompileError;
use crate::import::{Facts, NodeRef, Source};
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::NodeProto;

/// Scale and zero point, by the names of their tensors.
#[derive(Clone, Debug)]
struct Names {
    scale: String,
    /// Empty if absent.
    zero: String,
}

/// Integers that a tensor is dequantised from.
#[derive(Clone, Debug)]
struct Quantised {
    integers: String,
    grid: Names,
}

/// Whether a model has integers between its operators, or means to.
pub fn is_quantised(source: &Source) -> bool {
    source.nodes().iter().any(|node| {
        let name = node.op_type.as_str();
        matches!(name, "QuantizeLinear" | "DequantizeLinear" | "DynamicQuantizeLinear")
            || matches!(name, "QGemm" | "ConvInteger" | "MatMulInteger")
            || name.starts_with("QLinear")
            || ops::is_microsoft(node)
    })
}

/// Refuses operators whose integers nobody here computes as the runtime would.
pub fn check(source: &Source) -> Result<(), CompileError> {
    for node in source.node_refs() {
        let name = node.proto.op_type.as_str();
        let stranger = ops::is_microsoft(node.proto) && !ops::MICROSOFT.contains(&name);
        let at_run_time = matches!(name, "DynamicQuantizeLinear" | "ConvInteger" | "MatMulInteger");
        if stranger || at_run_time || ops::is_wisp(node.proto) {
            return Err(node.error(
                "it is not run in integers by --engine tract; QLinear operators and pairs of QuantizeLinear and \
                 DequantizeLinear with constant scales are",
            ));
        }
    }
    Ok(())
}

/// Rewrites the nodes of `source`, of which tract has inferred `facts`. Gives the number of convolutions
/// that run in integers.
pub fn run(source: &mut Source, facts: &Facts) -> Result<usize, CompileError> {
    let nodes: Vec<(String, NodeProto)> =
        source.node_refs().map(|node| (node.name.to_string(), node.proto.clone())).collect();
    let mut rewriter = Rewriter::new(&nodes, facts, &source.output);
    for index in 0..nodes.len() {
        if !rewriter.taken.contains(&index) {
            rewriter.node(index)?;
        }
    }
    let Rewriter { done, convs, .. } = rewriter;
    source.graph.node = done;
    Ok(convs)
}

struct Rewriter<'a> {
    nodes: &'a [(String, NodeProto)],
    facts: &'a Facts,
    /// For each tensor, the nodes that read it, once for each time; the model's output has one more.
    readers: HashMap<&'a str, Vec<Option<usize>>>,
    /// For each tensor, the node that writes it.
    writers: HashMap<&'a str, usize>,
    /// What a tensor is dequantised from, where it is.
    sources: HashMap<String, Quantised>,
    /// Nodes that another has taken in.
    taken: HashSet<usize>,
    done: Vec<NodeProto>,
    convs: usize,
}

impl<'a> Rewriter<'a> {
    fn new(nodes: &'a [(String, NodeProto)], facts: &'a Facts, output: &'a str) -> Self {
        let mut readers: HashMap<&str, Vec<Option<usize>>> = HashMap::new();
        let mut writers = HashMap::new();
        for (index, (_, node)) in nodes.iter().enumerate() {
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                readers.entry(input).or_default().push(Some(index));
            }
            writers.extend(node.output.iter().map(|output| (output.as_str(), index)));
        }
        readers.entry(output).or_default().push(None);
        let (sources, taken) = (HashMap::new(), HashSet::new());
        Self { nodes, facts, readers, writers, sources, taken, done: Vec::new(), convs: 0 }
    }

    fn node_ref(&self, index: usize) -> NodeRef<'a> {
        let (name, proto) = &self.nodes[index];
        NodeRef { name, proto }
    }

    fn is_constant(&self, tensor: &str) -> bool {
        !tensor.is_empty() && self.facts.is_constant(tensor)
    }

    /// Whether a tensor is of integers of 8 bits.
    fn is_integers(&self, tensor: &str) -> bool {
        matches!(self.facts.kind(tensor).as_deref(), Some("u8" | "i8"))
    }

    fn node(&mut self, index: usize) -> Result<(), CompileError> {
        let node = self.node_ref(index);
        let proto = node.proto;
        let (Some(input), Some(output)) = (proto.input.first(), proto.output.first()) else {
            self.done.push(proto.clone());
            return Ok(());
        };
        if self.is_constant(output) || !(ops::is_onnx(proto) || ops::is_microsoft(proto)) {
            self.done.push(proto.clone());
            return Ok(());
        }
        let changed = match proto.op_type.as_str() {
            "DequantizeLinear" => self.dequantize(node, input, output)?,
            "QLinearConv" => {
                self.convs += 1;
                false
            }
            "QLinearAdd" => self.add_constant(node, output)?,
            "MaxPool" | "Relu" | "Clip" if self.is_integers(input) => {
                self.push_as(proto, &format!("Wisp{}", proto.op_type));
                true
            }
            "MaxPool" | "Pad" | "Concat" => self.behind(index)?,
            name if chain::moves_nothing(name, proto) => self.behind(index)?,
            "Conv" | "Gemm" | "MatMul" => self.product(index)?,
            "Add" | "Sum" => self.sum(index)?,
            "AveragePool" | "GlobalAveragePool" | "ReduceMean" => self.average(index)?,
            _ => false,
        };
        if !changed {
            self.done.push(proto.clone());
        }
        Ok(())
    }

    /// Remembers what a tensor is dequantised from.
    fn dequantize(&mut self, node: NodeRef<'_>, input: &str, output: &str) -> Result<bool, CompileError> {
        let scale = node.needed_input(1)?;
        if !self.is_constant(scale) {
            return Err(node.error("its scale is not a constant, which is not supported"));
        }
        let grid = Names { scale: scale.into(), zero: node.input(2).unwrap_or_default().into() };
        self.sources.insert(output.into(), Quantised { integers: input.into(), grid });
        Ok(false)
    }
}
