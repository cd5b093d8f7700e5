//! Puts integer operations together: dequantise, operation, quantise become one.
//!
//! | found | becomes |
//! |---|---|
//! | dequantise, convolution with integer weights, quantise | a convolution in integers |
//! | the same without quantise | a convolution from integers to `f32` |
//! | the same with a global average | a fused average in integers |
//! | dequantise, average or sum, quantise | the same in integers |
//! | dequantise, max-pool or concatenation of one grid | the same on integers, dequantise behind it |
//! | dequantise, concatenation, quantise | a concatenation of integers, each branch through a table |
//! | dequantise, clamp or nothing, quantise | a table |
//!
//! Everything else stays in `f32` between the two. What the integers compute is `docs/arithmetic.md`.

use super::{dead, identity};
use crate::graph::{Conv, Graph, Int8, Node, Op, QConv, Quant, TensorId};
use wisp::format::{Clamp, Element, Grid};

/// Runs the pass.
pub fn run(graph: &mut Graph) {
    let nodes = std::mem::take(&mut graph.nodes);
    let mut pass = Pass::new(graph, &nodes);
    for node in nodes {
        pass.node(node);
    }
    let nodes = pass.done;
    graph.nodes = nodes;
    // Nobody reads most of the dequantised tensors any more.
    dead::run(graph);
    fold_tables(graph);
    identity::run(graph);
}

struct Pass<'a> {
    graph: &'a mut Graph,
    /// For each tensor, the bytes that it is dequantised from.
    source: Vec<Option<(TensorId, Quant)>>,
    /// For each tensor, what its only reader quantises it to.
    sink: Vec<Option<(TensorId, Quant)>>,
    /// For each tensor, whether it is already written: by the node that took its quantise in.
    written: Vec<bool>,
    done: Vec<Node>,
}

impl<'a> Pass<'a> {
    fn new(graph: &'a mut Graph, nodes: &[Node]) -> Self {
        let count = graph.tensors.len();
        let mut reads = vec![0usize; count];
        reads[graph.output] += 1;
        for &input in nodes.iter().flat_map(|node| &node.inputs) {
            reads[input] += 1;
        }
        let mut sink = vec![None; count];
        for node in nodes {
            if let (Op::Quantize(quant), [input]) = (&node.op, node.inputs.as_slice())
                && reads[*input] == 1
            {
                sink[*input] = Some((node.output, *quant));
            }
        }
        Self { graph, source: vec![None; count], sink, written: vec![false; count], done: Vec::new() }
    }

    fn add_tensor(&mut self, name: &str, like: TensorId, element: Element) -> TensorId {
        let shape = self.graph.tensors[like].shape;
        self.source.push(None);
        self.sink.push(None);
        self.written.push(false);
        self.graph.add_tensor(name, shape, element)
    }

    fn push(&mut self, name: &str, op: Op, inputs: Vec<TensorId>, output: TensorId) {
        self.written[output] = true;
        self.done.push(Node { name: name.into(), op, inputs, output });
    }

    fn node(&mut self, node: Node) {
        if self.written[node.output] {
            return; // a quantise that has been taken in
        }
        let Node { name, op, inputs, output } = node;
        let sources: Option<Vec<(TensorId, Quant)>> =
            inputs.iter().map(|&input| self.source[input]).collect();
        let sources = sources.unwrap_or_default();
        let sink = self.sink[output];
        match (op, sources.as_slice(), sink) {
            (Op::Dequantize(quant), _, _) => {
                self.source[output] = Some((inputs[0], quant));
                self.push(&name, Op::Dequantize(quant), inputs, output);
            }
            (Op::Quantize(to), &[(bytes, from)], _) => {
                let op = if from == to { Op::Identity } else { Op::Lookup(table(from, Clamp::NONE, to)) };
                self.push(&name, op, vec![bytes], output);
            }
            (Op::Clamp(clamp), &[(bytes, from)], Some((end, to))) => {
                self.push(&name, Op::Lookup(table(from, clamp, to)), vec![bytes], end);
            }
            (
                Op::Conv(Conv { int8: Some(int8), clamp, window, groups, bias, dense, .. }),
                &[(bytes, from)],
                _,
            ) => {
                let conv = |to| qconv(&int8, &bias, from, to, clamp, (window, groups, dense));
                match sink {
                    Some((end, to)) => self.push(&name, Op::QConv(conv(Some(to))), vec![bytes], end),
                    None if clamp == Clamp::NONE => {
                        self.push(&name, Op::QConv(conv(None)), vec![bytes], output);
                    }
                    None => {
                        let sum = self.add_tensor(&name, output, Element::F32);
                        self.push(&name, Op::QConv(conv(None)), vec![bytes], sum);
                        self.push(&format!("{name}/clamp"), Op::Clamp(clamp), vec![sum], output);
                    }
                }
            }
            (
                Op::ConvGlobalAverage(Conv { int8: Some(int8), clamp, window, groups, bias, dense, .. }),
                &[(bytes, from)],
                _,
            ) if clamp == Clamp::NONE || clamp == Clamp::RELU => {
                let mut conv = qconv(&int8, &bias, from, None, Clamp::NONE, (window, groups, dense));
                let shape = self.graph.tensors[bytes].shape;
                let pixels = crate::graph::slide(&window, shape).map_or(1, |(h, w)| h * w);
                for factor in &mut conv.factor {
                    *factor = (f64::from(*factor) / pixels as f64) as f32;
                }
                let op = Op::QConvGlobalAverage { conv, relu: clamp == Clamp::RELU };
                self.push(&name, op, vec![bytes], output);
            }
            (Op::Add(clamp), &[(one, a), (other, b)], Some((end, to))) => {
                let factors = [a, b].map(|from| (f64::from(from.scale) / f64::from(to.scale)) as f32);
                let op = Op::QAdd { zeros: [a.zero, b.zero], factors, grid: grid(to, clamp) };
                self.push(&name, op, vec![one, other], end);
            }
            (Op::AveragePool { window, include_pad }, &[(bytes, from)], Some((end, to))) => {
                self.push(&name, average(Some(window), include_pad, from, to), vec![bytes], end);
            }
            (Op::GlobalAverage, &[(bytes, from)], Some((end, to))) => {
                self.push(&name, average(None, false, from, to), vec![bytes], end);
            }
            (Op::MaxPool(window), &[(bytes, from)], _) => {
                let pooled = self.add_tensor(&name, output, Element::U8);
                self.push(&name, Op::MaxPool(window), vec![bytes], pooled);
                self.source[output] = Some((pooled, from));
                self.push(&format!("{name}/dequantize"), Op::Dequantize(from), vec![pooled], output);
            }
            (Op::Concat, [(_, first), rest @ ..], None) if rest.iter().all(|(_, quant)| quant == first) => {
                let (first, bytes) = (*first, sources.iter().map(|&(bytes, _)| bytes).collect());
                let joined = self.add_tensor(&name, output, Element::U8);
                self.push(&name, Op::Concat, bytes, joined);
                self.source[output] = Some((joined, first));
                self.push(&format!("{name}/dequantize"), Op::Dequantize(first), vec![joined], output);
            }
            (Op::Concat, [_, ..], Some((end, to))) => {
                let mut pieces = Vec::with_capacity(sources.len());
                for (position, &(bytes, from)) in sources.iter().enumerate() {
                    if from == to {
                        pieces.push(bytes);
                        continue;
                    }
                    let name = format!("{name}/grid{position}");
                    let piece = self.add_tensor(&name, bytes, Element::U8);
                    self.push(&name, Op::Lookup(table(from, Clamp::NONE, to)), vec![bytes], piece);
                    pieces.push(piece);
                }
                self.push(&name, Op::Concat, pieces, end);
            }
            (op, _, _) => self.push(&name, op, inputs, output),
        }
    }
}

/// A table behind a convolution becomes the convolution's own, where nobody else reads between them.
fn fold_tables(graph: &mut Graph) {
    let (reads, mut producers) = (graph.reads(), graph.producers());
    let mut folded = vec![false; graph.nodes.len()];
    for index in 0..graph.nodes.len() {
        let (before, rest) = graph.nodes.split_at_mut(index);
        let Some(node) = rest.first() else { continue };
        let (Op::Lookup(table), &[input]) = (&node.op, node.inputs.as_slice()) else { continue };
        let producer = producers[input].filter(|_| reads[input] == 1);
        let Some(target) = producer.and_then(|producer| before.get_mut(producer)) else { continue };
        let Op::QConv(conv @ QConv { table: None, pool: None, .. }) = &mut target.op else { continue };
        conv.table = Some(table.clone());
        target.output = node.output;
        producers[node.output] = producer;
        folded[index] = true;
    }
    let mut folded = folded.into_iter();
    graph.nodes.retain(|_| !folded.next().unwrap_or(false));
}

/// The byte that a number is on a grid, as `QuantizeLinear` has it.
pub fn quantize(value: f32, to: Quant) -> u8 {
    let steps = (value / to.scale).round_ties_even() + f32::from(to.zero);
    steps.clamp(0.0, 255.0) as u8
}

fn grid(to: Quant, clamp: Clamp) -> Grid {
    Grid { zero: to.zero, lo: quantize(clamp.lo, to), hi: quantize(clamp.hi, to) }
}

fn table(from: Quant, clamp: Clamp, to: Quant) -> Box<[u8; 256]> {
    let mut table = Box::new([0; 256]);
    for (byte, to_byte) in (0u8..=255).zip(table.iter_mut()) {
        let value = (f32::from(byte) - f32::from(from.zero)) * from.scale;
        *to_byte = quantize(clamp.apply(value), to);
    }
    table
}

fn average(window: Option<wisp::format::Window>, include_pad: bool, from: Quant, to: Quant) -> Op {
    let factor = (f64::from(from.scale) / f64::from(to.scale)) as f32;
    let grid = grid(to, Clamp::NONE);
    Op::QAveragePool { window, include_pad, input_zero: from.zero, factor, grid }
}

fn qconv(
    int8: &Int8,
    bias: &[f32],
    from: Quant,
    to: Option<Quant>,
    clamp: Clamp,
    (window, groups, dense): (wisp::format::Window, usize, bool),
) -> QConv {
    let depth = int8.weight.len().checked_div(bias.len()).unwrap_or(0).max(1);
    let sums =
        int8.weight.chunks_exact(depth).map(|row| row.iter().map(|&weight| i64::from(weight)).sum::<i64>());
    let steps: Vec<f64> = int8.scale.iter().map(|scale| f64::from(from.scale) * f64::from(*scale)).collect();
    let own = |channel: usize| {
        let given = int8.bias.as_ref().and_then(|bias| bias.get(channel));
        match given {
            // The file's own integer, where its scale is that of the sums.
            Some(&(value, scale)) if (f64::from(scale) / steps[channel] - 1.0).abs() < 1e-5 => {
                i64::from(value)
            }
            Some(&(value, scale)) => {
                (f64::from(value) * f64::from(scale) / steps[channel]).round_ties_even() as i64
            }
            None => (f64::from(bias[channel]) / steps[channel]).round_ties_even() as i64,
        }
    };
    let corrected =
        sums.enumerate().map(|(channel, sum)| own(channel).saturating_sub(sum * i64::from(from.zero)));
    QConv {
        window,
        groups,
        weight: int8.weight.clone(),
        coding: int8.coding,
        bias: corrected.collect(),
        factor: steps.iter().map(|step| to.map_or(*step, |to| step / f64::from(to.scale)) as f32).collect(),
        input_zero: from.zero,
        grid: to.map(|to| grid(to, clamp)),
        pool: None,
        table: None,
        dense,
    }
}
