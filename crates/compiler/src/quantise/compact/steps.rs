//! Steps for a budget: for all layers the same slope of error over bits.

use super::network::depth;
use crate::graph::Conv;

/// Step with which each layer is tried, as a share of its row's root mean square: about three bits a weight.
pub(crate) const TRIED: f64 = 0.3;
/// The coarsest step that is taken, and the second that is tried.
pub(crate) const COARSEST: f64 = 1.2;
/// Steps of a layer against those of the others, at least and at most.
const BOUNDS: (f64, f64) = (0.2, 2.2);
/// No integer is to be larger: a trellis may want to go a little beyond.
const LARGEST: f64 = 120.0;

/// What trials of a layer found out.
#[derive(Debug)]
pub(crate) struct Trial {
    /// The layer's node.
    pub node: usize,
    /// Number of weights.
    pub weights: usize,
    /// Square error of the network's output with this layer alone rounded, at [`TRIED`].
    pub error: f64,
    /// Bits of the coded weights at [`TRIED`] and at [`COARSEST`].
    pub bits: [f64; 2],
}

impl Trial {
    /// Bits that the layer takes with steps of `share`: on a line through the trials, and a bit a weight for
    /// each halving of finer steps.
    fn bits(&self, share: f64) -> f64 {
        let [fine, coarse] = self.bits;
        let halvings = (TRIED / share).log2();
        if halvings >= 0.0 {
            fine + halvings * self.weights as f64
        } else {
            fine + halvings / (COARSEST / TRIED).log2() * (fine - coarse)
        }
    }
}

/// The steps of a layer's rows: a share of their root mean squares.
pub(crate) fn of_rows(conv: &Conv, share: f64) -> Vec<f64> {
    let rows = conv.weight.chunks_exact(depth(conv).max(1));
    rows.map(|row| {
        let square = row.iter().map(|&weight| f64::from(weight).powi(2)).sum::<f64>() / row.len() as f64;
        let largest = row.iter().fold(0f64, |most, &weight| most.max(f64::from(weight.abs())));
        (square.sqrt() * share).max(largest / LARGEST).max(1e-30)
    })
    .collect()
}

/// For each layer, its step against the others': such that a bit more would save as much error in any.
pub(crate) fn relative(trials: &[Trial]) -> Vec<f64> {
    // At high rates the error of a layer goes with the square of its step, and a bit a weight halves that.
    let wanted = |trial: &Trial| (trial.weights as f64 / trial.error.max(1e-30)).sqrt();
    let (mut sum, mut weights) = (0.0, 0.0);
    for trial in trials {
        sum += wanted(trial).ln() * trial.weights as f64;
        weights += trial.weights as f64;
    }
    let mean = (sum / weights.max(1.0)).exp();
    trials.iter().map(|trial| (wanted(trial) / mean).clamp(BOUNDS.0, BOUNDS.1)).collect()
}

/// The share that makes layers, each with its relative step, take these bits together.
pub(crate) fn share(trials: &[Trial], relative: &[f64], bits: f64) -> f64 {
    let total = |share: f64| -> f64 {
        let layers = trials.iter().zip(relative);
        layers.map(|(trial, relative)| trial.bits((share * relative).min(COARSEST))).sum()
    };
    let (mut low, mut high) = (1e-3f64, COARSEST / BOUNDS.0);
    for _ in 0..50 {
        let middle = (low * high).sqrt();
        if total(middle) > bits { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(weights: usize, error: f64) -> Trial {
        Trial { node: 0, weights, error, bits: [3.0 * weights as f64, weights as f64] }
    }

    #[test]
    fn what_the_output_minds_gets_finer_steps() {
        let found = relative(&[trial(1000, 1.0), trial(1000, 4.0), trial(1000, 1e-9)]);
        assert!((found[0] / found[1] - 2.0).abs() < 1e-9 || found[1] == BOUNDS.0, "{found:?}");
        assert_eq!(found[2], BOUNDS.1);
        // As much error for more weights asks for coarser ones.
        let found = relative(&[trial(1000, 1.0), trial(4000, 1.0)]);
        assert!((found[1] / found[0] - 2.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn bits_are_met() {
        let trials = [trial(1000, 1.0), trial(500, 1.0)];
        for bits in [6000.0, 4500.0, 3000.0, 1600.0] {
            let found = share(&trials, &[1.0, 1.0], bits);
            let total: f64 = trials.iter().map(|trial| trial.bits(found)).sum();
            assert!((total - bits).abs() < 1.0, "{bits} {total}");
        }
    }
}
