//! Convolution and the maximum over windows of its map; the map itself, which may be the largest tensor of
//! a network, is never stored.

use super::ring::Ring;
use super::{Input, Output, conv, winograd};
use crate::algorithm::Algorithm;
use crate::arena::words;
use crate::format::{ALIGN, Buffer, Conv, Step, Window};
use crate::kernels::Kernels;

/// Rows of the map that are made at a time: one, or those of a row of tiles.
fn band(algorithm: Algorithm) -> usize {
    algorithm.tile().unwrap_or(1)
}

/// Words that so many values take, a whole number of lines.
fn lines(values: usize) -> Option<usize> {
    values.checked_next_multiple_of(ALIGN / size_of::<f32>())
}

/// Words of scratch: rows of the map, offsets of a window's pixels, and what a band of the convolution takes.
pub(super) fn scratch_words(
    conv: &Conv,
    pool: &Window,
    step: &Step,
    input: &Buffer,
    algorithm: Algorithm,
    kernels: &Kernels,
) -> Option<usize> {
    let size = (input.height as usize, input.width as usize);
    let ring = Ring::new(&conv.window, pool, size, step.output.channels as usize, band(algorithm));
    let row = match winograd::of(algorithm, kernels) {
        Some(winograd) => winograd::scratch_words(conv, step.input.channels as usize, ring.band(), winograd)?,
        None => conv::scratch_words(conv, step, input, kernels)?,
    };
    lines(ring.values()?)?.checked_add(ring.offset_words(pool))?.checked_add(row)
}

/// Convolution and maximum into `output`.
pub(super) fn run(
    conv: &Conv,
    pool: &Window,
    input: Input<'_>,
    output: Output<'_>,
    packed: &[f32],
    scratch: &mut [f32],
    algorithm: Algorithm,
    kernels: &Kernels,
) {
    let channels = output.channels;
    let ring = Ring::new(&conv.window, pool, input.size(), channels, band(algorithm));
    let (_, width) = ring.band();
    let Some(kept) = ring.values().and_then(lines) else { return };
    let (kept, scratch) = scratch.split_at_mut(kept);
    let (offsets, scratch) = scratch.split_at_mut(ring.offset_words(pool));
    let memory = (kept, words(offsets));
    let reduce = |kept: &[f32], offsets: &[u32], out: &mut [f32]| kernels.max_pool.pixel(kept, offsets, out);
    if let Some(winograd) = winograd::of(algorithm, kernels) {
        let job = winograd::Job { conv, input, width, outputs: channels, packed, winograd };
        ring.run(pool, output, memory, |rows, out| job.rows(rows, scratch, out, channels, 0), reduce);
    } else {
        let job = conv::Job { conv, input, width, outputs: channels, packed, gemm: &kernels.gemm };
        ring.run(
            pool,
            output,
            memory,
            |rows, out| job.pixels(rows.start * width..rows.end * width, scratch, out, channels, 0),
            reduce,
        );
    }
}
