//! Weights of few bits: an int8 model whose integers come from few levels.
mod gram;
mod layer;
mod linear;
mod rate;
mod segment;
mod trellis;

use super::calibrate::Calibration;
use super::plan::{self, Plan};
use super::ranges::Ranges;
use super::{equalise, insert, weights};
use crate::compile::{Compiled, Source, finish, read, stem};
use crate::error::CompileError;
use crate::graph::{Conv, Graph, Int8, Op, Quant, TensorId};
use crate::import::Description;
use crate::options::Options;
use crate::passes;
use gram::Gram;
use layer::{Problem, Rounded};
use ndarray::Array2;
use segment::Segment;
use std::path::Path;

pub(crate) fn x(name: &str, default: f64) -> f64 {
    std::env::var(format!("X_{name}")).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Pictures whose matrices are summed at once.
const CHUNK: usize = 8;

/// Convolutions of one input.
struct Group {
    input: TensorId,
    nodes: Vec<usize>,
}

struct Run<'a> {
    original: Graph,
    /// With integers in every layer: plain ones, or already those of few levels.
    quantised: Graph,
    plan: Plan,
    grids: Vec<Option<Quant>>,
    description: Description,
    inputs: &'a [Vec<f32>],
    threads: usize,
}

fn conv(op: &Op) -> Option<&Conv> {
    match op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => Some(conv),
        _ => None,
    }
}

impl Run<'_> {
    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (at, node) in self.original.nodes.iter().enumerate() {
            if conv(&node.op).is_none() || self.plan.kept[at] {
                continue;
            }
            let input = node.inputs[0];
            match groups.iter_mut().find(|group| group.input == input) {
                Some(group) => group.nodes.push(at),
                None => groups.push(Group { input, nodes: vec![at] }),
            }
        }
        groups
    }

    fn inserted(&self) -> Graph {
        let mut graph = self.quantised.clone();
        insert::run(&mut graph, &self.plan, &self.grids);
        graph
    }

    /// The original's tensor as the quantised network's layers read it.
    fn read(graph: &Graph, original: &Graph, tensor: TensorId) -> TensorId {
        let name = format!("{}/f32", original.tensors[tensor].name);
        let found = graph.tensors.iter().skip(original.tensors.len()).position(|t| t.name == name);
        found.map_or(tensor, |at| at + original.tensors.len())
    }

    fn compress(&mut self, multiplier: f64) -> Result<f64, CompileError> {
        let mut cut = self.original.input;
        let mut f_cache: Vec<Vec<f32>> = self.inputs.to_vec();
        let mut q_cache: Vec<Vec<f32>> = self.inputs.to_vec();
        let mut total = 0.0;
        for group in self.groups() {
            let started = std::time::Instant::now();
            let inserted = self.inserted();
            let to = Self::read(&inserted, &self.original, group.input);
            let is_cut = segment::is_cut(&self.original, group.input);
            let mut workers = Vec::new();
            for _ in 0..self.threads {
                workers.push((
                    Segment::new(&self.original, cut, group.input, &self.description)?,
                    Segment::new(&inserted, cut, to, &self.description)?,
                ));
            }
            let shape = self.original.tensors[group.input].shape;
            let convs: Vec<Conv> = group
                .nodes
                .iter()
                .filter_map(|&at| conv(&self.original.nodes[at].op).cloned())
                .collect();
            let depth = |conv: &Conv| conv.weight.len() / conv.bias.len();
            let mut grams: Vec<Gram> = convs.iter().map(|conv| Gram::new(depth(conv))).collect();
            let chunks: Vec<Vec<usize>> =
                (0..self.inputs.len()).collect::<Vec<_>>().chunks(CHUNK).map(<[usize]>::to_vec).collect();
            let mut next_f = Vec::new();
            let mut next_q = Vec::new();
            for wave in chunks.chunks(self.threads) {
                type Part = (Vec<Gram>, Vec<Vec<f32>>, Vec<Vec<f32>>);
                let parts: Vec<Result<Part, CompileError>> = std::thread::scope(|scope| {
                    let handles: Vec<_> = wave
                        .iter()
                        .zip(&mut workers)
                        .map(|(chunk, (f_segment, q_segment))| {
                            let (f_cache, q_cache, convs) = (&f_cache, &q_cache, &convs);
                            scope.spawn(move || -> Result<Part, CompileError> {
                                let (mut f, mut q) = (Vec::new(), Vec::new());
                                for &picture in chunk {
                                    f.push(f_segment.run(&f_cache[picture])?);
                                    q.push(q_segment.run(&q_cache[picture])?);
                                }
                                let mut grams = Vec::new();
                                for conv in convs {
                                    let inner = shape.c / conv.groups;
                                    let rows = |values: &[Vec<f32>]| {
                                        let rows: Vec<Array2<f32>> = chunk
                                            .iter()
                                            .zip(values)
                                            .map(|(&picture, values)| {
                                                let places = gram::places(&conv.window, shape, picture);
                                                gram::read(values, shape, &conv.window, (0, inner), &places)
                                            })
                                            .collect();
                                        let views: Vec<_> = rows.iter().map(|rows| rows.view()).collect();
                                        ndarray::concatenate(ndarray::Axis(0), &views).unwrap_or_default()
                                    };
                                    let (f, q) = (rows(&f), rows(&q));
                                    let weights = vec![1.0; f.nrows()];
                                    grams.push(Gram::of(&f, &q, &weights));
                                }
                                Ok((grams, f, q))
                            })
                        })
                        .collect();
                    handles.into_iter().filter_map(|handle| handle.join().ok()).collect()
                });
                for part in parts {
                    let (part, f, q) = part?;
                    for (gram, part) in grams.iter_mut().zip(&part) {
                        gram.add(part);
                    }
                    if is_cut {
                        next_f.extend(f);
                        next_q.extend(q);
                    }
                }
            }
            if is_cut {
                (f_cache, q_cache, cut) = (next_f, next_q, group.input);
            }
            let gram_time = started.elapsed();
            for ((&at, conv), gram) in group.nodes.iter().zip(&convs).zip(&grams) {
                let rows = conv.bias.len();
                let weights = Array2::from_shape_vec(
                    (rows, depth(conv)),
                    conv.weight.iter().map(|&w| f64::from(w)).collect(),
                )
                .unwrap_or_default();
                let problem = Problem::new(&weights, gram);
                let machine = match x("STATES", 1.0) as usize {
                    4 => trellis::FOUR,
                    8 => trellis::EIGHT,
                    _ => trellis::SCALAR,
                };
                let trellised = machine.next.len() > 1;
                let steps: Vec<f64> = weights
                    .rows()
                    .into_iter()
                    .map(|row| {
                        let rms = (row.dot(&row) / row.len() as f64).sqrt();
                        let most = row.iter().fold(0f64, |most, w| most.max(w.abs()));
                        let relative = table(&self.original.nodes[at].name);
                        (rms * multiplier * relative * if trellised { 0.6 } else { 1.0 }).max(most / 110.0)
                    })
                    .collect();
                let lambda = x("LAMBDA", 0.0) as f32;
                let Rounded { integers, scale, shift, bits } =
                    layer::round(&problem, &steps, machine, lambda, self.threads);
                total += bits;
                eprintln!(
                    "{}: {:.3} bits, {:.1} s gram, {:.1} s all",
                    self.original.nodes[at].name,
                    bits / conv.weight.len() as f64,
                    gram_time.as_secs_f64(),
                    started.elapsed().as_secs_f64()
                );
                if let Op::Conv(to) | Op::ConvGlobalAverage(to) = &mut self.quantised.nodes[at].op {
                    to.bias = conv.bias.iter().zip(&shift).map(|(b, s)| (f64::from(*b) + s) as f32).collect();
                    to.int8 = Some(Int8 { weight: integers, scale, bias: None });
                }
            }
        }
        Ok(total / 8.0)
    }
}

/// prototype's relative steps
fn table(name: &str) -> f64 {
    let fine = if name.contains("conv1_") || name == "conv1" || name.starts_with("conv1/") {
        0.3
    } else if name.contains("fire2") || name.contains("fire3") {
        0.45
    } else if name.contains("squeeze") {
        0.5
    } else if name.contains("conv10") || ((name.contains("fire8") || name.contains("fire9")) && name.contains("3x3")) {
        1.15
    } else {
        0.85
    };
    fine
}

/// Compresses.
pub fn compress(
    path: impl AsRef<Path>,
    options: &Options,
    calibration: &Calibration,
    ranges: &Ranges,
) -> Result<Compiled, CompileError> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut source = Source::import(bytes, &file, &stem(path), options)?;
    let mut graph = std::mem::take(&mut source.imported.graph);
    let description = source.imported.description.clone();
    passes::prepare(&mut graph);
    if ranges.equalised {
        equalise::run(&mut graph);
    }
    let plan = plan::plan(&graph, &calibration.keep_f32);
    let grids = plan.grids(&graph, ranges)?;
    let mut quantised = graph.clone();
    weights::run(&mut quantised, &plan, ranges);
    let mut run = Run {
        original: graph,
        quantised,
        plan,
        grids,
        description,
        inputs: &calibration.inputs,
        threads: 2,
    };
    let bytes = run.compress(x("C", 0.45))?;
    eprintln!("weights: {bytes:.0} bytes");
    let graph = run.inserted();
    finish(graph, &source)
}
