//! Bounds the constants that tract will compute while it infers shapes.
//!
//! tract folds whatever depends on constants only, and an allocation that fails ends the process. So the
//! size of every folded constant is bounded first, from the sizes of what goes in; operators whose output
//! can grow without bound are refused on constants.

use super::attributes::NodeRef;
use super::operators::{self, Role};
use super::source::Source;
use super::{limits, tensors};
use crate::error::CompileError;
use std::collections::HashMap;

/// Values of a shape: one a dimension.
const SHAPE: u64 = limits::RANK as u64;

/// Refuses a model whose folded constants may take more values than [`limits`] allow.
pub fn check(source: &Source) -> Result<(), CompileError> {
    let mut constants: HashMap<&str, u64> = HashMap::new();
    for tensor in &source.graph.initializer {
        let values = tensor.dims.iter().fold(1u64, |all, &dim| all.saturating_mul(dim.unsigned_abs()));
        constants.insert(&tensor.name, values);
    }
    let mut total = 0u64;
    for node in source.node_refs() {
        let Some(values) = folded(source, node, &constants)? else { continue };
        total = total.saturating_add(values);
        if total > limits::CONSTANT_VALUES {
            let problem = format!("it computes a constant of up to {values} values, which is too large");
            return Err(node.error(problem));
        }
        for output in &node.proto.output {
            constants.insert(output, values);
        }
    }
    Ok(())
}

/// The most values that the node's output has, if it is a constant.
fn folded(
    source: &Source,
    node: NodeRef<'_>,
    constants: &HashMap<&str, u64>,
) -> Result<Option<u64>, CompileError> {
    match node.proto.op_type.as_str() {
        "Constant" => {
            let values = node.proto.attribute.iter().map(|value| tensors::check_attribute(value, node.name));
            return values.sum::<Result<u64, _>>().map(|values| Some(values.max(1)));
        }
        "Shape" => return Ok(Some(SHAPE)),
        // The size is what its input says, not how long that is.
        "ConstantOfShape" => {
            let shape = node.input(0).and_then(|name| source.constant_ints(name));
            let shape = shape.ok_or_else(|| node.error("its shape must be given, not computed"))?;
            let values = shape.iter().fold(1u64, |all, &dim| all.saturating_mul(dim.unsigned_abs()));
            return Ok(Some(values));
        }
        _ => {}
    }
    let Some(role) = operators::find(node.proto).map(|operator| operator.role) else { return Ok(None) };
    let names = node.proto.input.iter().filter(|input| !input.is_empty());
    let sizes: Option<Vec<u64>> = names.map(|input| constants.get(input.as_str()).copied()).collect();
    let Some(sizes) = sizes else { return Ok(None) };
    if role == Role::Lowered {
        return Err(node.error("all its inputs are constants, which is not supported"));
    }
    Ok(Some(match node.proto.op_type.as_str() {
        "Concat" => sizes.iter().fold(0, |sum, size| sum.saturating_add(*size)),
        // Broadcasting, or indices into the first input.
        "Add" | "Sum" | "Sub" | "Mul" | "Div" | "Gather" => {
            sizes.iter().fold(1, |product, size| product.saturating_mul((*size).max(1)))
        }
        _ => sizes.first().copied().unwrap_or(0),
    }))
}
