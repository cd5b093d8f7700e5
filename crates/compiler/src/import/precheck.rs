//! Decodes the protobuf and checks what tract takes for granted.
//!
//! After [`decode`]: the graph is there; its nodes stand in an order in which each reads only what is
//! defined before it, every name is defined once, no node holds a subgraph, and every tensor in the file
//! has as much data as its shape says. tract panics or allocates without bound on files that break these.

use super::attributes::label;
use super::{limits, tensors, wire};
use crate::error::CompileError;
use prost::Message;
use std::collections::HashSet;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

/// Decodes and checks a model. Its graph is there.
pub fn decode(bytes: Vec<u8>) -> Result<(ModelProto, GraphProto), CompileError> {
    if bytes.len() as u64 > limits::FILE_BYTES {
        return Err(CompileError::limit("bytes in the file", bytes.len() as u64, limits::FILE_BYTES));
    }
    wire::check(&bytes)?;
    let mut model = ModelProto::decode(bytes.as_slice())
        .map_err(|error| CompileError::NotOnnx { source: error.into() })?;
    drop(bytes);
    let Some(graph) = model.graph.take() else {
        return Err(CompileError::model("not an ONNX model: it holds no graph"));
    };
    opset(&model)?;
    check(&graph)?;
    Ok((model, graph))
}

/// The version of ONNX's own operators that the file asks for.
pub fn opset(model: &ModelProto) -> Result<i64, CompileError> {
    let own = model.opset_import.iter().find(|opset| matches!(opset.domain.as_str(), "" | "ai.onnx"));
    let Some(opset) = own else {
        return Err(CompileError::model(
            "the model names no opset version (opset_import of ai.onnx is missing)",
        ));
    };
    if !limits::OPSETS.contains(&opset.version) {
        return Err(CompileError::model(format!(
            "opset {} is not supported, {} to {} are",
            opset.version,
            limits::OPSETS.start(),
            limits::OPSETS.end()
        )));
    }
    Ok(opset.version)
}

fn check(graph: &GraphProto) -> Result<(), CompileError> {
    if graph.node.is_empty() {
        return Err(CompileError::model("the graph has no nodes"));
    }
    if graph.node.len() as u64 > limits::NODES {
        return Err(CompileError::limit("nodes in the graph", graph.node.len() as u64, limits::NODES));
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(CompileError::model("sparse initialisers are not supported"));
    }
    let mut defined = HashSet::new();
    let mut values = 0u64;
    for tensor in &graph.initializer {
        define(&mut defined, &tensor.name)?;
        values = values.saturating_add(tensors::check(tensor, &tensor.name)?);
    }
    let initialised = defined.clone();
    for input in &graph.input {
        // Until IR version 3 an initialiser had to be listed as an input too.
        if !initialised.contains(input.name.as_str()) {
            define(&mut defined, &input.name)?;
        }
    }
    for (index, node) in graph.node.iter().enumerate() {
        let name = label(node, index);
        values = values.saturating_add(attributes(node, &name)?);
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            if !defined.contains(input.as_str()) {
                let problem = format!("its input \"{input}\" is not defined before it");
                return Err(CompileError::Node { node: name, operator: node.op_type.clone(), problem });
            }
        }
        if node.output.iter().all(String::is_empty) {
            let problem = "it has no output".into();
            return Err(CompileError::Node { node: name, operator: node.op_type.clone(), problem });
        }
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            define(&mut defined, output)?;
        }
    }
    if values > limits::CONSTANT_VALUES {
        return Err(CompileError::limit("values of all constants", values, limits::CONSTANT_VALUES));
    }
    if graph.output.is_empty() {
        return Err(CompileError::model("the graph has no output"));
    }
    for output in &graph.output {
        if !defined.contains(output.name.as_str()) {
            return Err(CompileError::tensor(&output.name, "it is a graph output, but nothing computes it"));
        }
    }
    Ok(())
}

fn define<'a>(defined: &mut HashSet<&'a str>, name: &'a str) -> Result<(), CompileError> {
    if name.is_empty() {
        return Err(CompileError::model("a graph input or an initialiser has no name"));
    }
    if !defined.insert(name) {
        return Err(CompileError::tensor(name, "it is defined twice"));
    }
    Ok(())
}

fn attributes(node: &NodeProto, name: &str) -> Result<u64, CompileError> {
    let fail = |problem: String| {
        Err(CompileError::Node { node: name.into(), operator: node.op_type.clone(), problem })
    };
    let mut values = 0u64;
    for (index, attribute) in node.attribute.iter().enumerate() {
        if attribute.g.is_some() || !attribute.graphs.is_empty() {
            return fail("control flow (a graph inside a node) is not supported".into());
        }
        if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
            return fail("sparse tensors are not supported".into());
        }
        if node.attribute.iter().take(index).any(|other| other.name == attribute.name) {
            return fail(format!("attribute \"{}\" is given twice", attribute.name));
        }
        values = values.saturating_add(tensors::check_attribute(attribute, name)?);
    }
    Ok(values)
}
