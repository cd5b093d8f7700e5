//! Operators that leave every value where it is: `Identity`, `Dropout`, and reshapes of a vector.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds nothing but a second name.
pub fn lower_identity(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::Identity, vec![input])
}

/// Dropout does nothing outside training. A mask output is fine as long as nothing reads it: then it has
/// no tensor in our graph, and reading it is an error there.
pub fn lower_dropout(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["ratio", "seed"])?;
    if let Some(mode) = node.input(2)
        && importer.facts.flag(mode) != Some(false)
    {
        return Err(node.error("dropout in training mode is not supported"));
    }
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::Identity, vec![input])
}

/// A reshape changes nothing in memory when it keeps the picture: a vector of channels stays one whether
/// its shape is [1, C] or [1, C, 1, 1].
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>, known: &[&str]) -> Result<(), CompileError> {
    node.only(known)?;
    let input = importer.activation(node, 0)?;
    let before = importer.shape(input);
    let after = importer.facts.shape(node.output()?).unwrap_or_default();
    let kept = match after[..] {
        [1, c] => before.is_vector() && before.c == c,
        [1, c, h, w] => (before.h, before.w, before.c) == (h, w, c),
        _ => false,
    };
    if !kept {
        return Err(node.error(format!(
            "it turns a map of {before} (height×width×channels) into shape {after:?}; only a map of one pixel, \
             such as a global average gives, can become a vector"
        )));
    }
    importer.push(node, Op::Identity, vec![input])
}
