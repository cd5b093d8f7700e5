//! Writes a scheduled graph as the bytes of a `.wisp` file.

use crate::error::CompileError;
use crate::graph::{Conv, Graph, Node, Op, TensorId};
use crate::import::Description;
use crate::memory::Layout;
use crate::schedule::Schedule;
use std::collections::HashMap;
use wisp::Model;
use wisp::format::plan::MAX_RECORDS;
use wisp::format::{self, Buffer, Element, Info, Provenance, Step, View, Window, container, header, weights};

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
            let [height, width, channels] = [shape.h, shape.w, shape.c].map(|side| side as u32);
            let (first_step, last_step) = (buffer.first as u32, buffer.last as u32);
            Buffer { height, width, channels, element: Element::F32, offset, first_step, last_step }
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
        let op = match &node.op {
            Op::Conv(conv) => format::Op::Conv(blocks.append(conv)),
            Op::ConvGlobalAverage(conv) => format::Op::ConvGlobalAverage(blocks.append(conv)),
            Op::MaxPool(window) => format::Op::MaxPool(*window),
            &Op::AveragePool { window, include_pad } => format::Op::AveragePool { window, include_pad },
            Op::GlobalAverage => {
                let kernel = (shape.h as u16, shape.w as u16);
                let window = Window { kernel, stride: (1, 1), ..Window::default() };
                format::Op::AveragePool { window, include_pad: false }
            }
            Op::Clamp(clamp) => format::Op::Clamp(*clamp),
            Op::Add(clamp) => format::Op::Add { second: view(second), clamp: *clamp },
            Op::Lrn(lrn) => format::Op::Lrn(*lrn),
            Op::Softmax => format::Op::Softmax,
            Op::Copy => format::Op::Copy,
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
        }
    }
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
