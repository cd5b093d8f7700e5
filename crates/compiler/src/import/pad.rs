//! `Pad`: zeros around the picture.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::{Op, Pad};

/// Adds the zeros; a pass folds them into the window that reads them.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.activation(node, 0)?;
    let dims = &input.layout.dims;
    let old = importer.opset < 11;
    node.only(if old { &["mode", "pads", "value"] } else { &["mode"] })?;
    match node.text("mode")? {
        None | Some("constant") => {}
        Some(mode) => return Err(node.error(format!("mode {mode} is not supported, constant is"))),
    }
    let (pads, value) = if old {
        let pads = node.ints("pads")?.ok_or_else(|| node.error("attribute pads is missing"))?;
        (pads.to_vec(), node.float("value")?.unwrap_or(0.0))
    } else {
        let value = match node.input(2) {
            Some(_) => importer.floats(node, 2, "value")?.values.first().copied().unwrap_or(0.0),
            None => 0.0,
        };
        (importer.ints(node, 1, "pads")?, value)
    };
    let axes = match node.input(3) {
        Some(_) => importer.axes(node, &importer.ints(node, 3, "axes")?, dims.len())?,
        None => (0..dims.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        let (found, needed) = (pads.len(), 2 * axes.len());
        return Err(node.error(format!("there are {found} pads, {needed} are needed")));
    }
    if value != 0.0 && pads.iter().any(|&pad| pad != 0) {
        return Err(node.error(format!("padding with {value} is not supported, with 0 it is")));
    }
    let (starts, ends) = pads.split_at(axes.len());
    let pixels = input.layout.pixel_axes(importer.shape(input.tensor));
    let mut pad = [(0u16, 0u16); 2];
    for ((&axis, &start), &end) in axes.iter().zip(starts).zip(ends) {
        if (start, end) == (0, 0) {
            continue;
        }
        let side = pixels.and_then(|pixels| pixels.iter().position(|&pixel| pixel == axis));
        let narrow = |pad: i64| u16::try_from(pad).ok();
        let (Some(side), Some(start), Some(end)) = (side, narrow(start), narrow(end)) else {
            return Err(node.error(format!(
                "pads {start} and {end} of axis {axis} of shape {dims:?} are not supported: only rows and \
                 columns can be padded, by 0..=65535"
            )));
        };
        pad[side] = (start, end);
    }
    let [rows, columns] = pad;
    let op = if pad == [(0, 0); 2] {
        Op::Identity
    } else {
        Op::Pad(Pad { start: (rows.0, columns.0), end: (rows.1, columns.1) })
    };
    let mut layout = input.layout;
    for (side, axis) in pixels.unwrap_or_default().into_iter().enumerate() {
        if let Some(dim) = layout.dims.get_mut(axis).filter(|_| pixels.is_some()) {
            *dim += usize::from(pad[side].0) + usize::from(pad[side].1);
        }
    }
    importer.push(node, op, vec![input.tensor], layout)
}
