//! Convolution in integers and the maximum over windows of its map; the map itself, which may be the largest
//! tensor of a network, is never stored.

use super::qconv::{Done, Job, row_words};
use super::ring::Ring;
use super::{Input, Output};
use crate::arena::{bytes_mut, words};
use crate::format::{ALIGN, Buffer, QConv, Step, Window};
use crate::kernels::Kernels;
use crate::kernels::requantise::Sums;

/// Rows of the map that are made at a time.
const BAND: usize = 1;

/// Words that so many bytes take, a whole number of lines.
fn lines(bytes: usize) -> Option<usize> {
    Some(bytes.checked_next_multiple_of(ALIGN)? / size_of::<f32>())
}

/// Words of scratch: rows of the map, offsets of a window's pixels, and what one row of the convolution
/// takes.
pub(super) fn scratch_words(
    conv: &QConv,
    pool: &Window,
    step: &Step,
    input: &Buffer,
    kernels: &Kernels,
) -> Option<usize> {
    let size = (input.height as usize, input.width as usize);
    let ring = Ring::new(&conv.window, pool, size, step.output.channels as usize, BAND);
    let (_, width) = ring.band();
    let row = row_words(conv, step, width, kernels)?;
    lines(ring.values()?)?.checked_add(ring.offset_words(pool))?.checked_add(row)
}

/// Convolution and maximum into `output`.
pub(super) fn run(
    conv: &QConv,
    pool: &Window,
    input: Input<'_, u8>,
    output: Output<'_, u8>,
    packed: &[f32],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let channels = output.channels;
    let ring = Ring::new(&conv.window, pool, input.size(), channels, BAND);
    let (_, width) = ring.band();
    let Some(kept) = ring.values().and_then(lines) else { return };
    let (kept, scratch) = scratch.split_at_mut(kept);
    let (offsets, scratch) = scratch.split_at_mut(ring.offset_words(pool));
    let gemm = kernels.integers(conv);
    let job = Job { conv, input, width, outputs: channels, packed, gemm, winograd: None };
    ring.run(
        pool,
        output,
        (bytes_mut(kept), words(offsets)),
        |rows, out| {
            let first = rows.start * width;
            job.each_tile(first..rows.end * width, scratch, |tile| {
                let Done { sums, pitch, rows, factors, pixel, channel } = tile;
                let out = &mut out[(pixel - first) * channels + channel..];
                let (grid, stride) = (conv.output, channels);
                kernels.requantise.tile(Sums { sums, pitch, rows, factors, grid, out, stride });
            });
        },
        |kept, offsets, out| kernels.qmax_pool.pixel(kept, offsets, out),
    );
}
