//! `wisp bench --profile`: where the time goes, step by step, beside what this CPU can do at best.

use super::inspect;
use crate::output::{self, rounded};
use crate::statistics::Summary;
use anyhow::{Context, Result};
use serde::Serialize;
use std::time::Instant;
use wisp::format::Element;
use wisp::{Engine, Isa};

/// Runs unless told.
const RUNS: usize = 50;

/// A step's time. The rate counts the multiply-adds of the direct product; an algorithm that needs fewer may
/// be above the peak.
#[derive(Serialize)]
struct StepTime {
    step: String,
    kernel: &'static str,
    ms: f64,
    share: f64,
    gmacs_per_second: Option<f64>,
    /// Of the measured peak of as many threads, for the type of the step's input.
    peak_share: Option<f64>,
}

/// What this CPU does in one thread where nothing but multiply-adds happens, in GMAC/s.
struct Peaks {
    f32: f64,
    u8: f64,
}

impl Peaks {
    fn measure(isa: Isa) -> Result<Self> {
        Ok(Self { f32: peak(isa, Element::F32)?, u8: peak(isa, Element::U8)? })
    }

    fn of(&self, precision: &str) -> f64 {
        if precision == Element::U8.name() { self.u8 } else { self.f32 }
    }
}

/// The best of some short measurements: what the machine can do, not what others left of it.
fn peak(isa: Isa, element: Element) -> Result<f64> {
    const TRIES: usize = 20;
    const MILLISECOND: f64 = 1e-3;
    let mut rounds = 1u32;
    let mut best = 0.0f64;
    let mut left = TRIES;
    while left > 0 {
        let start = Instant::now();
        let macs = isa.multiply_adds(element, rounds).context("this CPU lacks the instruction set")?;
        let seconds = start.elapsed().as_secs_f64();
        if seconds < MILLISECOND && rounds < u32::MAX / 2 {
            rounds *= 2;
        } else {
            best = best.max(macs as f64 / seconds / 1e9);
            left -= 1;
        }
    }
    Ok(best)
}

/// Prints the median time of each step over so many runs.
pub fn run(engine: &mut Engine, runs: Option<usize>, json: bool) -> Result<()> {
    let peaks = Peaks::measure(engine.isa())?;
    let medians = step_times(engine, runs.unwrap_or(RUNS))?;
    let total: f64 = medians.iter().sum();
    let layers = inspect::layers(&engine.model(), &engine.requirements());
    if !json {
        output::line(format_args!(
            "  peak of a thread: {:.1} GMAC/s in f32, {:.1} in int8 ({})",
            peaks.f32,
            peaks.u8,
            engine.isa()
        ))?;
    }
    for (layer, &ms) in layers.iter().zip(&medians) {
        let rate = (layer.macs > 0 && ms > 0.0).then(|| layer.macs as f64 / ms / 1e6);
        let row = StepTime {
            step: layer.name.clone(),
            kernel: layer.algorithm,
            ms: rounded(ms),
            share: share(ms / total),
            gmacs_per_second: rate.map(|rate| (rate * 100.0).round() / 100.0),
            peak_share: rate.map(|rate| share(rate / peaks.of(layer.precision) / engine.threads() as f64)),
        };
        if json { output::json(&row)? } else { print(&row)? }
    }
    Ok(())
}

fn step_times(engine: &mut Engine, runs: usize) -> Result<Vec<f64>> {
    let input = vec![0.5; engine.model().input().values().unwrap_or(0) as usize];
    let mut times = vec![Vec::with_capacity(runs); engine.model().steps().len()];
    for _ in 0..runs {
        let mut last = Instant::now();
        engine.run_with(&input, |step| {
            let now = Instant::now();
            times[step].push((now - last).as_secs_f64() * 1000.0);
            last = now;
        })?;
    }
    Ok(times.iter_mut().map(|times| Summary::of(times).map_or(0.0, |summary| summary.p50)).collect())
}

fn share(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn print(row: &StepTime) -> Result<()> {
    let rate = match (row.gmacs_per_second, row.peak_share) {
        (Some(rate), Some(share)) => format!("{rate:6.1} GMAC/s {:4.0} % of peak", share * 100.0),
        _ => String::new(),
    };
    let StepTime { step, kernel, ms, .. } = row;
    output::line(format_args!("  {step:28} {kernel:28} {ms:8.3} ms {:5.1} % {rate}", row.share * 100.0))
}
