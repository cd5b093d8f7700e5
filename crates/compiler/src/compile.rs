//! The whole way, from an ONNX file to the bytes of a `.wisp` file.

use crate::error::CompileError;
use crate::graph::{Graph, Op};
use crate::import::{self, Imported};
use crate::options::{Options, Precision};
use crate::{encode, import::limits, memory, passes, quantise, schedule};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use wisp::Engine;
use wisp::format::Provenance;

/// Written into every compiled file.
const TOOL: &str = concat!("wisp-compiler ", env!("CARGO_PKG_VERSION"));

/// A compiled model.
#[derive(Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The `.wisp` file.
    pub bytes: Vec<u8>,
    /// What became of the ONNX file.
    pub report: Report,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("bytes", &self.bytes.len()).field("report", &self.report).finish()
    }
}

/// What a compilation did.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of the model.
    pub name: String,
    /// ONNX nodes that the output depends on.
    pub nodes: usize,
    /// Of those, the nodes that tract folded to constants.
    pub folded: usize,
    /// Convolutions.
    pub convs: usize,
    /// Convolutions that run in integers.
    pub convs_int8: usize,
    /// Steps of the compiled model.
    pub steps: usize,
    /// Of those, copies that a concatenation needed.
    pub copies: usize,
    /// Bytes that activations take in memory.
    pub activation_bytes: u64,
    /// The most bytes of activations that are in use at one step: no layout takes less.
    pub activation_bytes_needed: u64,
    /// Name of the ONNX tensor that the final softmax reads; of the output if there is no softmax.
    pub logits: String,
}

/// Compiles an ONNX file.
///
/// # Errors
/// [`CompileError`] says which node, tensor, key or option is in the way.
pub fn compile(path: impl AsRef<Path>, options: &Options) -> Result<Compiled, CompileError> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    build(bytes, &file, &stem(path), options)
}

/// Compiles an ONNX model that is already in memory.
///
/// # Errors
/// As [`compile`].
pub fn compile_bytes(bytes: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    build(bytes.to_vec(), "", "model", options)
}

/// Compiles an ONNX file and makes an engine of it at once, for programs that may carry tract.
///
/// # Errors
/// As [`compile`]; [`CompileError::Engine`] if this machine cannot run the model as
/// [`Options::runtime`] asks.
pub fn load_onnx(path: impl AsRef<Path>, options: &Options) -> Result<Engine, CompileError> {
    let compiled = compile(path, options)?;
    Engine::from_vec(compiled.bytes, &options.runtime).map_err(|source| CompileError::Engine { source })
}

/// Reads a file of at most [`limits::FILE_BYTES`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CompileError> {
    let failed = |source| CompileError::Read { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > limits::FILE_BYTES {
        return Err(CompileError::limit("bytes in the file", length, limits::FILE_BYTES));
    }
    let mut bytes = Vec::with_capacity(length as usize + 1);
    // One byte more than allowed, so that a file that grows meanwhile is refused as well.
    file.take(limits::FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// What a model is called that does not say.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn build(bytes: Vec<u8>, file: &str, name: &str, options: &Options) -> Result<Compiled, CompileError> {
    let mut source = Source::import(bytes, file, name, options)?;
    let mut graph = std::mem::take(&mut source.imported.graph);
    passes::prepare(&mut graph);
    if let Precision::Int8 { ranges, keep_f32 } = &options.precision {
        quantise::run(&mut graph, ranges, keep_f32)?;
    }
    finish(graph, &source)
}

/// An imported file, and what its compilation says about it.
pub(crate) struct Source {
    pub imported: Imported,
    /// SHA-256 of the file.
    digest: [u8; 32],
    /// The file's name, without the folder.
    file: String,
}

impl Source {
    /// Imports the bytes of a file; `name` is what the model is called if nothing else says.
    pub fn import(bytes: Vec<u8>, file: &str, name: &str, options: &Options) -> Result<Self, CompileError> {
        let digest = Sha256::digest(&bytes).into();
        Ok(Self { imported: import::import(bytes, name, options)?, digest, file: file.into() })
    }
}

/// From a graph that has been through the floating-point passes, and the quantiser if it is to, to the file.
pub(crate) fn finish(mut graph: Graph, source: &Source) -> Result<Compiled, CompileError> {
    let Source { imported: Imported { description, counts, logits, .. }, digest, file } = source;
    passes::finish(&mut graph);
    let copies = graph.nodes.iter().filter(|node| node.op == Op::Copy).count();
    let integer = |op: &Op| match op {
        Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } => !conv.dense,
        _ => false,
    };
    let convs_int8 = graph.nodes.iter().filter(|node| integer(&node.op)).count();
    let schedule = schedule::schedule(&graph);
    let layout = memory::layout(&schedule.buffers);
    let provenance = Provenance { digest: *digest, source: file, tool: TOOL };
    let bytes = encode::encode(graph, &schedule, &layout, description, provenance)?;
    log::info!("{}: {} nodes became {} steps", description.name, counts.nodes, schedule.order.len());
    Ok(Compiled {
        bytes,
        report: Report {
            name: description.name.clone(),
            nodes: counts.nodes,
            folded: counts.folded,
            convs: counts.convs,
            convs_int8,
            steps: schedule.order.len(),
            copies,
            activation_bytes: layout.total,
            activation_bytes_needed: schedule::peak(&schedule),
            logits: logits.clone(),
        },
    })
}
