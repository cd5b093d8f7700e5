//! Runs pictures through the floating-point model, chooses the ranges, and measures what they cost.

use super::equalise;
use super::histogram::{Extent, Histogram, Method};
use super::narrow;
use super::plan::{self, Plan};
use super::ranges::{Range, Ranges};
use super::tap::Tap;
use crate::compile::{read, stem};
use crate::error::CompileError;
use crate::graph::{Graph, Quant, TensorId};
use crate::import::{self, Description};
use crate::options::Options;
use crate::passes;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Pictures over which `auto` compares methods and the signal through noise is measured.
const COMPARED: usize = 128;
/// A method has to be better by this share to take the place of another: less is chance.
const BETTER: f64 = 0.02;

/// What to calibrate on, and how.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Input tensors, rows of pixels of channels: a hundred or more, such as the model will see.
    pub inputs: Vec<Vec<f32>>,
    /// How ranges are chosen.
    pub method: Method,
    /// Whether to equalise the channels of tensors by the weights around them first. It diverges more on
    /// SqueezeNet, whose weights have scales for each output channel; networks differ.
    pub equalise: bool,
    /// Nodes that are to stay in floating point.
    pub keep_f32: Vec<String>,
}

/// How far a calibration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: &'static str,
    /// How much of it is done.
    pub done: usize,
    /// How much there is.
    pub total: usize,
}

/// Finds the ranges of an ONNX file's tensors. The same pictures in the same order give the same ranges on
/// machines of one instruction set; to have them elsewhere, keep the file of [`Ranges::to_json`].
///
/// # Errors
/// As [`compile`](crate::compile()), and [`CompileError::Option`] without pictures or with some of another size.
pub fn calibrate(
    path: impl AsRef<Path>,
    options: &Options,
    calibration: &Calibration,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ranges, CompileError> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let imported = import::import(bytes, &stem(path), options)?;
    let (mut graph, description) = (imported.graph, imported.description);
    passes::prepare(&mut graph);
    check_inputs(&graph, &calibration.inputs)?;
    Run::new(graph, description, calibration).ranges(&digest, progress)
}

/// Refuses pictures that are none, or not of the model's size.
pub(crate) fn check_inputs(graph: &Graph, inputs: &[Vec<f32>]) -> Result<(), CompileError> {
    let values = graph.tensors[graph.input].shape.values();
    let fail = |problem: String| Err(CompileError::Option { option: "--calibrate", problem });
    if inputs.is_empty() {
        return fail("there are no pictures".into());
    }
    match inputs.iter().find(|input| input.len() != values) {
        Some(input) => fail(format!("an input has {} values, the model takes {values}", input.len())),
        None => Ok(()),
    }
}

struct Run<'a> {
    /// With its weights equalised, if they are to be.
    graph: Graph,
    original: Graph,
    plan: Plan,
    description: Description,
    calibration: &'a Calibration,
}

impl<'a> Run<'a> {
    fn new(original: Graph, description: Description, calibration: &'a Calibration) -> Self {
        let mut graph = original.clone();
        if calibration.equalise {
            equalise::run(&mut graph);
        }
        let plan = plan::plan(&graph, &calibration.keep_f32);
        Self { graph, original, plan, description, calibration }
    }

    fn ranges(&self, digest: &str, progress: &mut dyn FnMut(Progress)) -> Result<Ranges, CompileError> {
        let inputs = &self.calibration.inputs;
        let groups = self.plan.groups();
        let mut original = Tap::new(self.graph.clone(), &self.description)?;
        let mut extents: Vec<Extent> =
            self.graph.tensors.iter().map(|tensor| Extent::new(tensor.shape.c)).collect();
        let tensors: Vec<TensorId> = groups.iter().flatten().copied().collect();
        for (done, input) in inputs.iter().enumerate() {
            progress(Progress { stage: "extremes", done, total: inputs.len() });
            original.run(input)?;
            for &tensor in &tensors {
                extents[tensor].add(&original.numbers(tensor).unwrap_or_default());
            }
        }
        // Tensors of one grid are looked at together.
        let mut histograms: Vec<Histogram> = groups
            .iter()
            .map(|group| {
                let lo = group.iter().map(|&tensor| extents[tensor].lo).fold(0.0, f32::min);
                let hi = group.iter().map(|&tensor| extents[tensor].hi).fold(0.0, f32::max);
                Histogram::new(lo, hi)
            })
            .collect();
        let mut logits = Vec::with_capacity(COMPARED);
        for (done, input) in inputs.iter().enumerate() {
            progress(Progress { stage: "histograms", done, total: inputs.len() });
            let output = original.run(input)?;
            if logits.len() < COMPARED {
                logits.push(output);
            }
            for (group, histogram) in groups.iter().zip(&mut histograms) {
                for &tensor in group {
                    histogram.add(&original.numbers(tensor).unwrap_or_default());
                }
            }
        }
        let method = self.calibration.method;
        let first = if method == Method::Auto { Method::Mse } else { method };
        let mut chosen: Vec<Method> = vec![first; groups.len()];
        let assemble = |chosen: &[Method]| {
            let mut ranges = Vec::with_capacity(tensors.len());
            for ((group, histogram), method) in groups.iter().zip(&histograms).zip(chosen) {
                let (lo, hi) = histogram.range(*method);
                ranges.extend(group.iter().map(|&tensor| Range {
                    tensor: self.graph.tensors[tensor].name.clone(),
                    lo,
                    hi,
                    method: method.name().into(),
                    mean: extents[tensor].mean(),
                    snr: None,
                }));
            }
            let mut ranges = Ranges::new(&self.description.name, digest.into(), inputs.len(), ranges);
            ranges.equalised = self.calibration.equalise;
            ranges
        };
        let mut ranges = assemble(&chosen);
        ranges.mean_kl = self.divergence(&ranges, &logits)?;
        if method == Method::Auto {
            let total = groups.len() * (Method::PLAIN.len() - 1);
            let mut done = 0;
            for group in 0..groups.len() {
                for candidate in Method::PLAIN {
                    if candidate == first {
                        continue;
                    }
                    progress(Progress { stage: "methods", done, total });
                    done += 1;
                    let mut trial = chosen.clone();
                    trial[group] = candidate;
                    if histograms[group].range(candidate) == histograms[group].range(chosen[group]) {
                        continue;
                    }
                    let mut candidate = assemble(&trial);
                    candidate.mean_kl = self.divergence(&candidate, &logits)?;
                    if candidate.mean_kl < ranges.mean_kl * (1.0 - BETTER) {
                        (ranges, chosen) = (candidate, trial);
                    }
                }
            }
        }
        self.narrow(&mut ranges, &logits, progress)?;
        self.measure(&mut ranges, &mut original)?;
        Ok(ranges)
    }

    fn quantised(&self, ranges: &Ranges) -> Result<(Graph, usize), CompileError> {
        let mut graph = self.original.clone();
        let tensors = graph.tensors.len();
        super::run(&mut graph, ranges, &self.calibration.keep_f32)?;
        Ok((graph, tensors))
    }

    /// Mean divergence of the quantised model's output from the original's.
    fn divergence(&self, ranges: &Ranges, logits: &[Vec<f32>]) -> Result<f64, CompileError> {
        let mut tap = Tap::new(self.quantised(ranges)?.0, &self.description)?;
        let mut sum = 0.0;
        for (input, reference) in self.calibration.inputs.iter().zip(logits) {
            sum += divergence(reference, &tap.run(input)?);
        }
        Ok(sum / logits.len().max(1) as f64)
    }

    /// Lets as many layers as the output does not notice have narrow weights.
    fn narrow(
        &self,
        ranges: &mut Ranges,
        logits: &[Vec<f32>],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), CompileError> {
        let candidates = narrow::candidates(&self.graph, &self.plan);
        let total = candidates.len() + 1;
        let mut done = 0;
        let divergence = |layers: &[String]| {
            progress(Progress { stage: "narrow weights", done: done.min(total), total });
            done += 1;
            let mut trial = ranges.clone();
            trial.narrow = layers.to_vec();
            self.divergence(&trial, logits)
        };
        let (layers, mean_kl) = narrow::choose(&candidates, ranges.mean_kl, divergence)?;
        (ranges.narrow, ranges.mean_kl) = (layers, mean_kl);
        Ok(())
    }

    /// Fills in the signal through noise of each tensor.
    fn measure(&self, ranges: &mut Ranges, original: &mut Tap) -> Result<(), CompileError> {
        let (graph, before) = self.quantised(ranges)?;
        let grids = self.plan.grids(&self.graph, ranges)?;
        // Each range with its tensor, the byte tensor that was added for it, and its grid.
        let find = |graph: &Graph, from: usize, name: &str| {
            let added = graph.tensors.iter().skip(from).position(|tensor| tensor.name == name)?;
            Some(from + added)
        };
        let watched: Vec<(usize, TensorId, TensorId, Quant)> = ranges
            .tensors
            .iter()
            .enumerate()
            .filter_map(|(at, range)| {
                let tensor = find(&self.graph, 0, &range.tensor)?;
                let byte = find(&graph, before, &format!("{}/u8", range.tensor))?;
                Some((at, tensor, byte, grids[tensor]?))
            })
            .collect();
        let mut tap = Tap::new(graph, &self.description)?;
        let mut energy = vec![(0f64, 0f64); ranges.tensors.len()];
        for input in self.calibration.inputs.iter().take(COMPARED) {
            original.run(input)?;
            tap.run(input)?;
            for &(at, tensor, byte, quant) in &watched {
                let (Some(real), Some(found)) = (original.numbers(tensor), tap.numbers(byte)) else {
                    continue;
                };
                for (real, found) in real.iter().zip(found) {
                    let found = f64::from((found - f32::from(quant.zero)) * quant.scale);
                    energy[at].0 += f64::from(*real).powi(2);
                    energy[at].1 += (f64::from(*real) - found).powi(2);
                }
            }
        }
        for (range, (signal, noise)) in ranges.tensors.iter_mut().zip(energy) {
            range.snr = (signal > 0.0).then(|| (10.0 * (signal / noise.max(1e-30)).log10()) as f32);
        }
        Ok(())
    }
}

/// KL divergence of `found` from `reference`, both logits, in nats.
pub(crate) fn divergence(reference: &[f32], found: &[f32]) -> f64 {
    let log_shares = |logits: &[f32]| -> Vec<f64> {
        let most = logits.iter().fold(f32::NEG_INFINITY, |most, &logit| most.max(logit));
        let all: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
        logits.iter().map(|logit| f64::from(logit - most) - all.ln()).collect()
    };
    let (reference, found) = (log_shares(reference), log_shares(found));
    reference.iter().zip(&found).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[cfg(test)]
mod tests {
    use super::divergence;

    #[test]
    fn divergence_is_that_of_shares() {
        assert!(divergence(&[1.0, 2.0, 3.0], &[101.0, 102.0, 103.0]).abs() < 1e-12);
        // ½ ln(½ / ¾) + ½ ln(½ / ¼) = ½ ln(4/3)
        let found = divergence(&[0.0, 0.0], &[3f32.ln(), 0.0]);
        assert!((found - 0.5 * (4f64 / 3.0).ln()).abs() < 1e-7);
    }
}
