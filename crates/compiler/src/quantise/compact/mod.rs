//! An int8 model whose integers come from few levels, so that its file is small when they are coded.
//!
//! | room | job |
//! |---|---|
//! | `network` | the network before and after, and what flows through both, picture by picture |
//! | `segment` | a part of a network, ready to run |
//! | `gram` | what a layer reads, as the matrices of least squares |
//! | `linear` | factors and solutions of those |
//! | `sensitivity` | what rounding each layer costs at the output, and how many bits it takes |
//! | `steps` | steps for a budget |
//! | `layer` | one layer to integers: target, roundings, scales, biases |
//! | `trellis`, `rate` | roundings along a row by error and bits |
//!
//! Layer by layer from the input on: each makes up for what the layers before it have lost, because its
//! inputs are those of the quantised network and its outputs are to be the original's.

mod gram;
mod layer;
mod linear;
mod network;
mod rate;
mod segment;
mod sensitivity;
mod steps;
mod trellis;

use super::calibrate::{Calibration, check_inputs, divergence};
use super::ranges::Ranges;
use super::{equalise, plan, weights};
use crate::compile::{Compiled, Source, finish, read, stem};
use crate::error::CompileError;
use crate::graph::{Coding, Conv, Op};
use crate::options::Options;
use crate::passes;
use layer::Problem;
use network::{Flow, Network, conv};
use std::path::Path;
use steps::Trial;
use wisp::format::coded::Trellis;

/// The trellis of the roundings: eight states are the best that the format has.
const TRELLIS: Trellis = Trellis::Eight;
/// Pictures on which layers are tried.
const TRIED: usize = 48;
/// Pictures of which progress reports the divergence.
const WATCHED: usize = 12;
/// A file is to use this much of its budget, where its weights can.
const USED: f64 = 0.999;
/// How often the last layer is rounded until the file has its size.
const ATTEMPTS: usize = 10;

/// How far a compression is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compression {
    /// What is being done.
    pub stage: &'static str,
    /// Layers that are done.
    pub done: usize,
    /// Layers there are.
    pub total: usize,
    /// Estimate of the file's bytes.
    pub bytes: Option<u64>,
    /// Mean divergence at the output over some of the pictures, with the layers so far of few levels, in nats.
    pub kl: Option<f64>,
}

/// Compiles an ONNX file of floats to an int8 model of at most `max_bytes`, the whole file.
///
/// Steps are given out so that each bit saves as much error at the output in any layer. The same pictures in
/// the same order give the same file on machines of one instruction set, whatever [`Options::threads`] is.
/// Of `calibration` the method is not used: `ranges` has been found already.
///
/// # Errors
/// As [`calibrate`](super::calibrate()), and [`CompileError::Option`] if the file cannot be made so small; it says
/// how small it can.
pub fn compress(
    path: impl AsRef<Path>,
    options: &Options,
    calibration: &Calibration,
    ranges: &Ranges,
    max_bytes: u64,
    progress: &mut dyn FnMut(Compression),
) -> Result<Compiled, CompileError> {
    let path = path.as_ref();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut source = Source::import(read(path)?, &file, &stem(path), options)?;
    let mut original = std::mem::take(&mut source.imported.graph);
    passes::prepare(&mut original);
    check_inputs(&original, &calibration.inputs)?;
    if ranges.equalised {
        equalise::run(&mut original);
    }
    let plan = plan::plan(&original, &calibration.keep_f32);
    let grids = plan.grids(&original, ranges)?;
    let mut quantised = original.clone();
    weights::run(&mut quantised, &plan, ranges);
    let description = source.imported.description.clone();
    let threads = options.threads.unwrap_or(1).max(1);
    let network = Network { original, quantised, plan, grids, description, threads };
    Run { network, source, inputs: &calibration.inputs, max_bytes }.run(progress)
}

struct Run<'a> {
    network: Network,
    source: Source,
    inputs: &'a [Vec<f32>],
    max_bytes: u64,
}

impl Run<'_> {
    fn run(mut self, progress: &mut dyn FnMut(Compression)) -> Result<Compiled, CompileError> {
        let groups = self.network.groups();
        let total = groups.iter().map(|group| group.nodes.len()).sum();
        let mut report = |stage, done, bytes: Option<f64>, kl| {
            let bytes = bytes.map(|bytes| bytes.max(0.0) as u64);
            progress(Compression { stage, done, total, bytes, kl });
        };
        let trials = sensitivity::trials(&self.network, &self.some(TRIED), TRELLIS, &mut |done| {
            report("trials", done, None, None);
        })?;
        let relative = steps::relative(&trials);
        let beside = self.beside(&trials)?;
        let smallest = beside + trials.iter().map(|trial| trial.bits[1]).sum::<f64>() / 8.0;
        if smallest > self.max_bytes as f64 {
            let problem = format!(
                "{} bytes are too few: with the coarsest steps the file takes about {smallest:.0}",
                self.max_bytes
            );
            return Err(CompileError::Option { option: "--max-bytes", problem });
        }
        let mut left = 8.0 * (self.max_bytes as f64 - beside);
        let mut flow = Flow::new(&self.network, self.inputs);
        let watched: Vec<Vec<f32>> = self.inputs.iter().take(WATCHED).cloned().collect();
        let expected = sensitivity::expected(&self.network, &watched)?;
        let (mut done, mut kl) = (0, None);
        for group in groups {
            let grams = flow.grams(&self.network, &group, true)?;
            for (&node, gram) in group.nodes.iter().zip(&grams) {
                report("rounding", done, Some(self.max_bytes as f64), kl);
                let Some(layer) = conv(&self.network.original.nodes[node].op).cloned() else { continue };
                let problem = Problem::new(&layer, gram);
                let share = steps::share(&trials[done..], &relative[done..], left) * relative[done];
                let share = share.min(steps::COARSEST);
                done += 1;
                if done == total {
                    return self.last(node, &layer, &problem, share);
                }
                left -= self.round(node, &layer, &problem, share);
            }
            let outputs =
                flow.outputs(&self.network, sensitivity::logits(&self.network.original), WATCHED)?;
            let sum: f64 = expected.iter().zip(&outputs).map(|(a, b)| divergence(a, b)).sum();
            kl = Some(sum / expected.len().max(1) as f64);
        }
        finish(self.network.inserted(), &self.source)
    }

    /// Some of the pictures, spread over all.
    fn some(&self, count: usize) -> Vec<Vec<f32>> {
        let (all, count) = (self.inputs.len(), self.inputs.len().min(count));
        (0..count).map(|at| self.inputs[at * all / count].clone()).collect()
    }

    /// Bytes of the file beside the weights that are to be rounded.
    fn beside(&self, trials: &[Trial]) -> Result<f64, CompileError> {
        let mut network = self.network.inserted();
        let mut coded = 0;
        for node in &mut network.nodes {
            if let Op::Conv(Conv { int8: Some(int8), .. })
            | Op::ConvGlobalAverage(Conv { int8: Some(int8), .. }) = &mut node.op
            {
                int8.coding = Coding::Coded(Trellis::Plain);
            }
        }
        for trial in trials {
            if let Some(Conv { int8: Some(int8), .. }) = conv(&self.network.quantised.nodes[trial.node].op) {
                let layer = conv(&self.network.original.nodes[trial.node].op);
                coded += layer.map_or(0, |layer| layer::bytes(&int8.weight, layer, Trellis::Plain));
            }
        }
        Ok(finish(network, &self.source)?.bytes.len() as f64 - coded as f64)
    }

    /// Rounds a layer and returns the bits that it takes.
    fn round(&mut self, node: usize, layer: &Conv, problem: &Problem, share: f64) -> f64 {
        let steps = steps::of_rows(layer, share);
        let rounded = layer::round(problem, &steps, TRELLIS, self.network.threads);
        let bits = rounded.bits(layer, TRELLIS);
        if let Op::Conv(to) | Op::ConvGlobalAverage(to) = &mut self.network.quantised.nodes[node].op {
            rounded.put(to, layer, TRELLIS);
        }
        bits
    }

    /// Rounds the last layer so that the file has its size.
    fn last(
        mut self,
        node: usize,
        layer: &Conv,
        problem: &Problem,
        mut share: f64,
    ) -> Result<Compiled, CompileError> {
        let (most, weights) = (self.max_bytes as f64, layer.weight.len() as f64);
        let mut best: Option<Compiled> = None;
        // Shares that were too fine, and fine enough.
        let (mut low, mut high) = (0f64, f64::INFINITY);
        for _ in 0..ATTEMPTS {
            self.round(node, layer, problem, share);
            let compiled = finish(self.network.inserted(), &self.source)?;
            let bytes = compiled.bytes.len() as f64;
            let fits = bytes <= most;
            if fits && best.as_ref().is_none_or(|best| best.bytes.len() < compiled.bytes.len()) {
                best = Some(compiled);
            }
            if fits && bytes >= most * USED {
                break;
            }
            if fits {
                high = share
            } else {
                low = share
            }
            // A bit a weight for each halving, as long as that leads between what is known.
            share *= (8.0 * (bytes - most * (1.0 + USED) / 2.0) / weights).exp2();
            if !(low..high).contains(&share) {
                share = (low * high).sqrt();
            }
        }
        best.ok_or_else(|| {
            let problem = format!("{} bytes are too few for the last layer", self.max_bytes);
            CompileError::Option { option: "--max-bytes", problem }
        })
    }
}
