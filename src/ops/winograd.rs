//! Convolution of 3×3 taps at stride 1 through transformed tiles, see [`kernels::winograd`](crate::kernels).
//!
//! Tiles are taken in blocks, in the order of their pixels. For a block the patches of the input are
//! transformed once; then every panel of weights multiplies them and its products are transformed back. All that
//! is between stays in the caches, and a tile's outputs do not depend on the block that it is in.

use super::conv::value;
use super::{Input, Output};
use crate::algorithm::Algorithm;
use crate::arena::words;
use crate::format::{ALIGN, Conv, Step, Window};
use crate::kernels::Kernels;
use crate::kernels::gemm::{MAX_COLUMNS, PADDING};
use crate::kernels::winograd::{Corner, Patches, Products, Tiles, Winograd};
use core::ops::Range;

/// Floats of transformed input that a block aims at: 160 KiB, a third of a second-level cache.
const BLOCK_FLOATS: usize = 40 << 10;
/// Fewest and most tiles of a block: so many that weights are not read for a few products, and so few that
/// what a block needs beside the input stays small.
const BLOCK_TILES: core::ops::RangeInclusive<usize> = 16..=48;
const FLOATS_A_LINE: usize = ALIGN / size_of::<f32>();

/// Whether a convolution can be computed in tiles.
pub(super) fn suits(conv: &Conv) -> bool {
    conv.window.kernel == (3, 3) && conv.window.stride == (1, 1)
}

/// The kernels of an algorithm, where it has tiles.
pub(super) fn of(algorithm: Algorithm, kernels: &Kernels) -> Option<&Winograd> {
    match algorithm {
        Algorithm::Direct => None,
        Algorithm::Winograd2 => Some(&kernels.winograd2),
        Algorithm::Winograd4 => Some(&kernels.winograd4),
    }
}

/// Floats of one panel and its biases; `channels` are those of a group.
fn panel_floats(winograd: &Winograd, channels: usize) -> Option<usize> {
    let depth = channels.checked_mul(winograd.points())?.checked_add(1)?;
    depth.checked_mul(winograd.columns)?.checked_next_multiple_of(FLOATS_A_LINE)
}

/// Floats that the prepared weights of a step take: for each group and each panel the biases, then the
/// panel; each begins at a multiple of 64 bytes.
pub(super) fn prepared_floats(conv: &Conv, step: &Step, winograd: &Winograd) -> Option<usize> {
    let panel = panel_floats(winograd, (step.input.channels / conv.groups) as usize)?;
    let panels = (step.output.channels / conv.groups).div_ceil(winograd.columns as u32) as usize;
    panel.checked_mul(panels)?.checked_mul(conv.groups as usize)
}

/// Transforms and packs weights and biases, blocks of a file.
pub(super) fn prepare(
    conv: &Conv,
    step: &Step,
    weights: &[u8],
    biases: &[u8],
    winograd: &Winograd,
    packed: &mut [f32],
) {
    let groups = conv.groups as usize;
    let (channels, outputs) = (step.input.channels as usize / groups, step.output.channels as usize / groups);
    let Some(floats) = panel_floats(winograd, channels) else { return };
    let columns = winograd.columns;
    let panels = outputs.div_ceil(columns);
    for (index, panel) in packed.chunks_exact_mut(floats).enumerate() {
        let (group, first) = (index / panels, index % panels * columns);
        let used = columns.min(outputs - first);
        let first = group * outputs + first;
        let (bias, panel) = panel.split_at_mut(columns);
        for (column, bias) in bias.iter_mut().enumerate() {
            *bias = if column < used { value(biases, first + column) } else { 0.0 };
        }
        for channel in 0..channels {
            let mut taps = [[0.0; MAX_COLUMNS]; 9];
            for (tap, row) in taps.iter_mut().enumerate() {
                for (column, weight) in row.iter_mut().enumerate().take(used) {
                    *weight = value(weights, ((first + column) * 9 + tap) * channels + channel);
                }
            }
            let transformed = winograd.weights(&taps);
            for (point, row) in transformed.iter().take(winograd.points()).enumerate() {
                let to = &mut panel[(point * channels + channel) * columns..][..columns];
                to.copy_from_slice(&row[..columns]);
            }
        }
    }
}

/// How a block uses its scratch memory, in words.
struct Block {
    tiles: usize,
    offsets: usize,
    zeros: usize,
    left: usize,
    products: usize,
}

impl Block {
    /// `channels` are those of a group, `tiles` those of the image.
    fn new(winograd: &Winograd, channels: usize, tiles: usize) -> Option<Self> {
        let (points, rows) = (winograd.points(), winograd.rows);
        let patch = points.checked_mul(channels)?;
        let aim = (BLOCK_FLOATS / patch).clamp(*BLOCK_TILES.start(), *BLOCK_TILES.end());
        // Whole tiles of products; fewer where the image has no more.
        let tiles = (aim / rows * rows).min(tiles);
        Some(Self {
            tiles,
            offsets: (points * tiles).next_multiple_of(FLOATS_A_LINE),
            zeros: channels.checked_next_multiple_of(FLOATS_A_LINE)?,
            left: patch.checked_mul(tiles)?.checked_next_multiple_of(FLOATS_A_LINE)?,
            products: points * tiles * winograd.columns,
        })
    }

    fn words(&self) -> Option<usize> {
        let Self { offsets, zeros, left, products, .. } = *self;
        offsets.checked_add(zeros)?.checked_add(left)?.checked_add(products)
    }
}

/// Tiles across an image, and the tiles that so many rows of it take.
fn tiles(winograd: &Winograd, rows: usize, width: usize) -> (usize, usize) {
    let across = width.div_ceil(winograd.tile);
    (across, rows.div_ceil(winograd.tile).saturating_mul(across))
}

/// Words of scratch for so many rows of an output image at a time.
pub(super) fn scratch_words(
    conv: &Conv,
    input_channels: usize,
    (rows, width): (usize, usize),
    winograd: &Winograd,
) -> Option<usize> {
    let (_, tiles) = tiles(winograd, rows, width);
    Block::new(winograd, input_channels / conv.groups as usize, tiles)?.words()
}

/// Convolution into `output`: whole rows, the first of which begins a tile.
pub(super) fn run(
    conv: &Conv,
    input: Input<'_>,
    output: Output<'_>,
    packed: &[f32],
    scratch: &mut [f32],
    winograd: &Winograd,
) {
    let Output { data, width, stride, channel, channels, first, pixels, .. } = output;
    let job = Job { conv, input, width, outputs: channels, packed, winograd };
    job.rows(first / width..(first + pixels) / width, scratch, data, stride, channel);
}

/// A convolution seen as tiles.
pub(super) struct Job<'a> {
    pub conv: &'a Conv,
    pub input: Input<'a>,
    /// Width of the output image.
    pub width: usize,
    /// Output channels.
    pub outputs: usize,
    pub packed: &'a [f32],
    pub winograd: &'a Winograd,
}

impl Job<'_> {
    /// Computes some rows of the output image, the first of which begins a tile. Value `(row, x, c)` goes to
    /// `out[((row − rows.start) · width + x) · stride + channel + c]`.
    pub fn rows(
        &self,
        rows: Range<usize>,
        scratch: &mut [f32],
        out: &mut [f32],
        stride: usize,
        channel: usize,
    ) {
        let Self { conv, input, winograd, .. } = self;
        let groups = conv.groups as usize;
        let (group_inputs, group_outputs) = (input.channels / groups, self.outputs / groups);
        let (across, tiles) = tiles(winograd, rows.len(), self.width);
        let Some(block) = Block::new(winograd, group_inputs, tiles) else { return };
        let Some(panel_floats) = panel_floats(winograd, group_inputs) else { return };
        let (columns, points) = (winograd.columns, winograd.points());
        let panels = group_outputs.div_ceil(columns);
        let (offsets, scratch) = scratch.split_at_mut(block.offsets);
        let (zeros, scratch) = scratch.split_at_mut(block.zeros);
        let (left, scratch) = scratch.split_at_mut(block.left);
        let products = &mut scratch[..block.products];
        let offsets = words(offsets);
        zeros.fill(0.0);

        for group in 0..groups {
            let group_panels = self.packed.chunks_exact(panel_floats).skip(group * panels).take(panels);
            for first in (0..tiles).step_by(block.tiles) {
                let count = (tiles - first).min(block.tiles);
                let offsets = &mut offsets[..count * points];
                let mut corners = [Corner { at: 0, rows: 0, columns: 0 }; *BLOCK_TILES.end()];
                let corners = &mut corners[..count];
                for (index, (corner, offsets)) in
                    corners.iter_mut().zip(offsets.chunks_exact_mut(points)).enumerate()
                {
                    let (tile_row, tile_column) = ((first + index) / across, (first + index) % across);
                    let (row, column) = (tile_row * winograd.tile, tile_column * winograd.tile);
                    self.fill(group * group_inputs, rows.start + row, column, offsets);
                    *corner = Corner {
                        at: (row * self.width + column) * stride + channel + group * group_outputs,
                        rows: (rows.len() - row).min(winograd.tile),
                        columns: (self.width - column).min(winograd.tile),
                    };
                }
                winograd.transform(Patches {
                    input: input.data,
                    zeros,
                    offsets,
                    channels: group_inputs,
                    out: left,
                });
                for (index, panel) in group_panels.clone().enumerate() {
                    let column = index * columns;
                    let (bias, panel) = panel.split_at(columns);
                    winograd.multiply(Products {
                        left,
                        panel,
                        points,
                        patches: count,
                        channels: group_inputs,
                        out: products,
                    });
                    winograd.finish(Tiles {
                        products,
                        corners,
                        bias,
                        clamp: conv.clamp,
                        channels: columns.min(group_outputs - column),
                        out: &mut out[column..],
                        stride,
                        pitch: self.width * stride,
                    });
                }
            }
        }
    }

    /// Writes where the pixels of the patch begin whose first output is at `row` and `column`.
    fn fill(&self, channel: usize, row: usize, column: usize, offsets: &mut [u32]) {
        let Window { pad_start, .. } = self.conv.window;
        let (top, left) = (row.wrapping_sub(pad_start.0.into()), column.wrapping_sub(pad_start.1.into()));
        let input = &self.input;
        for (y, line) in offsets.chunks_exact_mut(self.winograd.side()).enumerate() {
            for (x, offset) in line.iter_mut().enumerate() {
                let (y, x) = (top.wrapping_add(y), left.wrapping_add(x));
                // A place before the image has wrapped around and is not inside either.
                let inside = y < input.height && x < input.width;
                *offset = if inside { (input.at(y, x) + channel) as u32 } else { PADDING };
            }
        }
    }
}

#[cfg(test)]
mod tests;
