//! From the bytes of an ONNX file to our graph.
//!
//! 1. `wire` counts the records of the protobuf, `precheck` decodes it and checks its structure;
//! 2. `source` picks input and output, drops what the output does not need, and fixes the input's shape;
//! 3. `folding` bounds the constants that tract is about to compute;
//! 4. `parse` lets tract infer shapes and fold constants;
//! 5. `nodes` walks the ONNX nodes, one file an operator family, and builds the graph.
//!
//! tract's own graph is not used: it reshapes what we want to read (convolutions become `EinSum`), and
//! an ONNX node can be named in an error.

mod activation;
mod arithmetic;
mod attributes;
mod concat;
mod conv;
mod dense;
mod folding;
mod layout;
pub(crate) mod limits;
mod metadata;
mod nodes;
mod normalise;
mod operators;
mod origins;
mod pad;
mod parse;
mod pool;
mod precheck;
mod qlinear;
mod quantize;
mod reshape;
mod rewrite;
mod softmax;
mod source;
mod tensors;
mod window;
mod wire;

use crate::error::CompileError;
use crate::graph::Graph;
use crate::options::Options;

pub(crate) use attributes::NodeRef;
pub(crate) use layout::{Layout, Order};
pub(crate) use metadata::Description;
pub(crate) use nodes::Counts;
pub(crate) use operators::write_supported;
pub(crate) use parse::{Facts, facts};
pub(crate) use source::Source;

/// An imported model.
pub(crate) struct Imported {
    pub graph: Graph,
    pub description: Description,
    pub counts: Counts,
    /// Name of the tensor that the final softmax reads, or of the output if there is no softmax.
    pub logits: String,
}

/// Imports the model in `bytes`, which are dropped as soon as they have been decoded: a large model
/// should not stand in memory more often than needed. `name` is what the model is called if nothing
/// else says.
pub(crate) fn import(bytes: Vec<u8>, name: &str, options: &Options) -> Result<Imported, CompileError> {
    let mut source = Source::read(bytes, name, options)?;
    let logits = source.logits();
    operators::check(source.nodes())?;
    quantize::check_constants(&source)?;
    folding::check(&source)?;
    let facts = parse::analyse(&mut source)?;
    let (graph, counts) = nodes::walk(&source, &facts)?;
    Ok(Imported { graph, description: source.description, counts, logits })
}
