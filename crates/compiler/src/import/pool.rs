//! `MaxPool`, `AveragePool` and `GlobalAveragePool`.

use super::attributes::NodeRef;
use super::nodes::Importer;
use super::window;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds a max-pool.
pub fn lower_max(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    // The storage order is that of the second output, the positions of the maxima.
    node.only(&["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"])?;
    let input = importer.activation(node, 0)?;
    let window = window::read(node, window::pool_kernel(node)?, importer.shape(input))?.window;
    importer.push(node, Op::MaxPool(window), vec![input])
}

/// Adds an average-pool; one whose window is the whole picture becomes a global average.
pub fn lower_average(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[
        "auto_pad",
        "ceil_mode",
        "count_include_pad",
        "dilations",
        "kernel_shape",
        "pads",
        "strides",
    ])?;
    let input = importer.activation(node, 0)?;
    let shape = importer.shape(input);
    let kernel = window::pool_kernel(node)?;
    let placed = window::read(node, kernel, shape)?;
    let window = placed.window;
    let padded = window.pad_start != (0, 0) || window.pad_end != (0, 0);
    let include_pad = node.flag("count_include_pad")? && padded;
    if include_pad && placed.overhangs {
        // What ceil_mode adds counts for the divisor in some exporters and not in others.
        return Err(
            node.error("ceil_mode with count_include_pad is not supported where windows hang over the edge")
        );
    }
    let op = if kernel == [shape.h, shape.w] && !padded {
        Op::GlobalAverage
    } else {
        Op::AveragePool { window, include_pad }
    };
    importer.push(node, op, vec![input])
}

/// Adds a global average.
pub fn lower_global_average(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::GlobalAverage, vec![input])
}
