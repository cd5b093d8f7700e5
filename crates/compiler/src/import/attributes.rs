//! A node and its attributes, with errors that name both.

use crate::error::CompileError;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};

/// What to call a node in an error: its name, else its first output, else its position.
pub fn label(node: &NodeProto, index: usize) -> String {
    let output = node.output.iter().find(|output| !output.is_empty());
    match (node.name.as_str(), output) {
        ("", Some(output)) => output.clone(),
        ("", None) => format!("#{index}"),
        (name, _) => name.into(),
    }
}

/// An ONNX node under its name.
#[derive(Clone, Copy)]
pub(crate) struct NodeRef<'a> {
    pub name: &'a str,
    pub proto: &'a NodeProto,
}

impl<'a> NodeRef<'a> {
    /// The operator, with its domain before it unless that is ONNX's own.
    pub fn operator(&self) -> String {
        match self.proto.domain.as_str() {
            "" | "ai.onnx" => self.proto.op_type.clone(),
            domain => format!("{domain}.{}", self.proto.op_type),
        }
    }

    /// An error at this node.
    pub fn error(&self, problem: impl Into<String>) -> CompileError {
        CompileError::Node { node: self.name.into(), operator: self.operator(), problem: problem.into() }
    }

    /// Name of input `index`, if it is there.
    pub fn input(&self, index: usize) -> Option<&'a str> {
        self.proto.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Name of input `index`, which the operator cannot do without.
    pub fn needed_input(&self, index: usize) -> Result<&'a str, CompileError> {
        self.input(index).ok_or_else(|| self.error(format!("input {index} is missing")))
    }

    /// Name of the first output.
    pub fn output(&self) -> Result<&'a str, CompileError> {
        let name = self.proto.output.first().filter(|name| !name.is_empty());
        name.map(String::as_str).ok_or_else(|| self.error("its first output has no name"))
    }

    fn attribute(&self, name: &str, kind: AttributeType) -> Result<Option<&'a AttributeProto>, CompileError> {
        let Some(attribute) = self.proto.attribute.iter().find(|attribute| attribute.name == name) else {
            return Ok(None);
        };
        if attribute.r#type != kind as i32 {
            let found = AttributeType::try_from(attribute.r#type);
            let found = found.map_or(attribute.r#type.to_string(), |kind| format!("{kind:?}"));
            return Err(self.error(format!("attribute {name} has type {found}, {kind:?} is needed")));
        }
        Ok(Some(attribute))
    }

    /// An integer attribute.
    pub fn int(&self, name: &str) -> Result<Option<i64>, CompileError> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|attribute| attribute.i))
    }

    /// An integer attribute that says yes or no.
    pub fn flag(&self, name: &str) -> Result<bool, CompileError> {
        match self.int(name)? {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(self.error(format!("attribute {name} is {other}, must be 0 or 1"))),
        }
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, CompileError> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|attribute| attribute.ints.as_slice()))
    }

    /// A number.
    pub fn float(&self, name: &str) -> Result<Option<f32>, CompileError> {
        Ok(self.attribute(name, AttributeType::Float)?.map(|attribute| attribute.f))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, CompileError> {
        let Some(attribute) = self.attribute(name, AttributeType::String)? else { return Ok(None) };
        let text = std::str::from_utf8(&attribute.s);
        text.map(Some).map_err(|_| self.error(format!("attribute {name} is not UTF-8")))
    }

    /// Refuses an attribute that is not in `known`: it could change what the node computes.
    pub fn only(&self, known: &[&str]) -> Result<(), CompileError> {
        for attribute in &self.proto.attribute {
            if !known.contains(&attribute.name.as_str()) {
                return Err(self.error(format!("attribute {} is not known", attribute.name)));
            }
        }
        Ok(())
    }
}
