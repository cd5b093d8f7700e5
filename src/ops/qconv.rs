//! Convolution in integers: the taps of some pixels are gathered once, then every panel of weights passes
//! over them.

use super::qconv_pool;
use super::qgather::Gather;
use super::rows::Rows;
use super::{Input, Output};
use crate::arena::{bytes, bytes_mut, integers, integers_mut, long_integers, signed, signed_mut};
use crate::format::coded::CodedError;
use crate::format::{ALIGN, Buffer, Element, QConv, Step};
use crate::kernels::Kernels;
use crate::kernels::qgemm::{MAX_COLUMNS, MAX_ROWS, QGemm, QTile};
use crate::kernels::requantise::Sums;
use crate::model::Model;
use core::ops::Range;

/// Bytes of gathered taps that a block aims at: they should stay in the first cache while the panels pass.
const BLOCK_BYTES: usize = 32 << 10;
/// Most tiles of a block.
const BLOCK_TILES: usize = 32;
const FLOATS_A_LINE: usize = ALIGN / size_of::<f32>();

/// Values summed for one output of a convolution.
fn depth(conv: &QConv, input_channels: usize) -> Option<usize> {
    let taps = usize::from(conv.window.kernel.0).checked_mul(conv.window.kernel.1.into())?;
    taps.checked_mul(input_channels / conv.groups as usize)
}

/// Floats of one packed panel: biases, factors, weights; a multiple of 64 bytes.
fn panel_floats(gemm: &QGemm, depth: usize) -> Option<usize> {
    let weights = gemm.padded(depth)?.checked_mul(gemm.columns)?.div_ceil(size_of::<f32>());
    weights.checked_add(2 * gemm.columns)?.checked_next_multiple_of(FLOATS_A_LINE)
}

/// Floats that the prepared weights of a step take: for each group and each panel a block of
/// [`panel_floats`].
pub(crate) fn prepared_floats(conv: &QConv, step: &Step, kernels: &Kernels) -> Option<usize> {
    let gemm = &kernels.qgemm;
    let panel = panel_floats(gemm, depth(conv, step.input.channels as usize)?)?;
    let panels = gemm.panels((step.output.channels / conv.groups) as usize);
    panel.checked_mul(panels)?.checked_mul(conv.groups as usize)
}

/// Packs weights, biases and factors of a step for `kernels`, one row after the other.
pub(crate) fn prepare(
    model: &Model<'_>,
    conv: &QConv,
    step: &Step,
    kernels: &Kernels,
    packed: &mut [f32],
    stage: &mut [u8],
) -> Result<(), CodedError> {
    let gemm = &kernels.qgemm;
    let channels = step.output.channels as usize;
    let outputs = channels / conv.groups as usize;
    let Some(shape) = step.weight_shape() else { return Ok(()) };
    let Some(floats) = panel_floats(gemm, shape.depth()) else { return Ok(()) };
    let mut rows = Rows::new(model, step, shape, stage)?;
    let (biases, factors) = model.parameter_block(step).split_at(channels * 4);
    let word = |block: &[u8], index: usize| {
        let bytes = block.get(index * 4..index * 4 + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_le_bytes(bytes.unwrap_or_default())
    };
    let panels = gemm.panels(outputs);
    for (index, panel) in packed.chunks_exact_mut(floats).enumerate() {
        let (group, first) = (index / panels, index % panels * gemm.columns);
        let columns = gemm.columns.min(outputs - first);
        panel.fill(0.0);
        let (head, values) = panel.split_at_mut(2 * gemm.columns);
        let (bias, factor) = head.split_at_mut(gemm.columns);
        let values = signed_mut(bytes_mut(values));
        for (column, (bias, factor)) in integers_mut(bias).iter_mut().zip(factor).take(columns).enumerate() {
            let output = group * outputs + first + column;
            let row = rows.next()?;
            let sum = row.iter().fold(0i32, |sum, &weight| sum.wrapping_add(weight.into()));
            *bias = gemm.bias(word(biases, output).cast_signed(), sum);
            *factor = f32::from_bits(word(factors, output));
            gemm.pack_column(column, row, values);
        }
    }
    rows.finish()
}

/// How a step's scratch memory is used.
#[derive(Clone, Copy)]
struct Plan {
    depth: usize,
    /// Bytes of a gathered row.
    pitch: usize,
    /// Rows of a tile that are ever used.
    rows: usize,
    /// Tiles of a block.
    tiles: usize,
    /// Bytes that stand for padding.
    padding: usize,
}

impl Plan {
    fn new(conv: &QConv, input_channels: usize, pixels: usize, gemm: &QGemm) -> Option<Self> {
        let depth = depth(conv, input_channels)?;
        let pitch = gemm.padded(depth)?.checked_mul(gemm.bytes)?;
        let rows = gemm.rows.min(pixels.max(1));
        let tile = pitch.checked_mul(rows)?;
        let tiles = (BLOCK_BYTES / tile.max(1)).clamp(1, BLOCK_TILES).min(pixels.max(1).div_ceil(rows));
        Some(Self { depth, pitch, rows, tiles, padding: input_channels / conv.groups as usize })
    }

    /// Bytes of gathered rows.
    fn left(&self) -> Option<usize> {
        self.pitch.checked_mul(self.rows)?.checked_mul(self.tiles)
    }
}

/// Words of scratch: sums over all pixels (of a fused average), gathered rows, and padding.
pub(super) fn scratch_words(
    conv: &QConv,
    step: &Step,
    input: &Buffer,
    averages: bool,
    kernels: &Kernels,
) -> Option<usize> {
    if let Some(pool) = &conv.pool {
        return qconv_pool::scratch_words(conv, pool, step, input, kernels);
    }
    let (height, width) = conv.window.outputs(input.height, input.width);
    let pixels = (height as usize).checked_mul(width as usize)?;
    row_words(conv, step, pixels, averages, kernels)
}

/// As [`scratch_words`], for so many pixels of the map at a time.
pub(super) fn row_words(
    conv: &QConv,
    step: &Step,
    pixels: usize,
    averages: bool,
    kernels: &Kernels,
) -> Option<usize> {
    let plan = Plan::new(conv, step.input.channels as usize, pixels, &kernels.qgemm)?;
    let sums = if averages { sum_words(step.output.channels as usize)? } else { 0 };
    let bytes = plan.left()?.checked_add(plan.padding)?;
    sums.checked_add(bytes.div_ceil(size_of::<f32>()))
}

/// Words of so many sums of 64 bits; memory that is aligned to 64 bytes has no gap before them.
fn sum_words(channels: usize) -> Option<usize> {
    channels.checked_mul(size_of::<i64>() / size_of::<f32>())
}

/// Convolution into `output`, of `u8` or `f32`.
pub(super) fn run(
    conv: &QConv,
    input: Input<'_, u8>,
    output: Output<'_>,
    packed: &[f32],
    table: &[u8],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let (width, pixels) = (output.width, output.height * output.width);
    let job = Job { conv, input, width, outputs: output.channels, packed, gemm: &kernels.qgemm };
    match output.element {
        Element::F32 => job.each_tile(0..pixels, scratch, |tile| {
            for row in 0..tile.rows {
                let at = (tile.pixel + row) * output.stride + output.channel + tile.channel;
                for ((out, &sum), factor) in
                    output.data[at..].iter_mut().zip(tile.sums(row)).zip(tile.factors)
                {
                    *out = sum as f32 * factor;
                }
            }
        }),
        Element::U8 if conv.pool.is_some() => {
            if let Some(pool) = &conv.pool {
                qconv_pool::run(conv, pool, input, output.bytes(), packed, scratch, kernels);
            }
        }
        Element::U8 => {
            let Output { data, stride, channel, .. } = output.bytes();
            let table = <&[u8; 256]>::try_from(table).ok();
            job.each_tile(0..pixels, scratch, |tile| {
                let out = &mut data[tile.pixel * stride + channel + tile.channel..];
                let Done { sums, pitch, rows, factors, .. } = tile;
                let (grid, columns) = (conv.output, factors.len());
                kernels.requantise.tile(Sums { sums, pitch, rows, factors, grid, out: &mut *out, stride });
                if let Some(table) = table {
                    for row in out.chunks_mut(stride).take(rows) {
                        row.iter_mut().take(columns).for_each(|value| *value = table[usize::from(*value)]);
                    }
                }
            });
        }
    }
}

/// Convolution whose sums are added over its pixels in 64 bits: exact, in any order.
pub(super) fn run_global_average(
    conv: &QConv,
    relu: bool,
    input: Input<'_, u8>,
    output: Output<'_>,
    packed: &[f32],
    scratch: &mut [f32],
    kernels: &Kernels,
) {
    let (height, width) = conv.window.outputs(input.height as u32, input.width as u32);
    let (height, width) = (height as usize, width as usize);
    let out = &mut output.data[output.channel..output.channel + output.channels];
    let (sums, scratch) = scratch.split_at_mut(sum_words(out.len()).unwrap_or(0));
    let sums = long_integers(sums);
    sums.fill(0);
    let pixels = height * width;
    let job = Job { conv, input, width, outputs: out.len(), packed, gemm: &kernels.qgemm };
    let least = if relu { 0 } else { i32::MIN };
    job.each_tile(0..pixels, scratch, |tile| {
        let sums = &mut sums[tile.channel..tile.channel + tile.factors.len()];
        for row in 0..tile.rows {
            for (sum, &value) in sums.iter_mut().zip(tile.sums(row)) {
                *sum += i64::from(value.max(least));
            }
        }
        for ((out, sum), factor) in out[tile.channel..].iter_mut().zip(sums).zip(tile.factors) {
            // Written anew with each tile; the last one is the whole sum.
            *out = *sum as f32 * factor;
        }
    });
}

/// A computed tile.
pub(super) struct Done<'a> {
    pub sums: &'a [i32],
    /// Sums from one row to the next.
    pub pitch: usize,
    pub rows: usize,
    /// One a column that is stored.
    pub factors: &'a [f32],
    /// First pixel of the map.
    pub pixel: usize,
    /// First output channel.
    pub channel: usize,
}

impl Done<'_> {
    fn sums(&self, row: usize) -> &[i32] {
        &self.sums[row * self.pitch..][..self.factors.len()]
    }
}

/// A convolution seen as tiles.
pub(super) struct Job<'a> {
    pub conv: &'a QConv,
    pub input: Input<'a, u8>,
    /// Width of the map that the convolution gives.
    pub width: usize,
    /// Output channels.
    pub outputs: usize,
    pub packed: &'a [f32],
    pub gemm: &'a QGemm,
}

impl Job<'_> {
    /// Computes the pixels in `range` of the map.
    pub fn each_tile(&self, range: Range<usize>, scratch: &mut [f32], mut store: impl FnMut(Done<'_>)) {
        let Self { conv, input, gemm, .. } = self;
        let groups = conv.groups as usize;
        let (group_inputs, group_outputs) = (input.channels / groups, self.outputs / groups);
        let Some(plan) = Plan::new(conv, input.channels, range.len(), gemm) else { return };
        let (Some(panel_floats), Some(left)) = (panel_floats(gemm, plan.depth), plan.left()) else { return };
        let Some(depth) = gemm.padded(plan.depth) else { return };
        let (panels, tile_bytes) = (gemm.panels(group_outputs), plan.rows * plan.pitch);
        let (left, padding) = bytes_mut(scratch).split_at_mut(left);
        let padding = &mut padding[..plan.padding];
        padding.fill(conv.input_zero);
        let mut sums = [0; MAX_ROWS * MAX_COLUMNS];

        for group in 0..groups {
            let group_panels = self.packed.chunks_exact(panel_floats).skip(group * panels).take(panels);
            let gather = Gather {
                window: &conv.window,
                input: *input,
                channel: group * group_inputs,
                padding,
                width: self.width,
                gemm,
                pitch: plan.pitch,
            };
            for block in range.clone().step_by(plan.tiles * plan.rows) {
                let pixels = (range.end - block).min(plan.tiles * plan.rows);
                gather.pixels(block..block + pixels, left);
                for (index, panel) in group_panels.clone().enumerate() {
                    let column = index * gemm.columns;
                    let columns = gemm.columns.min(group_outputs - column);
                    let (head, panel) = panel.split_at(2 * gemm.columns);
                    let (bias, factors) = head.split_at(gemm.columns);
                    for (index, left) in
                        left.chunks_exact(tile_bytes).take(pixels.div_ceil(plan.rows)).enumerate()
                    {
                        let first = index * plan.rows;
                        let rows = plan.rows.min(pixels - first);
                        gemm.tile(QTile {
                            left,
                            pitch: plan.pitch,
                            depth,
                            panel: signed(bytes(panel)),
                            bias: integers(bias),
                            rows,
                            sums: &mut sums,
                        });
                        store(Done {
                            sums: &sums,
                            pitch: gemm.columns,
                            rows,
                            factors: &factors[..columns],
                            pixel: block + first,
                            channel: group * group_outputs + column,
                        });
                    }
                }
            }
        }
    }
}
