//! The operators that import knows, with their arity.

use super::attributes::{NodeRef, label};
use super::{normalise, window};
use crate::error::CompileError;
use std::fmt;
use std::ops::RangeInclusive;
use tract_onnx::pb::NodeProto;

/// An operator.
pub struct Operator {
    pub name: &'static str,
    inputs: RangeInclusive<usize>,
    outputs: RangeInclusive<usize>,
    pub role: Role,
    /// Whether it belongs to the domain `com.microsoft` and not to ONNX's own.
    microsoft: bool,
}

/// What import does with an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It becomes a node of our graph. Its data input must not be a constant.
    Lowered,
    /// As `Lowered`; on constants, tract computes it.
    LoweredOrFolded,
    /// tract computes it; an input that is not a constant is refused.
    Folded,
}

const fn operator(name: &'static str, inputs: RangeInclusive<usize>, role: Role) -> Operator {
    Operator { name, inputs, outputs: 1..=1, role, microsoft: false }
}

/// An operator of ONNX Runtime's own domain.
const fn microsoft(name: &'static str, inputs: RangeInclusive<usize>) -> Operator {
    Operator { microsoft: true, ..operator(name, inputs, Role::Lowered) }
}

const MANY: usize = usize::MAX;

/// In the order in which an error lists them.
const OPERATORS: &[Operator] = &[
    operator("Conv", 2..=3, Role::Lowered),
    operator("Gemm", 2..=3, Role::Lowered),
    operator("MatMul", 2..=2, Role::Lowered),
    operator("MaxPool", 1..=1, Role::Lowered),
    operator("AveragePool", 1..=1, Role::Lowered),
    operator("GlobalAveragePool", 1..=1, Role::Lowered),
    operator("ReduceMean", 1..=2, Role::Lowered),
    operator("Relu", 1..=1, Role::Lowered),
    operator("Clip", 1..=3, Role::Lowered),
    operator("Add", 2..=2, Role::LoweredOrFolded),
    operator("Sum", 1..=MANY, Role::LoweredOrFolded),
    operator("Sub", 2..=2, Role::LoweredOrFolded),
    operator("Mul", 2..=2, Role::LoweredOrFolded),
    operator("Div", 2..=2, Role::LoweredOrFolded),
    Operator { outputs: 1..=5, ..operator("BatchNormalization", 5..=5, Role::Lowered) },
    operator("LRN", 1..=1, Role::Lowered),
    operator("Pad", 1..=4, Role::Lowered),
    operator("Concat", 1..=MANY, Role::LoweredOrFolded),
    Operator { outputs: 1..=2, ..operator("Dropout", 1..=3, Role::Lowered) },
    operator("Identity", 1..=1, Role::LoweredOrFolded),
    operator("Cast", 1..=1, Role::LoweredOrFolded),
    operator("Flatten", 1..=1, Role::LoweredOrFolded),
    operator("Reshape", 2..=2, Role::LoweredOrFolded),
    operator("Squeeze", 1..=2, Role::LoweredOrFolded),
    operator("Unsqueeze", 1..=2, Role::LoweredOrFolded),
    operator("Transpose", 1..=1, Role::LoweredOrFolded),
    operator("Softmax", 1..=1, Role::Lowered),
    operator("QuantizeLinear", 2..=3, Role::LoweredOrFolded),
    operator("DequantizeLinear", 2..=3, Role::LoweredOrFolded),
    operator("QLinearConv", 8..=9, Role::Lowered),
    operator("QLinearMatMul", 8..=8, Role::Lowered),
    microsoft("QGemm", 6..=9),
    microsoft("QLinearAdd", 7..=8),
    microsoft("QLinearConcat", 5..=MANY),
    microsoft("QLinearAveragePool", 4..=5),
    microsoft("QLinearGlobalAveragePool", 4..=5),
    microsoft("QLinearSoftmax", 4..=5),
    // What exporters write around shapes.
    operator("Constant", 0..=0, Role::Folded),
    operator("ConstantOfShape", 1..=1, Role::Folded),
    operator("Shape", 1..=1, Role::Folded),
    operator("Gather", 2..=2, Role::Folded),
    operator("Slice", 1..=5, Role::Folded),
];

/// Writes the operators that become steps, separated by commas.
pub(crate) fn write_supported(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, operator) in OPERATORS.iter().filter(|operator| operator.role != Role::Folded).enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        f.write_str(operator.name)?;
    }
    Ok(())
}

/// The operator of a node, if import knows it.
pub fn find(node: &NodeProto) -> Option<&'static Operator> {
    let own = matches!(node.domain.as_str(), "" | "ai.onnx");
    let microsoft = node.domain == "com.microsoft";
    // ONNX Runtime's domain has the two as well, with the same meaning.
    let both = matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear");
    let fits = |operator: &&Operator| if operator.microsoft { microsoft } else { own || (both && microsoft) };
    OPERATORS.iter().filter(fits).find(|operator| operator.name == node.op_type)
}

/// The error for a node that cannot become a step.
pub fn unsupported(node: NodeRef<'_>) -> CompileError {
    CompileError::UnsupportedOperator { node: node.name.into(), operator: node.operator() }
}

/// Refuses operators that import does not know, nodes with too few or too many inputs or outputs, and
/// windows that are not two-dimensional.
pub fn check(nodes: &[NodeProto]) -> Result<(), CompileError> {
    for (index, proto) in nodes.iter().enumerate() {
        let name = label(proto, index);
        let node = NodeRef { name: &name, proto };
        let Some(operator) = find(proto) else { return Err(unsupported(node)) };
        for (what, count, range) in [
            ("input", proto.input.len(), &operator.inputs),
            ("output", proto.output.len(), &operator.outputs),
        ] {
            if !range.contains(&count) {
                let plural = if count == 1 { "" } else { "s" };
                return Err(node.error(format!("it has {count} {what}{plural}, {} needed", counts(range))));
            }
        }
        for input in 0..*operator.inputs.start() {
            node.needed_input(input)?;
        }
        if matches!(operator.name, "Conv" | "MaxPool" | "AveragePool") {
            window::check(node)?;
        }
        if operator.name == "BatchNormalization" {
            normalise::check_batch(node)?;
        }
    }
    Ok(())
}

fn counts(range: &RangeInclusive<usize>) -> String {
    match (*range.start(), *range.end()) {
        (1, 1) => "1 is".into(),
        (1, MANY) => "at least 1 is".into(),
        (first, MANY) => format!("at least {first} are"),
        (first, last) if first == last => format!("{first} are"),
        (first, last) => format!("{first} to {last} are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operator_is_listed_twice() {
        for (index, operator) in OPERATORS.iter().enumerate() {
            assert!(OPERATORS[..index].iter().all(|other| other.name != operator.name), "{}", operator.name);
        }
    }
}
