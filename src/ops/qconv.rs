//! Convolution in integers: the taps of some pixels are gathered once, then every panel of weights passes
//! over them.

use super::qgather::Gather;
use super::rows::Rows;
use super::{Input, Means, Output, qconv_pool, qwinograd};
use crate::Algorithm;
use crate::arena::{bytes, bytes_mut, integers, integers_mut, long_integers, signed, signed_mut};
use crate::format::coded::CodedError;
use crate::format::{ALIGN, Buffer, QConv, Step};
use crate::kernels::Kernels;
use crate::kernels::qgemm::{MAX_COLUMNS, MAX_ROWS, QGemm, QTile};
use crate::kernels::qwinograd::QWinograd;
use crate::kernels::requantise::Sums;
use crate::model::Model;
use core::ops::Range;

/// Bytes of gathered taps that a block aims at: they should stay in the first cache while the panels pass.
const BLOCK_BYTES: usize = 32 << 10;
/// Most tiles of a block.
const BLOCK_TILES: usize = 32;
/// Tiles that are computed and stored together.
const TOGETHER: usize = 8;
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
pub(crate) fn prepared_floats(
    conv: &QConv,
    step: &Step,
    algorithm: Algorithm,
    kernels: &Kernels,
) -> Option<usize> {
    if let Some(winograd) = qwinograd::of(algorithm, kernels) {
        return qwinograd::prepared_floats(winograd, step);
    }
    let gemm = kernels.integers(conv);
    let panel = panel_floats(gemm, depth(conv, step.input.channels as usize)?)?;
    let panels = gemm.panels((step.output.channels / conv.groups) as usize);
    panel.checked_mul(panels)?.checked_mul(conv.groups as usize)
}

/// Packs weights, biases and factors of a step for `kernels`, one row after the other.
pub(crate) fn prepare(
    model: &Model<'_>,
    conv: &QConv,
    step: &Step,
    algorithm: Algorithm,
    kernels: &Kernels,
    packed: &mut [f32],
    stage: &mut [u8],
) -> Result<(), CodedError> {
    let gemm = kernels.integers(conv);
    let channels = step.output.channels as usize;
    let outputs = channels / conv.groups as usize;
    let Some(shape) = step.weight_shape() else { return Ok(()) };
    let mut rows = Rows::new(model, step, shape, stage)?;
    let (biases, factors) = model.parameter_block(step).split_at(channels * 4);
    let word = |block: &[u8], index: usize| {
        let bytes = block.get(index * 4..index * 4 + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_le_bytes(bytes.unwrap_or_default())
    };
    if let Some(winograd) = qwinograd::of(algorithm, kernels) {
        let bias = |output| word(biases, output).cast_signed();
        let factor = |output| f32::from_bits(word(factors, output));
        qwinograd::prepare(winograd, step, &mut rows, bias, factor, packed)?;
        return rows.finish();
    }
    let Some(floats) = panel_floats(gemm, shape.depth()) else { return Ok(()) };
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

/// Words of scratch of a convolution into a map.
pub(super) fn scratch_words(
    conv: &QConv,
    step: &Step,
    input: &Buffer,
    algorithm: Algorithm,
    kernels: &Kernels,
) -> Option<usize> {
    if let Some(pool) = &conv.pool {
        return qconv_pool::scratch_words(conv, pool, step, input, kernels);
    }
    let (height, width) = conv.window.outputs(input.height, input.width);
    let (height, width) = (height as usize, width as usize);
    match qwinograd::of(algorithm, kernels) {
        Some(winograd) => qwinograd::scratch_words(winograd, step.input.channels as usize, height, width),
        None => row_words(conv, step, height.checked_mul(width)?, kernels),
    }
}

/// Words of scratch of a convolution with a global average: sums over all pixels, then gathered rows.
pub(super) fn average_scratch_words(
    conv: &QConv,
    step: &Step,
    input: &Buffer,
    kernels: &Kernels,
) -> Option<usize> {
    let (height, width) = conv.window.outputs(input.height, input.width);
    let pixels = (height as usize).checked_mul(width as usize)?;
    row_words(conv, step, pixels, kernels)?.checked_add(sum_words(step.output.channels as usize)?)
}

/// Words of gathered rows and padding, for so many pixels of the map at a time.
pub(super) fn row_words(conv: &QConv, step: &Step, pixels: usize, kernels: &Kernels) -> Option<usize> {
    let plan = Plan::new(conv, step.input.channels as usize, pixels, kernels.integers(conv))?;
    let bytes = plan.left()?.checked_add(plan.padding)?;
    Some(bytes.div_ceil(size_of::<f32>()))
}

/// Words of so many sums of 64 bits; memory that is aligned to 64 bytes has no gap before them.
fn sum_words(channels: usize) -> Option<usize> {
    channels.checked_mul(size_of::<i64>() / size_of::<f32>())
}

/// As `conv::behind`.
fn behind<'a>(
    conv: &QConv,
    input_channels: usize,
    first_channel: usize,
    packed: &'a [f32],
    gemm: &QGemm,
) -> &'a [f32] {
    let panel = depth(conv, input_channels).and_then(|depth| panel_floats(gemm, depth));
    packed.get(first_channel / gemm.columns * panel.unwrap_or(0)..).unwrap_or_default()
}

/// Convolution into bytes.
pub(super) fn run(conv: &QConv, input: Input<'_, u8>, output: Output<'_, u8>, means: Means<'_>) {
    let Means { packed, table, scratch, algorithm, kernels } = means;
    let job = Job::new(conv, input, &output, packed, algorithm, kernels);
    let Output { data, stride, channel, first, pixels, .. } = output;
    let table = <&[u8; 256]>::try_from(table).ok();
    job.each_tile(first..first + pixels, scratch, |tile| {
        let out = &mut data[(tile.pixel - first) * stride + channel + tile.channel..];
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

/// Convolution into floats.
pub(super) fn run_to_floats(conv: &QConv, input: Input<'_, u8>, output: Output<'_>, means: Means<'_>) {
    let Means { packed, scratch, algorithm, kernels, .. } = means;
    let job = Job::new(conv, input, &output, packed, algorithm, kernels);
    let Output { data, stride, channel, first, pixels, .. } = output;
    job.each_tile(first..first + pixels, scratch, |tile| {
        for row in 0..tile.rows {
            let at = (tile.pixel + row - first) * stride + channel + tile.channel;
            for ((out, &sum), factor) in data[at..].iter_mut().zip(tile.sums(row)).zip(tile.factors) {
                *out = sum as f32 * factor;
            }
        }
    });
}

/// Convolution whose sums are added over its pixels in 64 bits: exact, in any order.
pub(super) fn run_global_average(
    conv: &QConv,
    relu: bool,
    input: Input<'_, u8>,
    output: Output<'_>,
    means: Means<'_>,
) {
    let Means { packed, scratch, kernels, .. } = means;
    let (height, width) = conv.window.outputs(input.height as u32, input.width as u32);
    let (height, width) = (height as usize, width as usize);
    let job = Job { width, ..Job::new(conv, input, &output, packed, Algorithm::Direct, kernels) };
    let out = &mut output.data[output.channel..output.channel + output.channels];
    let (sums, scratch) = scratch.split_at_mut(sum_words(out.len()).unwrap_or(0));
    let sums = long_integers(sums);
    sums.fill(0);
    let pixels = height * width;
    let least = if relu { 0 } else { i32::MIN };
    job.each_tile(0..pixels, scratch, |tile| {
        let sums = &mut sums[tile.channel..tile.channel + tile.factors.len()];
        for row in 0..tile.rows {
            for (sum, &value) in sums.iter_mut().zip(tile.sums(row)) {
                *sum += i64::from(value.max(least));
            }
        }
        if tile.pixel + tile.rows == pixels {
            for ((out, sum), factor) in out[tile.channel..].iter_mut().zip(sums).zip(tile.factors) {
                *out = *sum as f32 * factor;
            }
        }
    });
}

/// Computed tiles.
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
    /// The kernels of tiles, if the weights are packed for them.
    pub winograd: Option<&'a QWinograd>,
}

impl<'a> Job<'a> {
    /// The convolution whose map `output` is a part of.
    fn new<T>(
        conv: &'a QConv,
        input: Input<'a, u8>,
        output: &Output<'_, T>,
        packed: &'a [f32],
        algorithm: Algorithm,
        kernels: &'a Kernels,
    ) -> Self {
        let Output { width, channels: outputs, first_channel, .. } = *output;
        let gemm = kernels.integers(conv);
        match qwinograd::of(algorithm, kernels) {
            // Cut between rows only.
            Some(winograd) => Self { conv, input, width, outputs, packed, gemm, winograd: Some(winograd) },
            None => {
                let packed = behind(conv, input.channels, first_channel, packed, gemm);
                Self { conv, input, width, outputs, packed, gemm, winograd: None }
            }
        }
    }

    /// Computes the pixels in `range` of the map.
    pub fn each_tile(&self, range: Range<usize>, scratch: &mut [f32], mut store: impl FnMut(Done<'_>)) {
        let Self { conv, input, gemm, .. } = self;
        if let Some(winograd) = self.winograd {
            return qwinograd::each_line(winograd, self, range, scratch, store);
        }
        let groups = conv.groups as usize;
        let (group_inputs, group_outputs) = (input.channels / groups, self.outputs / groups);
        let Some(plan) = Plan::new(conv, input.channels, range.len(), gemm) else { return };
        let (Some(panel_floats), Some(left)) = (panel_floats(gemm, plan.depth), plan.left()) else { return };
        let Some(depth) = gemm.padded(plan.depth) else { return };
        let (panels, tile_bytes) = (gemm.panels(group_outputs), plan.rows * plan.pitch);
        let (left, padding) = bytes_mut(scratch).split_at_mut(left);
        let padding = &mut padding[..plan.padding];
        padding.fill(conv.input_zero);
        let mut sums = [0; TOGETHER * MAX_ROWS * MAX_COLUMNS];

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
                    let (bias, factors) = (integers(bias), &factors[..columns]);
                    let panel = signed(bytes(panel));
                    let some = TOGETHER * plan.rows;
                    for (index, left) in left.chunks(TOGETHER * tile_bytes).enumerate() {
                        let first = index * some;
                        if first >= pixels {
                            break;
                        }
                        let (pitch, rows) = (plan.pitch, some.min(pixels - first));
                        gemm.tiles(QTile { left, pitch, depth, panel, bias, rows, sums: &mut sums });
                        store(Done {
                            sums: &sums,
                            pitch: gemm.columns,
                            rows,
                            factors,
                            pixel: block + first,
                            channel: group * group_outputs + column,
                        });
                    }
                }
            }
        }
    }
}
