//! Convolution: an indirect matrix product, tile by tile.
//!
//! Output pixels are taken in blocks; for each block the offsets of all its taps are written once, then
//! every panel of weights passes over the block while the pixels stay in the cache.

use super::{Input, Output};
use crate::arena::words;
use crate::format::{ALIGN, Buffer, Conv, Step};
use crate::kernels::Kernels;
use crate::kernels::gemm::{Gemm, MAX_COLUMNS, MAX_ROWS, PADDING, Tile};
use crate::model::Model;
use core::ops::Range;

/// Tiles in a block: with 6 rows a tile, 192 pixels, whose input of 64 channels takes 48 KiB and whose
/// offsets for 3×3 taps take 7 KiB.
const BLOCK: usize = 32;
const FLOATS_A_LINE: usize = ALIGN / size_of::<f32>();

/// How the taps of a window are read: as `rows × columns` segments of `run` values. Taps that always lie
/// side by side in memory are one segment.
#[derive(Clone, Copy)]
struct Segments {
    rows: usize,
    columns: usize,
    run: usize,
}

impl Segments {
    /// `channels` are those of a group, `stride` is that of a pixel, `width` that of the image.
    fn new(conv: &Conv, channels: usize, stride: usize, width: usize) -> Option<Self> {
        let window = &conv.window;
        let (kernel_rows, kernel_columns) = (usize::from(window.kernel.0), usize::from(window.kernel.1));
        let pads = (window.pad_start.0, window.pad_start.1, window.pad_end.0, window.pad_end.1);
        let row = kernel_columns.checked_mul(channels)?;
        Some(if channels != stride || pads.1 != 0 || pads.3 != 0 {
            Self { rows: kernel_rows, columns: kernel_columns, run: channels }
        } else if kernel_columns != width || pads.0 != 0 || pads.2 != 0 {
            Self { rows: kernel_rows, columns: 1, run: row }
        } else {
            Self { rows: 1, columns: 1, run: row.checked_mul(kernel_rows)? }
        })
    }

    fn count(&self) -> usize {
        self.rows * self.columns
    }
}

/// Values summed for one output of a convolution.
fn depth(conv: &Conv, input_channels: usize) -> Option<usize> {
    let taps = usize::from(conv.window.kernel.0).checked_mul(conv.window.kernel.1.into())?;
    taps.checked_mul(input_channels / conv.groups as usize)
}

/// Floats of one panel and its biases, and the panels of a group.
fn panel_floats(gemm: &Gemm, depth: usize, group_outputs: usize) -> Option<(usize, usize)> {
    let panel = depth.checked_add(1)?.checked_mul(gemm.columns)?.checked_next_multiple_of(FLOATS_A_LINE)?;
    Some((panel, gemm.panels(group_outputs)))
}

/// Floats that the prepared weights of a step take: for each group and each panel the biases, then the
/// panel; each begins at a multiple of 64 bytes.
pub(crate) fn prepared_floats(conv: &Conv, step: &Step, kernels: &Kernels) -> Option<usize> {
    let depth = depth(conv, step.input.channels as usize)?;
    let outputs = step.output.channels / conv.groups;
    let (panel, panels) = panel_floats(&kernels.gemm, depth, outputs as usize)?;
    panel.checked_mul(panels)?.checked_mul(conv.groups as usize)
}

/// Packs the weights and biases of a step for `kernels`.
pub(crate) fn prepare(model: &Model<'_>, conv: &Conv, step: &Step, kernels: &Kernels, packed: &mut [f32]) {
    let gemm = &kernels.gemm;
    let outputs = step.output.channels as usize / conv.groups as usize;
    let Some(depth) = depth(conv, step.input.channels as usize) else { return };
    let Some((panel_floats, panels)) = panel_floats(gemm, depth, outputs) else { return };
    let weights = model.weight_block(step);
    let biases = model.parameter_block(step);
    for (index, panel) in packed.chunks_exact_mut(panel_floats).enumerate() {
        let (group, first) = (index / panels, index % panels * gemm.columns);
        let output = |column| group * outputs + first + column;
        let columns = gemm.columns.min(outputs - first);
        let (bias, panel) = panel.split_at_mut(gemm.columns);
        gemm.pack(1, columns, |column, _| value(biases, output(column)), bias);
        gemm.pack(depth, columns, |column, k| value(weights, output(column) * depth + k), panel);
    }
}

/// The value with this index in a block of the file.
pub(super) fn value(block: &[u8], index: usize) -> f32 {
    let bytes = block.get(index * 4..index * 4 + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0.0, f32::from_le_bytes)
}

/// Words of scratch: the offsets of a block of tiles, and zeros for the padding.
pub(super) fn scratch_words(conv: &Conv, step: &Step, input: &Buffer, kernels: &Kernels) -> Option<usize> {
    let channels = (step.input.channels / conv.groups) as usize;
    let segments = Segments::new(conv, channels, input.channels as usize, input.width as usize)?;
    let table = segments.rows.checked_mul(segments.columns)?.checked_mul(kernels.gemm.rows * BLOCK)?;
    table.checked_add(segments.run)
}

/// The panels from that of an output channel on; of a convolution in one group, whose parts are cut there.
fn behind<'a>(
    conv: &Conv,
    input_channels: usize,
    first_channel: usize,
    packed: &'a [f32],
    gemm: &Gemm,
) -> &'a [f32] {
    let panel = depth(conv, input_channels).and_then(|depth| panel_floats(gemm, depth, 0));
    let skipped = panel.map_or(0, |(floats, _)| first_channel / gemm.columns * floats);
    packed.get(skipped..).unwrap_or_default()
}

/// Convolution into `output`.
pub(super) fn run(
    conv: &Conv,
    input: Input<'_>,
    output: Output<'_>,
    packed: &[f32],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let Output { data, width, stride, channel, channels, first, pixels, first_channel, .. } = output;
    let packed = behind(conv, input.channels, first_channel, packed, &kernels.gemm);
    let job = Job { conv, input, width, outputs: channels, packed, gemm: &kernels.gemm };
    job.pixels(first..first + pixels, scratch, data, stride, channel);
}

/// Convolution whose output is averaged over its pixels, added in their order; the map is never stored.
pub(super) fn run_global_average(
    conv: &Conv,
    input: Input<'_>,
    output: Output<'_>,
    packed: &[f32],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let (height, width) = conv.window.outputs(input.height as u32, input.width as u32);
    let (height, width) = (height as usize, width as usize);
    let pixels = height * width;
    let sums = &mut output.data[output.channel..output.channel + output.channels];
    sums.fill(0.0);
    let packed = behind(conv, input.channels, output.first_channel, packed, &kernels.gemm);
    let job = Job { conv, input, width, outputs: sums.len(), packed, gemm: &kernels.gemm };
    job.each_tile(0..pixels, scratch, |tile, _, column| {
        let (rows, columns) = (tile.rows, tile.columns);
        let mut values = [0.0; MAX_ROWS * MAX_COLUMNS];
        kernels.gemm.tile(Tile { out: &mut values, stride: MAX_COLUMNS, ..tile });
        for row in values.chunks_exact(MAX_COLUMNS).take(rows) {
            for (sum, value) in sums[column..column + columns].iter_mut().zip(row) {
                *sum += value;
            }
        }
    });
    for sum in sums {
        *sum /= pixels as f32;
    }
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
    pub gemm: &'a Gemm,
}

impl Job<'_> {
    /// Computes the pixels in `range`. Channel `c` of the first goes to `out[channel + c]`, the others behind it
    /// at a distance of `stride`.
    pub fn pixels(
        &self,
        range: Range<usize>,
        scratch: &mut [f32],
        out: &mut [f32],
        stride: usize,
        channel: usize,
    ) {
        self.each_tile(range.clone(), scratch, |tile, pixel, column| {
            let out = &mut out[(pixel - range.start) * stride + channel + column..];
            self.gemm.tile(Tile { out, stride, ..tile });
        });
    }

    /// Calls `store` for each tile of the pixels in `range` with its operands (but for the output), its first
    /// pixel and its first output channel. For each channel, pixels come in their order.
    fn each_tile(
        &self,
        range: Range<usize>,
        scratch: &mut [f32],
        mut store: impl FnMut(Tile<'_>, usize, usize),
    ) {
        let Self { conv, input, gemm, .. } = self;
        let groups = conv.groups as usize;
        let (group_inputs, group_outputs) = (input.channels / groups, self.outputs / groups);
        let Some(segments) = Segments::new(conv, group_inputs, input.stride, input.width) else { return };
        let Some((panel_floats, panels)) = panel_floats(gemm, segments.count() * segments.run, group_outputs)
        else {
            return;
        };
        let table = segments.count() * gemm.rows;
        let (offsets, zeros) = scratch.split_at_mut(table * BLOCK);
        let zeros = &mut zeros[..segments.run];
        zeros.fill(0.0);
        let offsets = words(offsets);

        for group in 0..groups {
            let group_panels = self.packed.chunks_exact(panel_floats).skip(group * panels).take(panels);
            for block in range.clone().step_by(BLOCK * gemm.rows) {
                let tiles = (range.end - block).div_ceil(gemm.rows).min(BLOCK);
                for (index, offsets) in offsets.chunks_exact_mut(table).take(tiles).enumerate() {
                    let first = block + index * gemm.rows;
                    self.fill(&segments, group * group_inputs, first..range.end, offsets);
                }
                let mut panels = group_panels.clone().peekable();
                for index in 0..group_panels.len() {
                    let Some(panel) = panels.next() else { break };
                    let next = panels.peek().copied().unwrap_or_default();
                    let mut ahead = next.chunks((next.len() / tiles).next_multiple_of(16).max(16));
                    let column = index * gemm.columns;
                    let (bias, panel) = panel.split_at(gemm.columns);
                    for (index, offsets) in offsets.chunks_exact(table).take(tiles).enumerate() {
                        let first = block + index * gemm.rows;
                        let tile = Tile {
                            input: input.data,
                            zeros,
                            offsets,
                            run: segments.run,
                            panel,
                            ahead: ahead.next().unwrap_or_default(),
                            bias,
                            clamp: conv.clamp,
                            rows: gemm.rows.min(range.end - first),
                            columns: gemm.columns.min(group_outputs - column),
                            out: &mut [],
                            stride: 0,
                        };
                        store(tile, first, group * group_outputs + column);
                    }
                }
            }
        }
    }

    /// Writes the offsets of the first tile of some output pixels: `[segment][row]`.
    fn fill(&self, segments: &Segments, channel: usize, pixels: Range<usize>, offsets: &mut [u32]) {
        let (window, input, rows) = (&self.conv.window, &self.input, self.gemm.rows);
        let (mut y, mut x) = (pixels.start / self.width, pixels.start % self.width);
        for row in 0..rows {
            // Rows behind the last pixel repeat it; they are computed by some kernels, stored by none.
            if row > 0 && pixels.start + row < pixels.end {
                (y, x) = if x + 1 < self.width { (y, x + 1) } else { (y + 1, 0) };
            }
            let top = (y * usize::from(window.stride.0)).wrapping_sub(window.pad_start.0.into());
            let left = (x * usize::from(window.stride.1)).wrapping_sub(window.pad_start.1.into());
            let mut table = offsets.iter_mut().skip(row).step_by(rows);
            for segment_row in 0..segments.rows {
                for segment_column in 0..segments.columns {
                    let (y, x) = (top.wrapping_add(segment_row), left.wrapping_add(segment_column));
                    if let Some(offset) = table.next() {
                        // A place before the image has wrapped around and is not inside either.
                        let inside = y < input.height && x < input.width;
                        *offset = if inside { (input.at(y, x) + channel) as u32 } else { PADDING };
                    }
                }
            }
        }
    }
}
