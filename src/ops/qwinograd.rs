//! Convolution of 3×3 windows in integers by way of transformed tiles: a block of tiles is transformed once,
//! then every panel of weights passes over it.

use super::Input;
use super::qconv::{Done, Job};
use super::rows::Rows;
use crate::Algorithm;
use crate::arena::{bytes_mut, integers, integers_mut, shorts, shorts_mut};
use crate::format::coded::CodedError;
use crate::format::{ALIGN, QConv, Step};
use crate::kernels::Kernels;
use crate::kernels::qwinograd::{BLOCK, COLUMNS, Outputs, Patches, Products, QWinograd, TILES, WINDOW};
use core::ops::Range;

/// Bytes of transformed patches that a block aims at: they should stay in the second cache while the
/// panels pass.
const BLOCK_BYTES: usize = 48 << 10;
const FLOATS_A_LINE: usize = ALIGN / size_of::<f32>();
/// Values that keep the positions of a patch from falling into the same lines of a cache.
const SHIFT: usize = ALIGN / size_of::<i16>();

/// Whether an algorithm's tiles give what the direct kernels give, for every input and weight.
pub(super) fn suits(conv: &QConv, input_channels: usize, algorithm: Algorithm, kernels: &Kernels) -> bool {
    let (window, side) = (&conv.window, WINDOW as u16);
    window.kernel == (side, side)
        && window.stride == (1, 1)
        && conv.groups == 1
        && conv.pool.is_none()
        && of(algorithm, kernels).is_some_and(|winograd| winograd.is_exact(input_channels))
}

/// The kernels of an algorithm, where it has tiles.
pub(super) fn of(algorithm: Algorithm, kernels: &Kernels) -> Option<&QWinograd> {
    match algorithm {
        Algorithm::Direct => None,
        Algorithm::Winograd2 => Some(&kernels.qwinograd2),
        Algorithm::Winograd4 => Some(&kernels.qwinograd4),
    }
}

/// Floats of one packed panel: biases, factors, transformed weights; a multiple of 64 bytes.
fn panel_floats(winograd: &QWinograd, channels: usize) -> Option<usize> {
    let weights = winograd.panel_values(channels)?.div_ceil(size_of::<f32>() / size_of::<i16>());
    weights.checked_add(2 * COLUMNS)?.checked_next_multiple_of(FLOATS_A_LINE)
}

/// Floats that the prepared weights of a step take: a block of [`panel_floats`] for each panel.
pub(super) fn prepared_floats(winograd: &QWinograd, step: &Step) -> Option<usize> {
    let panels = (step.output.channels as usize).div_ceil(COLUMNS);
    panel_floats(winograd, step.input.channels as usize)?.checked_mul(panels)
}

/// Transforms and packs weights, an output's in a row, with `bias(output)` and `factor(output)`.
pub(super) fn prepare(
    winograd: &QWinograd,
    step: &Step,
    rows: &mut Rows<'_, '_>,
    bias: impl Fn(usize) -> i32,
    factor: impl Fn(usize) -> f32,
    packed: &mut [f32],
) -> Result<(), CodedError> {
    let (channels, outputs) = (step.input.channels as usize, step.output.channels as usize);
    let Some(floats) = panel_floats(winograd, channels) else { return Ok(()) };
    let values = winograd.panel_values(channels).unwrap_or(0);
    for (index, panel) in packed.chunks_exact_mut(floats).enumerate() {
        let first = index * COLUMNS;
        let columns = COLUMNS.min(outputs.saturating_sub(first));
        panel.fill(0.0);
        let (head, panel) = panel.split_at_mut(2 * COLUMNS);
        let (biases, factors) = head.split_at_mut(COLUMNS);
        let panel = &mut shorts_mut(panel)[..values];
        for (column, (to, scale)) in integers_mut(biases).iter_mut().zip(factors).take(columns).enumerate() {
            (*to, *scale) = (bias(first + column), factor(first + column));
            winograd.pack_column(channels, column, rows.next()?, panel);
        }
    }
    Ok(())
}

/// How a step's scratch memory is used: a row of patches, transformed patches, products and sums, each
/// beginning at a multiple of 64 bytes.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Channels of a patch.
    channels: usize,
    /// Tiles side by side.
    across: usize,
    /// Most rows of tiles in a block.
    down: usize,
    /// Pixels of a line of patches.
    pixels: usize,
    /// Floats of a row of patches.
    lines: usize,
    /// Floats of transformed patches.
    left: usize,
    /// Floats of products.
    products: usize,
    /// Floats of the sums of a block.
    sums: usize,
}

impl Plan {
    /// For so many lines of the output at a time.
    fn new(winograd: &QWinograd, input_channels: usize, lines: usize, width: usize) -> Option<Self> {
        let transform = winograd.transform;
        let channels = input_channels.checked_next_multiple_of(BLOCK)?;
        let across = width.div_ceil(transform.size);
        let row = transform.positions().checked_mul(across)?.checked_mul(channels)?;
        let down =
            (BLOCK_BYTES / size_of::<i16>() / row.max(1)).clamp(1, lines.div_ceil(transform.size).max(1));
        let pixels = across.checked_mul(transform.size)?.checked_add(WINDOW - 1)?;
        let floats = |bytes: usize| Some(bytes.checked_next_multiple_of(ALIGN)? / size_of::<f32>());
        let left = row.checked_mul(down)?.checked_add(SHIFT * transform.positions())?;
        let sums = across.checked_mul(down)?.checked_mul(transform.size * transform.size * COLUMNS)?;
        Some(Self {
            channels,
            across,
            down,
            pixels,
            lines: floats(pixels.checked_mul(channels)?.checked_mul(transform.patch())?)?,
            left: floats(left.checked_mul(size_of::<i16>())?)?,
            products: transform.positions() * TILES * COLUMNS,
            sums,
        })
    }
}

/// Words of scratch, for so many lines of the output at a time.
pub(super) fn scratch_words(
    winograd: &QWinograd,
    channels: usize,
    lines: usize,
    width: usize,
) -> Option<usize> {
    let plan = Plan::new(winograd, channels, lines, width)?;
    plan.lines.checked_add(plan.left)?.checked_add(plan.products)?.checked_add(plan.sums)
}

/// Computes the pixels in `range` of the map and gives them line by line, a panel at a time.
pub(super) fn each_line(
    winograd: &QWinograd,
    job: &Job<'_>,
    range: Range<usize>,
    scratch: &mut [f32],
    mut store: impl FnMut(Done<'_>),
) {
    let Job { conv, input, width, outputs, packed, .. } = *job;
    let size = winograd.transform.size;
    let wanted = range.start / width.max(1)..range.end.div_ceil(width.max(1));
    let Some(plan) = Plan::new(winograd, input.channels, wanted.len(), width) else { return };
    let (Some(floats), Some(depth)) =
        (panel_floats(winograd, input.channels), winograd.padded(input.channels))
    else {
        return;
    };
    let (lines, scratch) = scratch.split_at_mut(plan.lines);
    let (left, scratch) = scratch.split_at_mut(plan.left);
    let (products, sums) = scratch.split_at_mut(plan.products);
    let (lines, left) = (bytes_mut(lines), shorts_mut(left));
    let (products, sums) = (integers_mut(products), integers_mut(&mut sums[..plan.sums]));
    let pitch = plan.across * size * COLUMNS;

    for first in wanted.clone().step_by(plan.down * size) {
        let rows = (wanted.end - first).div_ceil(size).min(plan.down);
        let tiles = rows * plan.across;
        let step = tiles * plan.channels + SHIFT;
        for row in 0..rows {
            let line = plan.pixels * plan.channels;
            fill(lines, line, plan.channels, first + row * size, conv, &input);
            let to = &mut left[row * plan.across * plan.channels..];
            let (channels, tiles) = (plan.channels, plan.across);
            winograd.input(Patches { lines, pitch: line, channels, tiles, to, step });
        }
        for (index, panel) in packed.chunks_exact(floats).enumerate() {
            let channel = index * COLUMNS;
            let (head, panel) = panel.split_at(2 * COLUMNS);
            let (bias, factors) = head.split_at(COLUMNS);
            let Some(bias) = integers(bias).first_chunk() else { return };
            let factors = &factors[..COLUMNS.min(outputs - channel)];
            let panel = shorts(panel);
            // Groups of equal size: a tile that is left alone takes almost as long as three.
            let groups = tiles.div_ceil(TILES);
            for group in 0..groups {
                let some = tiles * group / groups..tiles * (group + 1) / groups;
                winograd.multiply(Products {
                    left: &left[some.start * plan.channels..],
                    step,
                    channels: plan.channels,
                    depth,
                    panel,
                    tiles: some.len(),
                    sums: products,
                });
                for (index, tile) in some.enumerate() {
                    let (y, x) = (tile / plan.across * size, tile % plan.across * size);
                    let (sums, to) = (&products[index * COLUMNS..], &mut sums[y * pitch + x * COLUMNS..]);
                    winograd.output(Outputs { sums, bias, to, pitch });
                }
            }
            for (y, sums) in (first..wanted.end).zip(sums.chunks_exact(pitch)).take(rows * size) {
                let some = range.start.max(y * width)..range.end.min((y + 1) * width);
                let sums = &sums[(some.start - y * width) * COLUMNS..];
                store(Done { sums, pitch: COLUMNS, rows: some.len(), factors, pixel: some.start, channel });
            }
        }
    }
}

/// Writes what the windows of a row of tiles read: lines of `line` bytes for the tiles whose first outputs
/// are in line `y`, the input's zero point where they lie outside the image or behind its channels.
fn fill(lines: &mut [u8], line: usize, channels: usize, y: usize, conv: &QConv, input: &Input<'_, u8>) {
    let (above, before) = (usize::from(conv.window.pad_start.0), usize::from(conv.window.pad_start.1));
    for (index, line) in lines.chunks_exact_mut(line).enumerate() {
        // A row above the image has wrapped around and is not inside either.
        let row = (y + index).wrapping_sub(above);
        if row >= input.height {
            line.fill(conv.input_zero);
            continue;
        }
        let (start, inside) = line.split_at_mut((before * channels).min(line.len()));
        let (inside, end) = inside.split_at_mut((input.width * channels).min(inside.len()));
        start.fill(conv.input_zero);
        end.fill(conv.input_zero);
        let from = &input.data[input.at(row, 0)..];
        if input.channels == channels && input.stride == channels {
            inside.copy_from_slice(&from[..inside.len()]);
        } else {
            for (to, from) in inside.chunks_exact_mut(channels).zip(from.chunks(input.stride)) {
                let (to, behind) = to.split_at_mut(input.channels);
                to.copy_from_slice(&from[..input.channels]);
                behind.fill(conv.input_zero);
            }
        }
    }
}

#[cfg(test)]
mod tests;
