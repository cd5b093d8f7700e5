//! Convolution in integers and the maximum over windows of its map, row by row: the map itself, which may be
//! the largest tensor of a network, is never stored. As many of its rows are kept as a window is high.

use super::max_pool::covered;
use super::qconv::{Done, Job, row_words};
use super::{Input, Output};
use crate::arena::{bytes_mut, words};
use crate::format::{ALIGN, Buffer, QConv, Step, Window};
use crate::kernels::Kernels;
use crate::kernels::requantise::Sums;

/// Rows of the map that are kept, and its width.
fn kept(conv: &QConv, pool: &Window, height: usize, width: usize) -> (usize, usize) {
    let (rows, columns) = conv.window.outputs(height as u32, width as u32);
    (usize::from(pool.kernel.0).min(rows as usize), columns as usize)
}

/// Words that the rows take, a whole number of lines.
fn ring_words(rows: usize, width: usize, channels: usize) -> Option<usize> {
    let bytes = rows.checked_mul(width)?.checked_mul(channels)?;
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
    let (rows, width) = kept(conv, pool, input.height as usize, input.width as usize);
    let ring = ring_words(rows, width, step.output.channels as usize)?;
    let row = row_words(conv, step, width, kernels)?;
    ring.checked_add(offset_words(pool, rows, width))?.checked_add(row)
}

/// Words of the offsets of a window's pixels, a whole number of lines. A checked model's map is small enough.
fn offset_words(pool: &Window, rows: usize, width: usize) -> usize {
    let columns = usize::from(pool.kernel.1).min(width);
    (rows * columns).next_multiple_of(ALIGN / size_of::<f32>())
}

/// Convolution and maximum into `output`.
pub(super) fn run(
    conv: &QConv,
    pool: &Window,
    input: Input<'_, u8>,
    mut output: Output<'_, u8>,
    packed: &[f32],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let (rows, width) = kept(conv, pool, input.height, input.width);
    let height = conv.window.outputs(input.height as u32, input.width as u32).0 as usize;
    let channels = output.channels;
    let Some(ring) = ring_words(rows, width, channels) else { return };
    let (ring, scratch) = scratch.split_at_mut(ring);
    let (offsets, scratch) = scratch.split_at_mut(offset_words(pool, rows, width));
    let (ring, offsets) = (bytes_mut(ring), words(offsets));
    let line = width * channels;
    let job =
        Job { conv, input, width, outputs: channels, packed, gemm: kernels.integers(conv), winograd: None };
    let mut next = 0;
    for ((row, column), out) in output.places() {
        let (wanted, columns) = covered(pool, (height, width), row, column);
        // Rows that no window covers are left out.
        next = wanted.start.max(next);
        while next < wanted.end {
            let (first, slot) = (next * width, &mut ring[next % rows * line..]);
            job.each_tile(first..first + width, scratch, |tile| {
                let Done { sums, pitch, rows, factors, pixel, channel } = tile;
                let out = &mut slot[(pixel - first) * channels + channel..];
                let (grid, stride) = (conv.output, channels);
                kernels.requantise.tile(Sums { sums, pitch, rows, factors, grid, out, stride });
            });
            next += 1;
        }
        let mut count = 0;
        for row in wanted {
            for column in columns.clone() {
                offsets[count] = (row % rows * line + column * channels) as u32;
                count += 1;
            }
        }
        kernels.qmax_pool.pixel(ring, &offsets[..count], out);
    }
}
