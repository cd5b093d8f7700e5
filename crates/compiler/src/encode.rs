//! Writes a scheduled graph as the bytes of a `.wisp` file.

use crate::coded;
use crate::error::CompileError;
use crate::graph::{Conv, Graph, Node, Op, QConv, Quant, TensorId};
use crate::import::Description;
use crate::memory::Layout;
use crate::schedule::Schedule;
use std::collections::HashMap;
use wisp::Model;
use wisp::format::plan::MAX_RECORDS;
use wisp::format::{self, Buffer, Info, Provenance, Step, View, Window, container, header, weights};

/// Encodes `graph` and has the runtime check the result.
pub(crate) fn encode(
    mut graph: Graph,
    schedule: &Schedule,
    layout: &Layout,
    description: &Description,
    provenance: Provenance<'_>,
) -> Result<Vec<u8>, CompileError> {
    check_limits(schedule, layout)?;
    let classes = graph.tensors[graph.output].shape.values();
    let labels: Vec<&str> = description.labels.iter().map(String::as_str).collect();
    if !labels.is_empty() && labels.len() != classes {
        let problem = format!("there are {} labels, the model has {classes} classes", labels.len());
        return Err(CompileError::Option { option: "--labels", problem });
    }
    let index: HashMap<TensorId, u32> =
        schedule.buffers.iter().zip(0..).map(|(buffer, index)| (buffer.tensor, index)).collect();
    let buffers: Vec<Buffer> = schedule
        .buffers
        .iter()
        .zip(&layout.offsets)
        .map(|(buffer, &offset)| {
            let shape = graph.tensors[buffer.tensor].shape;
            let element = graph.tensors[buffer.tensor].element;
            let [height, width, channels] = [shape.h, shape.w, shape.c].map(|side| side as u32);
            let (first_step, last_step) = (buffer.first as u32, buffer.last as u32);
            Buffer { height, width, channels, element, offset, first_step, last_step }
        })
        .collect();

    let view = |tensor: TensorId| {
        let (root, channel) = graph.root(tensor);
        let buffer = index.get(&root).copied().unwrap_or(u32::MAX);
        View { buffer, channel: channel as u32, channels: graph.tensors[tensor].shape.c as u32 }
    };
    let (input, output) = (view(graph.input).buffer, view(graph.output).buffer);
    let mut blocks = Blocks::default();
    let mut steps = Vec::with_capacity(schedule.order.len());
    for &index in &schedule.order {
        let node = &graph.nodes[index];
        let (read, second) = match *node.inputs.as_slice() {
            [read] => (read, read),
            [read, second] => (read, second),
            _ => return Err(unplanned(node)),
        };
        let (from, to, shape) = (view(read), view(node.output), graph.tensors[read].shape);
        let whole = Window { kernel: (shape.h as u16, shape.w as u16), stride: (1, 1), ..Window::default() };
        let op = match &node.op {
            Op::Conv(conv) => format::Op::Conv(blocks.append(conv)),
            Op::ConvMaxPool { conv, pool } => {
                format::Op::Conv(format::Conv { pool: Some(*pool), ..blocks.append(conv) })
            }
            Op::ConvGlobalAverage(conv) => format::Op::ConvGlobalAverage(blocks.append(conv)),
            Op::MaxPool(window) => format::Op::MaxPool(*window),
            &Op::AveragePool { window, include_pad } => format::Op::AveragePool { window, include_pad },
            Op::GlobalAverage => format::Op::AveragePool { window: whole, include_pad: false },
            Op::Clamp(clamp) => format::Op::Clamp(*clamp),
            Op::Add(clamp) => format::Op::Add { second: view(second), clamp: *clamp },
            Op::Lrn(lrn) => format::Op::Lrn(*lrn),
            Op::Softmax => format::Op::Softmax,
            Op::Copy => format::Op::Copy,
            Op::Quantize(Quant { scale, zero }) => format::Op::Quantize { scale: *scale, zero: *zero },
            Op::Dequantize(Quant { scale, zero }) => format::Op::Dequantize { scale: *scale, zero: *zero },
            Op::QConv(conv) => format::Op::QConv(blocks.append_integers(node, conv)?),
            Op::QConvGlobalAverage { conv, relu } => {
                format::Op::QConvGlobalAverage { conv: blocks.append_integers(node, conv)?, relu: *relu }
            }
            &Op::QAveragePool { window, include_pad, input_zero, factor, grid } => {
                let window = window.unwrap_or(whole);
                check_factors(node, &[factor])?;
                format::Op::QAveragePool { window, include_pad, input_zero, factor, output: grid }
            }
            &Op::QAdd { zeros, factors, grid } => {
                check_factors(node, &factors)?;
                format::Op::QAdd { second: view(second), zeros, factors, output: grid }
            }
            Op::Lookup(table) => format::Op::Lookup { table: blocks.append_table(table) },
            Op::Concat | Op::Identity | Op::Affine { .. } | Op::Pad(_) => return Err(unplanned(node)),
        };
        steps.push(Step { op, input: from, output: to });
    }
    // A large model should not stand in memory a third time while the file is written.
    let order = schedule.order.iter();
    let names: Vec<String> = order.map(|&index| std::mem::take(&mut graph.nodes[index].name)).collect();
    drop(graph);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    let Description { name, weights, preprocess, .. } = description;
    let info = Info::new(name, classes as u32, *weights, *preprocess, layout.total);
    let mut bytes = Vec::new();
    let parts = container::Parts {
        info: &info,
        input,
        output,
        buffers: &buffers,
        steps: &steps,
        names: &names,
        parameters: &blocks.parameters,
        labels: &labels,
        provenance,
        weights: &blocks.weights,
    };
    format::emit(&parts, &mut bytes);
    Model::from_bytes(&bytes).map_err(|error| CompileError::Rejected { source: error.into() })?;
    Ok(bytes)
}

/// The weights and parameters of the file, filled step by step.
#[derive(Default)]
struct Blocks {
    weights: Vec<u8>,
    parameters: Vec<u32>,
}

impl Blocks {
    fn append(&mut self, conv: &Conv) -> format::Conv {
        let bias = self.parameters.len() as u32;
        self.parameters.extend(conv.bias.iter().map(|bias| bias.to_bits()));
        format::Conv {
            window: conv.window,
            groups: conv.groups as u32,
            clamp: conv.clamp,
            weight_offset: weights::append(&mut self.weights, &conv.weight),
            bias,
            pool: None,
        }
    }

    fn append_integers(&mut self, node: &Node, conv: &QConv) -> Result<format::QConv, CompileError> {
        let parameters = self.parameters.len() as u32;
        let depth = conv.weight.len().checked_div(conv.bias.len()).unwrap_or(0).max(1);
        for (channel, (bias, row)) in conv.bias.iter().zip(conv.weight.chunks_exact(depth)).enumerate() {
            // Inputs are bytes, so no sum of any prefix leaves i32 where this holds.
            let sum: i64 = row.iter().map(|weight| i64::from(weight.unsigned_abs())).sum();
            let largest = bias.saturating_abs().saturating_add(255 * sum);
            let bias = i32::try_from(*bias).ok().filter(|_| largest < 1 << 31).ok_or_else(|| {
                integer_problem(
                    node,
                    format!(
                        "the sums of output channel {channel} can reach {largest}, at most 2147483647 are supported: its \
                         bias is too large for its scale"
                    ),
                )
            })?;
            self.parameters.push(bias.cast_unsigned());
        }
        if conv.grid.is_some() {
            check_factors(node, &conv.factor)?;
        }
        self.parameters.extend(conv.factor.iter().map(|factor| factor.to_bits()));
        let table = conv.table.as_ref().map(|table| self.append_table(table));
        let (weight_offset, coded) = match coded::block(conv) {
            None => (weights::append_i8(&mut self.weights, &conv.weight), 0),
            Some(Ok(block)) => (weights::append_coded(&mut self.weights, &block), block.len() as u32),
            Some(Err(problem)) => return Err(integer_problem(node, problem.to_string())),
        };
        Ok(format::QConv {
            window: conv.window,
            groups: conv.groups as u32,
            weight_offset,
            coded,
            parameters,
            input_zero: conv.input_zero,
            output: conv.grid.unwrap_or_default(),
            pool: conv.pool,
            table,
            narrow: conv.weight.chunks_exact(depth).all(weights::is_narrow),
        })
    }

    fn append_table(&mut self, table: &[u8; 256]) -> u32 {
        let first = self.parameters.len() as u32;
        self.parameters.extend(table.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        first
    }
}

/// Factors from sums to a grid that the runtime takes.
fn check_factors(node: &Node, factors: &[f32]) -> Result<(), CompileError> {
    let range = 1.0 / (1u64 << 32) as f32..=256.0;
    match factors.iter().find(|factor| !range.contains(*factor)) {
        Some(factor) => Err(integer_problem(
            node,
            format!(
                "the scales of inputs and output are too far apart: their ratio {factor:e} is not in 2^-32..=2^8"
            ),
        )),
        None => Ok(()),
    }
}

fn integer_problem(node: &Node, problem: String) -> CompileError {
    CompileError::Node { node: node.name.clone(), operator: "in integers".into(), problem }
}

/// The passes leave no such node; said as an error so that nothing is written if one day they do.
fn unplanned(node: &Node) -> CompileError {
    CompileError::Node {
        node: node.name.clone(),
        operator: "internal".into(),
        problem: "it has no step".into(),
    }
}

fn check_limits(schedule: &Schedule, layout: &Layout) -> Result<(), CompileError> {
    for (what, count) in [("steps", schedule.order.len()), ("buffers", schedule.buffers.len())] {
        if count as u64 > MAX_RECORDS.into() {
            return Err(CompileError::limit(
                format!("{what} of the model"),
                count as u64,
                MAX_RECORDS.into(),
            ));
        }
    }
    if layout.total > header::MAX_ARENA {
        return Err(CompileError::limit("bytes of activations in memory", layout.total, header::MAX_ARENA));
    }
    Ok(())
}
