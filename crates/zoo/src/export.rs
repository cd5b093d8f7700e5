//! A network as an ONNX file.
//!
//! Everything but the weights is encoded by prost, in pieces. The weights of VGG-19 are 575 MB, so they
//! are made 64 KiB at a time between those pieces and never stand in memory. Lengths come first in
//! protobuf; they are known because every weight has four bytes. Fields are written in the order of their
//! numbers: the file is the one that a plain encoder would have written, byte for byte.

use std::io::{self, Write};

use prost::{Message, length_delimiter_len};

use crate::builder::{Constant, Map};
use crate::error::ZooError;
use crate::network::Network;
use crate::onnx::{
    FLOAT, GRAPH, GraphProto, INITIALIZER, ModelProto, OperatorSetIdProto, RAW_DATA, TensorProto,
    ValueInfoProto,
};
use crate::seed::{Fill, Values};

/// Protobuf's length of a message: readers count in signed 32 bits.
const MESSAGE_BYTES: u64 = i32::MAX as u64;
const OPSET: i64 = 13;
const IR_VERSION: i64 = 8;
/// Values made at a time.
const CHUNK: u64 = 1 << 14;

/// The encoded pieces around the weights.
struct Pieces {
    model_head: Vec<u8>,
    graph_head: Vec<u8>,
    graph_tail: Vec<u8>,
    model_tail: Vec<u8>,
    graph_bytes: u64,
}

impl Network {
    /// Length of the ONNX file.
    pub fn onnx_bytes(&self) -> u64 {
        let pieces = self.pieces();
        let outside = (pieces.model_head.len() + pieces.model_tail.len()) as u64;
        outside.saturating_add(field_bytes(pieces.graph_bytes))
    }

    /// The ONNX file in memory. [`write_onnx`](Self::write_onnx) does without.
    pub fn to_onnx(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.onnx_bytes()).unwrap_or(0));
        let written = self.write_onnx(&mut bytes);
        debug_assert!(written.is_ok(), "a vector takes every byte");
        bytes
    }

    /// Writes the ONNX file. The same network gives the same bytes on every machine.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_onnx(&self, out: &mut impl Write) -> io::Result<()> {
        let pieces = self.pieces();
        out.write_all(&pieces.model_head)?;
        write_field(out, GRAPH, pieces.graph_bytes)?;
        out.write_all(&pieces.graph_head)?;
        for constant in &self.constants {
            let head = tensor_head(constant);
            write_field(out, INITIALIZER, tensor_bytes(constant, head.len()))?;
            out.write_all(&head)?;
            write_field(out, RAW_DATA, raw_bytes(constant))?;
            write_values(out, constant)?;
        }
        out.write_all(&pieces.graph_tail)?;
        out.write_all(&pieces.model_tail)?;
        out.flush()
    }

    /// Refuses a network that does not go into one protobuf.
    pub(crate) fn check_bytes(&self) -> Result<(), ZooError> {
        match self.onnx_bytes() {
            bytes if bytes <= MESSAGE_BYTES => Ok(()),
            bytes => Err(ZooError::TooLarge { bytes, limit: MESSAGE_BYTES }),
        }
    }

    fn pieces(&self) -> Pieces {
        let model_head =
            ModelProto { ir_version: IR_VERSION, producer_name: "wisp-zoo".into(), ..ModelProto::default() };
        let graph_head =
            GraphProto { node: self.nodes.clone(), name: self.name.clone(), ..GraphProto::default() };
        let graph_tail = GraphProto {
            input: vec![info(&self.input)],
            output: vec![info(&self.output)],
            ..GraphProto::default()
        };
        let model_tail = ModelProto {
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            metadata_props: self.metadata(),
            ..ModelProto::default()
        };
        let (graph_head, graph_tail) = (graph_head.encode_to_vec(), graph_tail.encode_to_vec());
        let constants = self.constants.iter().fold(0_u64, |sum, constant| {
            sum.saturating_add(field_bytes(tensor_bytes(constant, tensor_head(constant).len())))
        });
        Pieces {
            model_head: model_head.encode_to_vec(),
            model_tail: model_tail.encode_to_vec(),
            graph_bytes: constants.saturating_add((graph_head.len() + graph_tail.len()) as u64),
            graph_head,
            graph_tail,
        }
    }
}

fn info(map: &Map) -> ValueInfoProto {
    let shape = map.shape;
    let dims = [1, shape.channels, shape.height, shape.width];
    ValueInfoProto::float(&map.name, if map.vector { &dims[..2] } else { &dims })
}

/// A tensor without its values.
fn tensor_head(constant: &Constant) -> Vec<u8> {
    let tensor = TensorProto {
        dims: constant.dims.iter().map(|&dim| dim.into()).collect(),
        data_type: FLOAT,
        name: constant.name.clone(),
        ..TensorProto::default()
    };
    tensor.encode_to_vec()
}

fn raw_bytes(constant: &Constant) -> u64 {
    constant.values().saturating_mul(4)
}

fn tensor_bytes(constant: &Constant, head: usize) -> u64 {
    field_bytes(raw_bytes(constant)).saturating_add(head as u64)
}

/// Bytes of a field with its key (one byte: all our numbers are below 16) and length.
fn field_bytes(length: u64) -> u64 {
    // A length past the address space is past every limit too.
    let delimiter = length_delimiter_len(usize::try_from(length).unwrap_or(usize::MAX));
    length.saturating_add(1 + delimiter as u64)
}

/// Writes key and length of a length-delimited field.
fn write_field(out: &mut impl Write, number: u32, length: u64) -> io::Result<()> {
    const LENGTH_DELIMITED: u32 = 2;
    let mut bytes = vec![(number << 3 | LENGTH_DELIMITED) as u8];
    let length = usize::try_from(length).map_err(io::Error::other)?;
    prost::encode_length_delimiter(length, &mut bytes).map_err(io::Error::other)?;
    out.write_all(&bytes)
}

fn write_values(out: &mut impl Write, constant: &Constant) -> io::Result<()> {
    let (centre, deviation) = match &constant.fill {
        Fill::Given(bytes) => return out.write_all(bytes),
        Fill::Bell { centre, deviation } => (*centre, *deviation),
    };
    let mut values = Values::new(&constant.name, centre, deviation);
    let mut left = constant.values();
    let mut chunk = Vec::with_capacity(4 * CHUNK.min(left) as usize);
    while left > 0 {
        let count = left.min(CHUNK);
        chunk.clear();
        chunk.extend(values.by_ref().take(count as usize).flat_map(f32::to_le_bytes));
        out.write_all(&chunk)?;
        left -= count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;

    #[test]
    fn the_pieces_are_what_a_plain_encoder_writes() {
        let network = build("resnet20", None).unwrap();
        let bytes = network.to_onnx();
        assert_eq!(bytes.len() as u64, network.onnx_bytes());
        let model = ModelProto::decode(&bytes[..]).unwrap();
        assert_eq!(model.encode_to_vec(), bytes);
        let graph = model.graph.unwrap();
        assert_eq!(graph.initializer.len(), network.constants.len());
        assert!(
            graph
                .initializer
                .iter()
                .all(|tensor| { tensor.raw_data.len() as i64 == 4 * tensor.dims.iter().product::<i64>() })
        );
    }

    #[test]
    fn the_bytes_are_the_same_everywhere() {
        let file = |name| crate::seed::fnv1a(&build(name, None).unwrap().to_onnx());
        assert_eq!(format!("{:016x}", file("resnet20")), "fb35563906cb65c8");
    }

    #[test]
    fn a_network_past_the_end_of_protobuf_is_refused() {
        let error = build("vgg16", Some(2048)).unwrap_err();
        assert!(matches!(error, ZooError::TooLarge { bytes, .. } if bytes > 1 << 32), "{error}");
    }
}
