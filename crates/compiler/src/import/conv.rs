//! `Conv`.

use super::attributes::NodeRef;
use super::nodes::Importer;
use super::window;
use crate::error::CompileError;
use crate::graph::{Conv, Op, Pad};
use wisp::format::Clamp;

/// Adds the convolution that `node` describes.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])?;
    let input = importer.map(node, 0)?;
    let shape = importer.shape(input);
    let weight = importer.floats(node, 1, "weight")?;
    let [outputs, inner, kh, kw] = weight.shape[..] else {
        return Err(node.error(format!(
            "its weight has shape {:?}, [outputs, inputs, height, width] is needed",
            weight.shape
        )));
    };
    let side = 1..=usize::from(u16::MAX);
    if !side.contains(&kh) || !side.contains(&kw) || inner == 0 || outputs == 0 {
        return Err(
            node.error(format!("its weight has shape {:?}, which is empty or too large", weight.shape))
        );
    }
    let groups = node.int("group")?.unwrap_or(1);
    let groups = usize::try_from(groups)
        .ok()
        .filter(|&groups| groups > 0 && groups.checked_mul(inner) == Some(shape.c) && outputs % groups == 0);
    let Some(groups) = groups else {
        return Err(node.error(format!(
            "group {}, {} input channels and a weight of shape {:?} do not fit together",
            node.int("group")?.unwrap_or(1),
            shape.c,
            weight.shape
        )));
    };
    let bias = match node.input(2) {
        None => vec![0.0; outputs],
        Some(_) => importer.floats(node, 2, "bias")?.values,
    };
    if bias.len() != outputs {
        return Err(node.error(format!("its bias has {} values, {outputs} are needed", bias.len())));
    }
    let mut window = window::read(node, [kh, kw], shape)?.window;
    let weight = channels_last(&weight.values, inner, kh * kw);
    let input = if window::pads_fit(&window) {
        input
    } else {
        // More zeros than the kernel is large: they are written before it.
        let pad = Pad { start: window.pad_start, end: window.pad_end };
        (window.pad_start, window.pad_end) = ((0, 0), (0, 0));
        importer.push_inner(node, Op::Pad(pad), vec![input])?
    };
    let conv = Conv { window, groups, weight, bias, clamp: Clamp::NONE };
    importer.push_map(node, Op::Conv(conv), vec![input])
}

/// Reorders `[output][input][tap]` to `[output][tap][input]`.
pub fn channels_last(values: &[f32], inner: usize, taps: usize) -> Vec<f32> {
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
