//! `Relu` and `Clip`: both clamp.

use super::attributes::NodeRef;
use super::nodes::Importer;
use super::quantize::SIGNED;
use crate::error::CompileError;
use crate::graph::Op;
use wisp::format::{Clamp, Element};

/// Adds `max(x, 0)`.
pub fn lower_relu(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    if importer.element(input.tensor) == Element::U8 {
        let zero = offset(importer, node)?;
        let table = table(|byte| byte.max(zero));
        return importer.push(node, Op::Lookup(table), vec![input.tensor], input.layout);
    }
    importer.push(node, Op::Clamp(Clamp::RELU), vec![input.tensor], input.layout)
}

/// What an integer tensor's 0 is kept as.
fn offset(importer: &Importer<'_>, node: NodeRef<'_>) -> Result<u8, CompileError> {
    let signed = importer.facts.kind(node.needed_input(0)?).as_deref() == Some("i8");
    Ok(if signed { SIGNED } else { 0 })
}

fn table(value: impl Fn(u8) -> u8) -> Box<[u8; 256]> {
    let mut table = Box::new([0; 256]);
    for (byte, to) in (0..=255).zip(table.iter_mut()) {
        *to = value(byte);
    }
    table
}

/// A clamp of integers, whose bounds are integers of the same type.
fn lower_integer_clip(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.activation(node, 0)?;
    let zero = i64::from(offset(importer, node)?);
    let bound = |index: usize, what: &str, otherwise: u8| {
        if node.input(index).is_none() {
            return Ok(otherwise);
        }
        let values = importer.ints(node, index, what)?;
        let kept = values.first().and_then(|value| u8::try_from(value.saturating_add(zero)).ok());
        kept.ok_or_else(|| node.error(format!("its {what} is {values:?}, one value is needed")))
    };
    let (lo, hi) = (bound(1, "min", 0)?, bound(2, "max", u8::MAX)?);
    let table = table(|byte| byte.max(lo).min(hi));
    importer.push(node, Op::Lookup(table), vec![input.tensor], input.layout)
}

/// Adds a clamp, whose bounds are attributes before opset 11 and inputs from then on.
pub fn lower_clip(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.activation(node, 0)?;
    if importer.element(input.tensor) == Element::U8 {
        node.only(&[])?;
        return lower_integer_clip(importer, node);
    }
    let (lo, hi) = if importer.opset < 11 {
        node.only(&["max", "min"])?;
        (node.float("min")?, node.float("max")?)
    } else {
        node.only(&[])?;
        (bound(importer, node, 1, "min")?, bound(importer, node, 2, "max")?)
    };
    let clamp = Clamp { lo: lo.unwrap_or(f32::NEG_INFINITY), hi: hi.unwrap_or(f32::INFINITY) };
    // A bound that is not a number compares as neither.
    if clamp.lo.is_nan() || clamp.hi.is_nan() || clamp.lo > clamp.hi {
        return Err(node.error(format!(
            "its bounds are {} and {}, the first must not be above the second",
            clamp.lo, clamp.hi
        )));
    }
    importer.push(node, Op::Clamp(clamp), vec![input.tensor], input.layout)
}

fn bound(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    index: usize,
    what: &str,
) -> Result<Option<f32>, CompileError> {
    if node.input(index).is_none() {
        return Ok(None);
    }
    match importer.floats(node, index, what)?.values[..] {
        [value] => Ok(Some(value)),
        ref values => Err(node.error(format!("its {what} has {} values, one is needed", values.len()))),
    }
}
