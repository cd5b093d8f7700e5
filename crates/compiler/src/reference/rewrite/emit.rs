//! Writing nodes.

use super::{Names, Quantised, Rewriter};
use crate::reference::ops::DOMAIN;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// What an integer tensor that the file has no name for is called: after the numbers that it stands for.
pub fn integers_of(tensor: &str) -> String {
    format!("{tensor}#integers")
}

pub fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.into(), r#type: AttributeType::Ints as i32, ints, ..Default::default() }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i, ..Default::default() }
}

impl Rewriter<'_> {
    /// Adds `node` under another operator of ours.
    pub(super) fn push_as(&mut self, node: &NodeProto, operator: &str) {
        let (op_type, domain) = (operator.into(), DOMAIN.into());
        self.done.push(NodeProto { op_type, domain, ..node.clone() });
    }

    /// Adds `node`, which computes integers of a grid, and dequantises them to `output`.
    pub(super) fn push_quantised(&mut self, node: NodeProto, grid: &Names, output: &str) -> Quantised {
        let integers = integers_of(output);
        self.done.push(NodeProto { output: vec![integers.clone()], ..node });
        self.push_dequantize(&integers, grid, output);
        Quantised { integers, grid: grid.clone() }
    }

    pub(super) fn push_dequantize(&mut self, integers: &str, grid: &Names, output: &str) {
        let Names { scale, zero } = grid.clone();
        let mut input = vec![integers.into(), scale, zero];
        if input.last().is_some_and(String::is_empty) {
            input.pop();
        }
        self.done.push(NodeProto {
            name: format!("{output}#dequantize"),
            op_type: "DequantizeLinear".into(),
            input,
            output: vec![output.into()],
            ..Default::default()
        });
    }
}
