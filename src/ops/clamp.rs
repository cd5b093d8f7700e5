//! A copy with bounds: an activation whose producer could not take it in, or none.

use super::{Input, Output};
use crate::format::Clamp;

pub(super) fn run(bounds: Clamp, input: Input<'_>, output: &mut Output<'_>) {
    for (from, to) in input.pixels().zip(output.pixels()) {
        for (value, out) in from.iter().zip(to) {
            *out = bounds.apply(*value);
        }
    }
}
