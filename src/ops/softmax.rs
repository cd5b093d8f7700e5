//! Softmax over the channels of each pixel, shifted by the maximum so that nothing overflows.

use super::{Input, Output};

pub(super) fn run(input: Input<'_>, output: &mut Output<'_>) {
    for (from, to) in input.pixels().zip(output.pixels()) {
        let max = from.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (value, out) in from.iter().zip(to.iter_mut()) {
            *out = libm::expf(value - max);
            sum += *out;
        }
        for out in to {
            *out /= sum;
        }
    }
}
