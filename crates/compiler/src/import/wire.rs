//! Counts the records of an ONNX protobuf before it is decoded.
//!
//! A record of two bytes (an empty node, say) becomes hundreds of bytes in memory, so a small file could
//! decode to more than the machine has. This walk takes no memory, follows the message types of
//! `onnx.proto` that can hold others, and stops at the first limit.

use super::limits;
use crate::error::CompileError;

/// The message types that hold records, as far as ONNX nests them.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Sparse,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Annotation,
    /// A message whose fields are counted, but not looked into.
    Leaf,
}

/// What field `field` of a message of type `kind` holds, if it is a message.
fn child(kind: Kind, field: u64) -> Option<Kind> {
    Some(match (kind, field) {
        (Kind::Model, 7) | (Kind::Training, 1 | 2) | (Kind::Attribute, 6 | 11) => Kind::Graph,
        (Kind::Model, 20) => Kind::Training,
        (Kind::Model, 25) => Kind::Function,
        (Kind::Graph, 1) | (Kind::Function, 7) => Kind::Node,
        (Kind::Graph, 11..=13) | (Kind::Function, 12) => Kind::ValueInfo,
        (Kind::Graph, 14) => Kind::Annotation,
        (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Kind::Sparse,
        (Kind::Node, 5) | (Kind::Function, 11) => Kind::Attribute,
        (Kind::Attribute, 14 | 15) | (Kind::ValueInfo, 2) => Kind::Type,
        (Kind::Type, 1) => Kind::TensorType,
        (Kind::TensorType, 2) => Kind::Shape,
        (Kind::Graph, 5)
        | (Kind::Attribute, 5 | 10)
        | (Kind::Sparse, 1 | 2)
        | (Kind::Shape, 1)
        | (Kind::Annotation, 2)
        | (Kind::Model, 8 | 14)
        | (Kind::Training, 3 | 4)
        | (Kind::Function, 9) => Kind::Leaf,
        _ => return None,
    })
}

/// Refuses a file with more records or deeper nesting than [`limits`] allow.
pub fn check(bytes: &[u8]) -> Result<(), CompileError> {
    let mut counter = Counter { records: 0 };
    counter.message(bytes, Kind::Model, 0)
}

struct Counter {
    records: u64,
}

impl Counter {
    /// Malformed bytes end the walk without an error: the decoder will say what is wrong with them.
    fn message(&mut self, mut bytes: &[u8], kind: Kind, depth: u32) -> Result<(), CompileError> {
        while let Some(field) = next(&mut bytes) {
            let Some(body) = field.body else { continue };
            self.records += 1;
            if self.records > limits::RECORDS {
                return Err(CompileError::limit("records in the file", self.records, limits::RECORDS));
            }
            let Some(inner) = child(kind, field.number) else { continue };
            let depth = depth + u32::from(matches!(inner, Kind::Graph));
            if depth > limits::DEPTH {
                return Err(CompileError::limit("nesting of subgraphs", depth.into(), limits::DEPTH.into()));
            }
            self.message(body, inner, depth)?;
        }
        Ok(())
    }
}

struct Field<'a> {
    number: u64,
    /// The bytes of a length-delimited field.
    body: Option<&'a [u8]>,
}

/// Takes one field off the front of `bytes`; `None` at the end and when it is malformed.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    let key = varint(bytes)?;
    let mut body = None;
    match key & 7 {
        0 => _ = varint(bytes)?,
        1 => *bytes = bytes.get(8..)?,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (inner, rest) = bytes.split_at_checked(length)?;
            (body, *bytes) = (Some(inner), rest);
        }
        5 => *bytes = bytes.get(4..)?,
        _ => return None,
    }
    Some(Field { number: key >> 3, body })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = body.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend(body);
        out
    }

    #[test]
    fn counts_empty_nodes() {
        let nodes = field(1, &[]).repeat(limits::RECORDS as usize);
        let error = check(&field(7, &nodes)).unwrap_err();
        assert_eq!(error.to_string(), "records in the file: 1048577, at most 1048576 are accepted");
        let few = field(1, &[]).repeat(1000);
        assert!(check(&field(7, &few)).is_ok());
    }

    #[test]
    fn stops_at_deep_subgraphs() {
        let mut graph = Vec::new();
        for _ in 0..limits::DEPTH + 1 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        let error = check(&field(7, &graph)).unwrap_err();
        assert_eq!(error.to_string(), "nesting of subgraphs: 17, at most 16 are accepted");
    }

    #[test]
    fn leaves_malformed_bytes_to_the_decoder() {
        for bytes in [&[0x3a, 0xff][..], &[0xff; 12], &[0x3b], b"\x89PNG\r\n\x1a\n"] {
            assert!(check(bytes).is_ok());
        }
    }
}
