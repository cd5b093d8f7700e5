//! Steps for a budget: equal slopes of error over bits.

use super::network::depth;
use super::sensitivity::{TRIAL, Trial};
use super::x;
use crate::graph::Conv;

/// Steps of a layer against those of the others, at least and at most.
const BOUNDS: (f64, f64) = (0.3, 1.6);
/// No integer leaves this.
const LARGEST: f64 = 120.0;
/// Bits of a weight are not expected to fall below this.
const FEWEST: f64 = 0.2;

/// Sizes of a row of weights.
pub(crate) struct Row {
    /// Root of the mean square, of the layer's rows and this one's.
    rms: f64,
    largest: f64,
}

impl Row {
    /// The step that is this share of the row's size.
    pub fn step(&self, share: f64) -> f64 {
        (self.rms * share).max(self.largest / LARGEST).max(f64::from(f32::MIN_POSITIVE))
    }
}

/// Sizes of a layer's rows.
pub(crate) struct Sizes {
    pub rows: Vec<Row>,
    pub weights: usize,
}

impl Sizes {
    pub fn new(conv: &Conv) -> Self {
        let square = |row: &[f32]| {
            row.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / row.len().max(1) as f64
        };
        let whole = square(&conv.weight).sqrt();
        let alpha = x("ALPHA", 1.0);
        let row = |row: &[f32]| Row {
            rms: whole.powf(1.0 - alpha) * square(row).sqrt().max(1e-30).powf(alpha),
            largest: row.iter().fold(0f64, |most, &w| most.max(f64::from(w.abs()))),
        };
        Self {
            rows: conv.weight.chunks_exact(depth(conv).max(1)).map(row).collect(),
            weights: conv.weight.len(),
        }
    }
}

/// For each trial's layer, its step against the others': so that each bit more would save as much error.
pub(crate) fn relative(trials: &[Trial]) -> Vec<f64> {
    let slope = |trial: &Trial| (trial.sizes.weights as f64 / trial.error.max(1e-30)).sqrt();
    // With a weight's mean at 1.
    let (mut sum, mut weights) = (0.0, 0.0);
    for trial in trials {
        sum += slope(trial).ln() * trial.sizes.weights as f64;
        weights += trial.sizes.weights as f64;
    }
    let mean = (sum / weights.max(1.0)).exp();
    trials.iter().map(|trial| (slope(trial) / mean).clamp(BOUNDS.0, BOUNDS.1)).collect()
}

/// Bits of a layer with steps of `share`, from what its trial took: a bit a weight for each halving.
pub(crate) fn estimate(trial: &Trial, share: f64) -> f64 {
    let weights = trial.sizes.weights as f64;
    (trial.bits - weights * (share / TRIAL).log2()).max(weights * FEWEST)
}

/// The common share with which layers, each with its relative step, take these bits.
pub(crate) fn share(layers: &[(&Trial, f64)], bits: f64) -> f64 {
    let total = |share: f64| layers.iter().map(|(trial, relative)| estimate(trial, share * relative)).sum::<f64>();
    let (mut low, mut high) = (1e-3f64, 8.0f64);
    for _ in 0..50 {
        let middle = (low * high).sqrt();
        if total(middle) > bits { low = middle } else { high = middle }
    }
    high
}
