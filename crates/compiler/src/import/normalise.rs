//! `BatchNormalization` and `LRN`.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;
use wisp::format::Lrn;

/// Checks the attributes of a batch normalisation by themselves, before tract has its say.
pub fn check_batch(node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["epsilon", "momentum", "spatial", "training_mode"])?;
    if node.flag("training_mode")? {
        return Err(node.error("batch normalisation in training mode is not supported"));
    }
    if node.int("spatial")?.is_some_and(|spatial| spatial != 1) {
        return Err(node.error("spatial 0 (statistics for each pixel) is not supported"));
    }
    Ok(())
}

/// Adds a batch normalisation with the statistics of training: a scale and a shift of each channel
/// (Ioffe and Szegedy 2015, section 3.1).
pub fn lower_batch(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.activation(node, 0)?;
    let shape = importer.shape(input.tensor);
    if input.layout.channel_axis(shape) != Some(1) {
        return Err(importer.wrong_layout(node, &input));
    }
    let values = |index, what| {
        let values = importer.floats(node, index, what)?.values;
        if values.len() != shape.c {
            let (found, needed) = (values.len(), shape.c);
            return Err(node.error(format!("its {what} has {found} values, {needed} are needed")));
        }
        Ok(values)
    };
    let (gamma, beta) = (values(1, "scale")?, values(2, "bias")?);
    let (mean, variance) = (values(3, "mean")?, values(4, "variance")?);
    let epsilon = f64::from(node.float("epsilon")?.unwrap_or(1e-5));
    let (mut scale, mut shift) = (Vec::with_capacity(shape.c), Vec::with_capacity(shape.c));
    for channel in 0..shape.c {
        let squared = f64::from(variance[channel]) + epsilon;
        if squared <= 0.0 {
            let found = variance[channel];
            return Err(node.error(format!("its variance {found} and epsilon are not above 0 together")));
        }
        let factor = f64::from(gamma[channel]) / squared.sqrt();
        scale.push(factor as f32);
        shift.push((f64::from(beta[channel]) - f64::from(mean[channel]) * factor) as f32);
    }
    importer.push(node, Op::Affine { scale, shift }, vec![input.tensor], input.layout)
}

/// Adds a local response normalisation.
pub fn lower_lrn(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["alpha", "beta", "bias", "size"])?;
    let input = importer.map(node, 0)?;
    let size = node.int("size")?.ok_or_else(|| node.error("attribute size is missing"))?;
    let size = u32::try_from(size).ok().filter(|size| (1..=wisp::format::plan::MAX_CHANNELS).contains(size));
    let lrn = Lrn {
        size: size.ok_or_else(|| node.error("its size must be in 1..=1048576"))?,
        alpha: node.float("alpha")?.unwrap_or(1e-4),
        beta: node.float("beta")?.unwrap_or(0.75),
        bias: node.float("bias")?.unwrap_or(1.0),
    };
    let finite = [lrn.alpha, lrn.beta, lrn.bias].iter().all(|value| value.is_finite());
    if !finite || lrn.alpha < 0.0 || lrn.bias <= 0.0 {
        let Lrn { alpha, beta, bias, .. } = lrn;
        return Err(node.error(format!(
            "alpha {alpha}, beta {beta} and bias {bias} are not supported: alpha must not be below 0, bias \
             must be above 0"
        )));
    }
    importer.push_map(node, Op::Lrn(lrn), vec![input])
}
