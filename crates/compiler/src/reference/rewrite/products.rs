//! Convolutions and dense layers with integer weights.

use super::chain::{Average, Between};
use super::emit::{int, ints};
use super::integers::inputs;
use super::{Names, Quantised, Rewriter};
use crate::error::CompileError;
use crate::import::NodeRef;
use crate::reference::ops::DOMAIN;
use tract_onnx::pb::NodeProto;

/// Inputs before the bias: values, weights, and the output's grid.
const BEFORE_BIAS: usize = 8;

impl Rewriter<'_> {
    /// A convolution or dense layer of dequantised values and weights.
    pub(super) fn product(&mut self, index: usize) -> Result<bool, CompileError> {
        let node = self.node_ref(index);
        let (Some(input), Some(weights)) = (node.input(0), node.input(1)) else { return Ok(false) };
        let Some(output) = node.proto.output.first() else { return Ok(false) };
        let (Some(source), Some(weights)) = (self.sources.get(input).cloned(), self.weights(node, weights)?)
        else {
            return Ok(false);
        };
        let is_conv = node.proto.op_type == "Conv";
        if is_conv && self.pads_exceed_kernel(node)? {
            return Ok(false);
        }
        let chain = self.chain(output, Between::All)?;
        let mut product = node.proto.clone();
        product.domain = DOMAIN.into();
        product.op_type = if is_conv { "WispConv" } else { "WispGemm" }.into();
        product.input = inputs(source).into_iter().chain(inputs(weights)).collect();

        // Where the result goes: behind what is added to it, behind the mean over it, or where it went.
        let last_shift = chain.shifts.last().map(|(index, _)| *index);
        let (shifts, mut taken): (Vec<_>, Vec<_>) =
            chain.shifts.into_iter().map(|(index, shift)| (shift, index)).unzip();
        let mut end = last_shift.map_or(index, |shift| self.before(index, shift, &mut taken));
        if let Some(Average { nodes, lo, hi }) = chain.average {
            let of_positive = match (lo, hi) {
                (f32::NEG_INFINITY, f32::INFINITY) => 0,
                (0.0, f32::INFINITY) => 1,
                // Natively the whole is then computed in numbers.
                _ => return Ok(false),
            };
            product.attribute.push(int("wisp_average", of_positive));
            end = nodes.last().copied().unwrap_or(index);
            taken = nodes;
        }
        let Some(output) = self.nodes[end].1.output.first() else { return Ok(false) };
        if let Some(dims) = self.facts.shape(output) {
            product.attribute.push(ints("wisp_dims", &dims));
        }
        let grid = chain.sink;
        let names = grid.clone().unwrap_or(Names { scale: String::new(), zero: String::new() });
        product.input.extend([names.scale, names.zero]);
        self.bias(node, &mut product);
        product.input.extend(shifts);
        match grid {
            Some(grid) => {
                self.push_quantised(product, &grid, output);
            }
            None => self.done.push(NodeProto { output: vec![output.clone()], ..product }),
        }
        self.taken.extend(taken);
        self.convs += usize::from(is_conv);
        Ok(true)
    }

    /// Takes in the nodes behind `from` up to `to`, which is given back.
    fn before(&self, from: usize, to: usize, taken: &mut Vec<usize>) -> usize {
        let mut at = self.nodes[to].1.input.iter().find_map(|input| self.on_the_way(input, from));
        while let Some(index) = at.filter(|&index| index != from) {
            taken.push(index);
            at = self.nodes[index].1.input.iter().find_map(|input| self.on_the_way(input, from));
        }
        to
    }

    /// The node that computes `tensor`, if it stands at `from` or behind it and computes no constant.
    fn on_the_way(&self, tensor: &str, from: usize) -> Option<usize> {
        let writer = self.writers.get(tensor).copied()?;
        (writer >= from && !self.is_constant(tensor)).then_some(writer)
    }

    /// The integers behind the weights of a node, if their scales are of the whole or run over its outputs.
    fn weights(&self, node: NodeRef<'_>, name: &str) -> Result<Option<Quantised>, CompileError> {
        let Some(dequantize) = self.behind_constant(name) else { return Ok(None) };
        let (Some(integers), Some(scale)) = (dequantize.input(0), dequantize.input(1)) else {
            return Ok(None);
        };
        if !self.is_integers(integers) {
            return Ok(None);
        }
        let scales = self.facts.floats(scale).map_or(0, |scale| scale.values.len());
        let rank = self.facts.shape(integers).unwrap_or_default().len() as i64;
        let axis = dequantize.int("axis")?.unwrap_or(1);
        let axis = if axis < 0 { axis.saturating_add(rank) } else { axis };
        let alpha = if node.proto.op_type == "Gemm" { node.float("alpha")?.unwrap_or(1.0) } else { 1.0 };
        let by_output = match node.proto.op_type.as_str() {
            "Conv" => true,
            "Gemm" => node.flag("transB")?,
            _ => false,
        };
        if scales != 1 && axis != i64::from(!by_output) || alpha <= 0.0 {
            return Ok(None);
        }
        let grid = Names { scale: scale.into(), zero: dequantize.input(2).unwrap_or_default().into() };
        Ok(Some(Quantised { integers: integers.into(), grid }))
    }

    /// The dequantise of a constant that computes `tensor`.
    fn behind_constant(&self, tensor: &str) -> Option<NodeRef<'_>> {
        let node = self.node_ref(*self.writers.get(tensor)?);
        let constant = node.input(0).is_some_and(|input| self.is_constant(input));
        (node.proto.op_type == "DequantizeLinear" && constant).then_some(node)
    }

    /// Adds the bias of `node` to the inputs of `product`: integers with their scale, or numbers.
    fn bias(&self, node: NodeRef<'_>, product: &mut NodeProto) {
        debug_assert_eq!(product.input.len(), BEFORE_BIAS);
        let name = node.input(2).unwrap_or_default();
        let integers = self.behind_constant(name).and_then(|dequantize| {
            // One with a zero point is refused natively; here it is a bias of numbers.
            let zero = dequantize.input(2).and_then(|zero| self.facts.ints(zero)).unwrap_or_default();
            let plain = zero.iter().all(|zero| *zero == 0);
            Some([dequantize.input(0)?.to_string(), dequantize.input(1)?.to_string()]).filter(|_| plain)
        });
        product.input.extend(integers.unwrap_or([name.into(), String::new()]));
    }

    /// Whether a convolution pads by more than its kernel; natively, the pads are then a step of numbers.
    fn pads_exceed_kernel(&self, node: NodeRef<'_>) -> Result<bool, CompileError> {
        let weights = node.input(1).and_then(|weights| self.facts.shape(weights)).unwrap_or_default();
        let pads = node.ints("pads")?.unwrap_or_default();
        let kernel = |side: usize| weights.get(2 + side % 2).copied().unwrap_or(0) as i64;
        Ok(pads.iter().enumerate().any(|(side, pad)| *pad > kernel(side)))
    }
}
