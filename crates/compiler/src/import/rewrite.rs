//! Says in the older words what tract 0.23.9 does not understand in the newer ones.

use super::source::{Source, initialiser};
use std::collections::HashSet;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, TensorProto};

/// - `Pad` with `axes` (opset 18), whose shape tract does not infer: pads of all four dimensions instead.
/// - The type of `QuantizeLinear` without a zero point (opset 21): a zero point of that type.
/// - Outputs that nobody reads at the end of a list (a batch normalisation's statistics): left out.
pub fn run(source: &mut Source) {
    let read: HashSet<String> =
        source.graph.node.iter().flat_map(|node| node.input.iter().cloned()).collect();
    for node in &mut source.graph.node {
        let needed = |name: &String| read.contains(name) || *name == source.output;
        while node.output.len() > 1 && node.output.last().is_some_and(|name| !needed(name)) {
            node.output.pop();
        }
    }
    for index in 0..source.graph.node.len() {
        signed_zero(source, index);
        let Some(pads) = whole_pads(source, index) else { continue };
        let Some(node) = source.graph.node.get_mut(index) else { continue };
        let name = format!("{}#pads", node.name);
        node.input.truncate(3);
        if let Some(input) = node.input.get_mut(1) {
            input.clone_from(&name);
        }
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
        source.graph.initializer.push(initialiser(&name, &pads));
    }
}

/// The pads of a node that has axes, if it is clear what it says; else tract or the import refuses it.
fn whole_pads(source: &Source, index: usize) -> Option<Vec<i64>> {
    let node = source.graph.node.get(index).filter(|node| node.op_type == "Pad")?;
    let [_, pads, _, axes] = node.input.as_slice() else { return None };
    let (pads, axes) = (source.constant_ints(pads)?, source.constant_ints(axes)?);
    if pads.len() != 2 * axes.len() {
        return None;
    }
    let mut whole = vec![0; 8];
    for (at, axis) in axes.iter().enumerate() {
        let axis = if *axis < 0 { axis + 4 } else { *axis };
        let axis = usize::try_from(axis).ok().filter(|axis| *axis < 4)?;
        whole[axis] = pads[at];
        whole[axis + 4] = pads[at + axes.len()];
    }
    Some(whole)
}

/// Gives a node that quantises to `i8`, but has no zero point, one of 0.
fn signed_zero(source: &mut Source, index: usize) {
    let Some(node) = source.graph.node.get_mut(index) else { return };
    let is_signed =
        |attribute: &AttributeProto| attribute.name == "output_dtype" && attribute.i == DataType::Int8 as i64;
    if node.op_type != "QuantizeLinear" || node.input.len() != 2 || !node.attribute.iter().any(is_signed) {
        return;
    }
    let name = format!("{}#zero", node.name);
    node.input.push(name.clone());
    let data_type = DataType::Int8 as i32;
    source.graph.initializer.push(TensorProto { name, data_type, int32_data: vec![0], ..Default::default() });
}
