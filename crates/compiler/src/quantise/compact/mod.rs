//! Weights of few bits: an int8 model whose integers come from few levels, so that they take less when coded.
mod gram;
mod layer;
mod linear;
mod network;
mod rate;
mod segment;
mod sensitivity;
mod steps;
mod trellis;

use super::calibrate::{Calibration, divergence};
use super::plan;
use super::ranges::Ranges;
use super::{equalise, weights};
use crate::compile::{Compiled, Source, finish, read, stem};
use crate::error::CompileError;
use crate::graph::Op;
use crate::options::Options;
use crate::passes;
use layer::Problem;
use network::{Flow, Network, conv};
use std::path::Path;
use wisp::format::coded::Trellis;

pub(crate) fn x(name: &str, default: f64) -> f64 {
    std::env::var(format!("X_{name}")).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Pictures on which layers are tried.
const TRIED: usize = 48;

/// Compresses.
pub fn compress(
    path: impl AsRef<Path>,
    options: &Options,
    calibration: &Calibration,
    ranges: &Ranges,
    max_bytes: u64,
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
    let threads = x("THREADS", 2.0) as usize;
    let mut network = Network { original: graph, quantised, plan, grids, description, threads };
    let trellis = Trellis::with_states(x("STATES", 8.0) as usize).unwrap_or_default();
    let clock = std::time::Instant::now();

    let inputs = &calibration.inputs;
    let tried: Vec<Vec<f32>> =
        (0..inputs.len().min(TRIED)).map(|at| inputs[at * inputs.len() / inputs.len().min(TRIED)].clone()).collect();
    let trials = sensitivity::trials(&network, &tried, trellis, &mut |_| {})?;
    let relative = steps::relative(&trials);
    eprintln!("{:.1} s trials", clock.elapsed().as_secs_f64());
    for (trial, relative) in trials.iter().zip(&relative) {
        eprintln!(
            "{} error {:.4} bits {:.3} relative {:.3}",
            network.original.nodes[trial.node].name,
            trial.error,
            trial.bits / trial.sizes.weights as f64,
            relative
        );
    }
    let mut left = 8.0 * (max_bytes as f64 - x("OVERHEAD", 20000.0));
    let mut flow = Flow::new(&network, inputs);
    let mut done = 0;
    let mut total = 0.0;
    for group in network.groups() {
        let grams = flow.grams(&network, &group, true)?;
        for (&node, gram) in group.nodes.iter().zip(&grams) {
            let rest: Vec<_> = trials[done..].iter().zip(relative[done..].iter().copied()).collect();
            let Some(original) = conv(&network.original.nodes[node].op).cloned() else { continue };
            let problem = Problem::new(&original, gram);
            let share = steps::share(&rest, left);
            let mut correction = 1.0;
            let last = rest.len() == 1;
            let mut rounded;
            loop {
                let steps: Vec<f64> = trials[done]
                    .sizes
                    .rows
                    .iter()
                    .map(|row| row.step(share * correction * relative[done]))
                    .collect();
                rounded = layer::round(&problem, &steps, trellis, threads);
                let bits = rounded.bits(&original, trellis);
                if last && (bits > left || bits < left * 0.996) {
                    correction *= ((bits - left * 0.998) / original.weight.len() as f64).exp2();
                    continue;
                }
                break;
            }
            let bits = rounded.bits(&original, trellis);
            left -= bits;
            total += bits;
            eprintln!(
                "{:.1} s {} share {share:.3} step {:.3} bits {:.3}",
                clock.elapsed().as_secs_f64(),
                network.original.nodes[node].name,
                share * relative[done] * correction,
                bits / original.weight.len() as f64
            );
            if let Op::Conv(to) | Op::ConvGlobalAverage(to) = &mut network.quantised.nodes[node].op {
                rounded.put(to, &original);
            }
            done += 1;
        }
    }
    let output = sensitivity::logits(&network.original);
    let found = flow.outputs(&network, output, 100)?;
    let mut whole = segment::Segment::new(&network.original, network.original.input, output, &network.description)?;
    let mut kl = 0.0;
    for (input, found) in inputs.iter().zip(&found) {
        kl += divergence(&whole.run(input)?, found);
    }
    eprintln!("weights: {:.0} bytes, KL {:.4}", total / 8.0, kl / found.len() as f64);
    let graph = network.inserted();
    finish(graph, &source)
}
