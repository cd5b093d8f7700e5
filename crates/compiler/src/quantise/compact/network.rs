//! The two networks, as they were and as they become, taken apart layer by layer.

use super::super::insert;
use super::super::plan::Plan;
use super::gram::{self, Gram};
use super::segment::{self, Segment};
use crate::error::CompileError;
use crate::graph::{Conv, Graph, Op, Quant, Shape, TensorId};
use crate::import::Description;
use ndarray::{Array2, Axis};

/// Pictures whose matrices are summed at once.
const CHUNK: usize = 8;

/// Weights of an output channel up to which a layer is taken on. What is larger, or has groups, stays as the
/// plain quantiser leaves it, and is coded so.
const MAX_DEPTH: usize = 4608;

/// The convolution of a node, if it is one.
pub(crate) fn conv(op: &Op) -> Option<&Conv> {
    match op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => Some(conv),
        _ => None,
    }
}

/// Layers that read one tensor.
pub(crate) struct Group {
    pub input: TensorId,
    pub nodes: Vec<usize>,
}

/// A network before and after.
pub(crate) struct Network {
    pub original: Graph,
    /// With integers in every layer: plain ones, or already those of few levels.
    pub quantised: Graph,
    pub plan: Plan,
    pub grids: Vec<Option<Quant>>,
    pub description: Description,
    pub threads: usize,
}

impl Network {
    /// The layers that become integers, in the order in which they run.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (at, node) in self.original.nodes.iter().enumerate() {
            let fits = |conv: &Conv| conv.groups == 1 && depth(conv) <= MAX_DEPTH;
            let Some(&input) = node.inputs.first() else { continue };
            if self.plan.kept[at] || !conv(&node.op).is_some_and(fits) {
                continue;
            }
            match groups.iter_mut().find(|group| group.input == input) {
                Some(group) => group.nodes.push(at),
                None => groups.push(Group { input, nodes: vec![at] }),
            }
        }
        groups
    }

    /// The quantised network as it runs, but for the passes behind the quantiser.
    pub fn inserted(&self) -> Graph {
        let mut graph = self.quantised.clone();
        insert::run(&mut graph, &self.plan, &self.grids);
        graph
    }

    /// The tensor of `inserted` that layers read for one of the original's.
    fn rounded(&self, inserted: &Graph, tensor: TensorId) -> TensorId {
        let name = format!("{}/f32", self.original.tensors[tensor].name);
        let before = self.original.tensors.len();
        let found = inserted.tensors.iter().skip(before).position(|tensor| tensor.name == name);
        found.map_or(tensor, |at| before + at)
    }
}

/// What flows through both networks at a tensor that everything behind it can be computed from.
pub(crate) struct Flow {
    at: TensorId,
    original: Vec<Vec<f32>>,
    quantised: Vec<Vec<f32>>,
}

impl Flow {
    /// At the network's input.
    pub fn new(network: &Network, inputs: &[Vec<f32>]) -> Self {
        Self { at: network.original.input, original: inputs.to_vec(), quantised: inputs.to_vec() }
    }

    /// Runs both networks on to `group` and returns the matrices of its layers; without `both`, the
    /// original's alone, as if the other read the same.
    pub fn grams(&mut self, network: &Network, group: &Group, both: bool) -> Result<Vec<Gram>, CompileError> {
        let inserted = network.inserted();
        let shape = network.original.tensors[group.input].shape;
        let keep = segment::is_cut(&network.original, group.input);
        let mut workers = Vec::with_capacity(network.threads);
        for _ in 0..network.threads.max(1) {
            let original = Segment::new(&network.original, self.at, group.input, &network.description)?;
            let to = network.rounded(&inserted, group.input);
            let quantised =
                if both { Some(Segment::new(&inserted, self.at, to, &network.description)?) } else { None };
            workers.push((original, quantised));
        }
        let convs: Vec<&Conv> =
            group.nodes.iter().filter_map(|&at| conv(&network.original.nodes[at].op)).collect();
        let mut grams: Vec<Gram> = convs.iter().map(|conv| Gram::new(depth(conv))).collect();
        let pictures: Vec<usize> = (0..self.original.len()).collect();
        let chunks: Vec<&[usize]> = pictures.chunks(CHUNK).collect();
        let (mut original, mut quantised) = (Vec::new(), Vec::new());
        // As many chunks at a time as there are threads, summed in their order: so the threads do not show.
        for wave in chunks.chunks(workers.len()) {
            let parts: Vec<_> = std::thread::scope(|scope| {
                let jobs = wave.iter().zip(&mut workers).map(|(chunk, worker)| {
                    let (flow, convs) = (&*self, &convs);
                    scope.spawn(move || flow.chunk(chunk, worker, shape, convs))
                });
                let jobs: Vec<_> = jobs.collect();
                jobs.into_iter().filter_map(|job| job.join().ok()).collect()
            });
            for part in parts {
                let part: Part = part?;
                for (gram, more) in grams.iter_mut().zip(&part.grams) {
                    gram.add(more);
                }
                if keep {
                    original.extend(part.original);
                    quantised.extend(part.quantised);
                }
            }
        }
        if keep {
            *self = Self { at: group.input, original, quantised };
        }
        Ok(grams)
    }

    /// Mean square error of the output of `graph`, which differs from the original behind this place only.
    pub fn error(
        &self,
        network: &Network,
        graph: &Graph,
        output: TensorId,
        expected: &[Vec<f32>],
    ) -> Result<f64, CompileError> {
        let threads = network.threads.max(1);
        let share = self.original.len().div_ceil(threads).max(1);
        let parts: Vec<Result<Vec<f64>, CompileError>> = std::thread::scope(|scope| {
            let jobs = self.original.chunks(share).zip(expected.chunks(share)).map(|(inputs, expected)| {
                scope.spawn(move || {
                    let mut segment = Segment::new(graph, self.at, output, &network.description)?;
                    let mut errors = Vec::with_capacity(inputs.len());
                    for (input, expected) in inputs.iter().zip(expected) {
                        errors.push(squared(&segment.run(input)?, expected));
                    }
                    Ok(errors)
                })
            });
            let jobs: Vec<_> = jobs.collect();
            jobs.into_iter().filter_map(|job| job.join().ok()).collect()
        });
        let mut sum = 0.0;
        for part in parts {
            sum += part?.iter().sum::<f64>();
        }
        Ok(sum / self.original.len().max(1) as f64)
    }

    /// The quantised network's output from here on, for some of the pictures.
    pub fn outputs(
        &self,
        network: &Network,
        output: TensorId,
        count: usize,
    ) -> Result<Vec<Vec<f32>>, CompileError> {
        let inserted = network.inserted();
        let to = network.rounded(&inserted, output);
        let mut segment = Segment::new(&inserted, self.at, to, &network.description)?;
        self.quantised.iter().take(count).map(|input| segment.run(input)).collect()
    }

    fn chunk(
        &self,
        pictures: &[usize],
        (original, quantised): &mut (Segment, Option<Segment>),
        shape: Shape,
        convs: &[&Conv],
    ) -> Result<Part, CompileError> {
        let mut part = Part::default();
        for &picture in pictures {
            part.original.push(original.run(&self.original[picture])?);
            if let Some(quantised) = quantised {
                part.quantised.push(quantised.run(&self.quantised[picture])?);
            }
        }
        for conv in convs {
            let rows = |values: &[Vec<f32>]| {
                let rows: Vec<Array2<f32>> = pictures
                    .iter()
                    .zip(values)
                    .map(|(&picture, values)| {
                        let places = gram::places(&conv.window, shape, picture);
                        gram::read(values, shape, &conv.window, &places)
                    })
                    .collect();
                let views: Vec<_> = rows.iter().map(|rows| rows.view()).collect();
                ndarray::concatenate(Axis(0), &views).unwrap_or_default()
            };
            let f = rows(&part.original);
            part.grams.push(match part.quantised.is_empty() {
                true => Gram::of(&f, &f),
                false => Gram::of(&f, &rows(&part.quantised)),
            });
        }
        Ok(part)
    }
}

/// Squared distance of two outputs, but for what all values share.
fn squared(found: &[f32], expected: &[f32]) -> f64 {
    let differences = || found.iter().zip(expected).map(|(a, b)| f64::from(a - b));
    let mean = differences().sum::<f64>() / found.len().max(1) as f64;
    differences().map(|difference| (difference - mean).powi(2)).sum()
}

/// What a thread gives back.
#[derive(Default)]
struct Part {
    grams: Vec<Gram>,
    original: Vec<Vec<f32>>,
    quantised: Vec<Vec<f32>>,
}

/// Weights of an output channel.
pub(crate) fn depth(conv: &Conv) -> usize {
    conv.weight.len().checked_div(conv.bias.len()).unwrap_or(0)
}
