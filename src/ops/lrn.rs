//! Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3), as ONNX defines it.

use super::{Input, Output};
use crate::format::Lrn;

pub(super) fn run(lrn: &Lrn, input: Input<'_>, output: &mut Output<'_>) {
    let size = lrn.size as usize;
    let scale = lrn.alpha / lrn.size as f32;
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (channel, (value, out)) in from.iter().zip(to).enumerate() {
            let start = channel.saturating_sub((size - 1) / 2);
            let end = (channel + size / 2 + 1).min(from.len());
            let squares: f32 = from[start..end].iter().map(|value| value * value).sum();
            *out = value * power(lrn.bias + scale * squares, lrn.beta);
        }
    }
}

/// `base^−beta`. Nearly every network has 3/4, for which two square roots do.
fn power(base: f32, beta: f32) -> f32 {
    if beta == 0.75 {
        let root = libm::sqrtf(base);
        1.0 / (root * libm::sqrtf(root))
    } else {
        libm::powf(base, -beta)
    }
}
