//! `Conv`.

use super::attributes::NodeRef;
use super::nodes::Importer;
use super::quantize::{self, Places};
use super::window;
use crate::error::CompileError;
use crate::graph::{Conv, Int8, Op, Pad, Quant, TensorId};
use wisp::format::{Clamp, Window};

/// Adds the convolution that `node` describes.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.map(node, 0)?;
    let weight = importer.floats(node, 1, "weight")?;
    let geometry = Geometry::read(importer, node, input, &weight.shape)?;
    let Geometry { outputs, inner, taps, .. } = geometry;
    let bias = match node.input(2) {
        None => vec![0.0; outputs],
        Some(_) => importer.floats(node, 2, "bias")?.values,
    };
    check_bias(node, bias.len(), outputs)?;
    let arrange = |values: &[i8]| channels_last(values, inner, taps);
    let int8 = match quantize::behind(importer, node.needed_input(1)?)? {
        Some(places) => quantize::int8(quantize::weights(importer, places)?, outputs, 0, arrange),
        None => None,
    };
    let int8 = match (int8, node.input(2)) {
        (Some(int8), Some(name)) => Some(Int8 { bias: quantize::bias(importer, name)?, ..int8 }),
        (int8, _) => int8,
    };
    let (conv, input) =
        geometry.conv(importer, node, input, |taps| channels_last(&weight.values, inner, taps), bias)?;
    importer.push_map(node, Op::Conv(Conv { int8, ..conv }), vec![input])
}

/// Adds a convolution of integers that stand in the file as such; its output is the sum in floating point.
pub fn lower_integers(
    importer: &mut Importer<'_>,
    node: NodeRef<'_>,
    input: TensorId,
    places: Places<'_>,
    bias: usize,
    quant: Quant,
) -> Result<TensorId, CompileError> {
    let weights = quantize::weights(importer, places)?;
    let geometry = Geometry::read(importer, node, input, &weights.shape)?;
    let Geometry { outputs, inner, taps, .. } = geometry;
    let Some(int8) = quantize::int8(weights, outputs, 0, |values| channels_last(values, inner, taps)) else {
        return Err(node.error("the scales of its weights must run over the outputs"));
    };
    let int8 = with_bias(importer, node, int8, bias, quant)?;
    let (weight, bias) = real(&int8, outputs);
    let (conv, input) = geometry.conv(importer, node, input, |_| weight, bias)?;
    importer.push_inner(node, Op::Conv(Conv { int8: Some(int8), ..conv }), vec![input])
}

/// `int8` with the `i32` bias that input `index` gives, if there is one: its scale is that of the sums.
pub fn with_bias(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    int8: Int8,
    index: usize,
    quant: Quant,
) -> Result<Int8, CompileError> {
    if node.input(index).is_none() {
        return Ok(int8);
    }
    let values = importer.ints(node, index, "bias")?;
    check_bias(node, values.len(), int8.scale.len())?;
    let pairs = values.iter().zip(&int8.scale);
    let bias: Option<Vec<_>> =
        pairs.map(|(&value, scale)| Some((i32::try_from(value).ok()?, quant.scale * scale))).collect();
    let bias = bias.ok_or_else(|| node.error("its bias does not fit in i32"))?;
    Ok(Int8 { bias: Some(bias), ..int8 })
}

/// Weights and bias as the numbers that they stand for.
pub fn real(int8: &Int8, outputs: usize) -> (Vec<f32>, Vec<f32>) {
    let depth = int8.weight.len().checked_div(outputs).unwrap_or(0).max(1);
    let rows = int8.weight.chunks_exact(depth).zip(&int8.scale);
    let weight =
        rows.flat_map(|(row, scale)| row.iter().map(move |&value| f32::from(value) * scale)).collect();
    let bias = int8.bias.as_ref().map_or(vec![0.0; outputs], |bias| {
        bias.iter().map(|&(value, scale)| (f64::from(value) * f64::from(scale)) as f32).collect()
    });
    (weight, bias)
}

fn check_bias(node: NodeRef<'_>, found: usize, needed: usize) -> Result<(), CompileError> {
    if found == needed {
        return Ok(());
    }
    Err(node.error(format!("its bias has {found} values, {needed} are needed")))
}

/// What attributes and weight shape say.
struct Geometry {
    outputs: usize,
    /// Input channels of a group.
    inner: usize,
    groups: usize,
    taps: usize,
    window: Window,
}

impl Geometry {
    fn read(
        importer: &Importer<'_>,
        node: NodeRef<'_>,
        input: TensorId,
        weight: &[usize],
    ) -> Result<Self, CompileError> {
        node.only(&["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])?;
        let shape = importer.shape(input);
        let [outputs, inner, kh, kw] = weight[..] else {
            return Err(node.error(format!(
                "its weight has shape {weight:?}, [outputs, inputs, height, width] is needed"
            )));
        };
        let side = 1..=usize::from(u16::MAX);
        if !side.contains(&kh) || !side.contains(&kw) || inner == 0 || outputs == 0 {
            return Err(node.error(format!("its weight has shape {weight:?}, which is empty or too large")));
        }
        let groups = node.int("group")?.unwrap_or(1);
        let groups = usize::try_from(groups).ok().filter(|&groups| {
            groups > 0 && groups.checked_mul(inner) == Some(shape.c) && outputs % groups == 0
        });
        let Some(groups) = groups else {
            return Err(node.error(format!(
                "group {}, {} input channels and a weight of shape {weight:?} do not fit together",
                node.int("group")?.unwrap_or(1),
                shape.c
            )));
        };
        let window = window::read(node, [kh, kw], shape)?.window;
        Ok(Self { outputs, inner, groups, taps: kh * kw, window })
    }

    /// The convolution, and the tensor that it reads.
    fn conv(
        mut self,
        importer: &mut Importer<'_>,
        node: NodeRef<'_>,
        input: TensorId,
        weight: impl FnOnce(usize) -> Vec<f32>,
        bias: Vec<f32>,
    ) -> Result<(Conv, TensorId), CompileError> {
        let input = if window::pads_fit(&self.window) {
            input
        } else {
            // More zeros than the kernel is large: they are written before it.
            let pad = Pad { start: self.window.pad_start, end: self.window.pad_end };
            (self.window.pad_start, self.window.pad_end) = ((0, 0), (0, 0));
            importer.push_inner(node, Op::Pad(pad), vec![input])?
        };
        let Self { groups, taps, window, .. } = self;
        let weight = weight(taps);
        let conv = Conv { window, groups, weight, bias, clamp: Clamp::NONE, int8: None, dense: false };
        Ok((conv, input))
    }
}

/// Reorders `[output][input][tap]` to `[output][tap][input]`.
pub fn channels_last<T: Copy>(values: &[T], inner: usize, taps: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for output in values.chunks_exact((inner * taps).max(1)) {
        for tap in 0..taps {
            out.extend(output.iter().skip(tap).step_by(taps));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::channels_last;

    #[test]
    fn channels_come_last() {
        // Two outputs, three inputs, two taps; the value says output, input, tap.
        let values = [0., 1., 10., 11., 20., 21., 100., 101., 110., 111., 120., 121.];
        let expected = [0., 10., 20., 1., 11., 21., 100., 110., 120., 101., 111., 121.];
        assert_eq!(channels_last(&values, 3, 2), expected);
    }
}
