//! `MaxPool`, `AveragePool`, `GlobalAveragePool` and `ReduceMean`.

use super::attributes::NodeRef;
use super::layout::Layout;
use super::nodes::Importer;
use super::window;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds a max-pool.
pub fn lower_max(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    // The storage order is that of the second output, the positions of the maxima.
    node.only(&["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"])?;
    let input = importer.map(node, 0)?;
    let window = window::read_pool(node, window::pool_kernel(node)?, importer.shape(input))?.window;
    importer.push_map(node, Op::MaxPool(window), vec![input])
}

/// Adds an average-pool.
pub fn lower_average(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let op = average(importer, node, &[])?;
    let input = importer.map(node, 0)?;
    importer.push_map(node, op, vec![input])
}

/// The average-pool that a node describes; one whose window is the whole picture is a global average.
/// `more` are attributes that it may have besides its own.
pub fn average(importer: &Importer<'_>, node: NodeRef<'_>, more: &[&str]) -> Result<Op, CompileError> {
    let own = ["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"];
    node.only(&[&own[..], more].concat())?;
    let shape = importer.shape(importer.map(node, 0)?);
    let kernel = window::pool_kernel(node)?;
    let placed = window::read_pool(node, kernel, shape)?;
    let window = placed.window;
    let padded = window.pad_start != (0, 0) || window.pad_end != (0, 0);
    let include_pad = node.flag("count_include_pad")? && padded;
    if include_pad && placed.overhangs {
        // What ceil_mode adds counts for the divisor in some exporters and not in others.
        return Err(
            node.error("ceil_mode with count_include_pad is not supported where windows hang over the edge")
        );
    }
    Ok(if kernel == [shape.h, shape.w] && !padded {
        Op::GlobalAverage
    } else {
        Op::AveragePool { window, include_pad }
    })
}

/// Adds a global average.
pub fn lower_global_average(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.map(node, 0)?;
    importer.push_map(node, Op::GlobalAverage, vec![input])
}

/// Adds the mean over rows and columns, which is a global average.
pub fn lower_mean(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    let input = importer.activation(node, 0)?;
    let Layout { order, mut dims } = input.layout.clone();
    let axes = if importer.opset < 18 {
        node.only(&["axes", "keepdims"])?;
        node.ints("axes")?.unwrap_or_default().to_vec()
    } else {
        node.only(&["keepdims", "noop_with_empty_axes"])?;
        if node.input(1).is_some() { importer.ints(node, 1, "axes")? } else { vec![] }
    };
    let mut places = importer.axes(node, &axes, dims.len())?;
    places.sort_unstable();
    let pixels = input.layout.pixel_axes(importer.shape(input.tensor));
    let Some([rows, columns]) = pixels.filter(|pixels| places == pixels) else {
        return Err(node.error(format!(
            "the mean over axes {axes:?} of shape {dims:?} is not supported, over rows and columns it is"
        )));
    };
    if node.int("keepdims")?.unwrap_or(1) == 0 {
        dims.drain(rows..=columns);
    } else {
        dims[rows..=columns].fill(1);
    }
    importer.push(node, Op::GlobalAverage, vec![input.tensor], Layout { order, dims })
}
