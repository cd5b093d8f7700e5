//! Lets tract infer shapes and types and fold constants, and answers questions about the result.
//!
//! The one place of `import` where tract's model appears. A panic of tract is an error here, and either
//! way the node is named where inference stopped.

use super::attributes::NodeRef;
use super::source::Source;
use crate::error::{Cause, CompileError};
use crate::guard;
use tract_core::prelude::{DatumType, TractError};
use tract_onnx::Onnx;
use tract_onnx::model::ParseResult;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};
use tract_onnx::tract_hir::infer::Factoid;
use wisp::format::Element;

/// What tract found out about the tensors of a model.
pub(crate) struct Facts {
    result: ParseResult,
}

/// A constant of floating-point numbers.
pub struct Constant {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Infers the shapes of `source`. Its initialisers move into the result.
pub fn analyse(source: &mut Source) -> Result<Facts, CompileError> {
    let result = parse(source, &tract_onnx::onnx())?;
    // tract holds its own copy.
    source.graph.initializer.clear();
    infer(source, result)
}

/// As [`analyse`], with the operators of `onnx`; `source` stays whole.
pub fn facts(source: &mut Source, onnx: &Onnx) -> Result<Facts, CompileError> {
    let result = parse(source, onnx)?;
    infer(source, result)
}

fn parse(source: &mut Source, onnx: &Onnx) -> Result<ParseResult, CompileError> {
    source.model.graph = Some(std::mem::take(&mut source.graph));
    let parsed = guard::catch(|| onnx.parse(&source.model, None));
    source.graph = source.model.graph.take().unwrap_or_default();
    match parsed {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(refused("read the model", None, cause(&error))),
        Err(panic) => Err(refused("read the model", None, panic.into())),
    }
}

fn infer(source: &Source, mut result: ParseResult) -> Result<Facts, CompileError> {
    let analysed = guard::catch(|| result.model.analyse(false));
    let facts = Facts { result };
    let cause = match analysed {
        Ok(Ok(_)) => return Ok(facts),
        Ok(Err(error)) => cause(&error),
        Err(panic) => panic.into(),
    };
    Err(refused("infer its shape", facts.stopped_at(source), cause))
}

fn refused(doing: &'static str, node: Option<String>, source: Cause) -> CompileError {
    CompileError::Tract { doing, node, source }
}

/// What tract says, on one line.
fn cause(error: &TractError) -> Cause {
    guard::one_line(&format!("{error:#}")).into()
}

impl Facts {
    fn fact(&self, tensor: &str) -> Option<&InferenceFact> {
        let outlet = self.result.outlets_by_name.get(tensor)?;
        self.result.model.outlet_fact(*outlet).ok()
    }

    /// The first node whose inputs are known and whose output is not.
    fn stopped_at(&self, source: &Source) -> Option<String> {
        let unknown = |node: &NodeRef<'_>| {
            let all_known = node.proto.input.iter().all(|name| name.is_empty() || self.shape(name).is_some());
            all_known && node.proto.output.first().is_some_and(|output| self.shape(output).is_none())
        };
        let node = source.node_refs().find(unknown)?;
        let shapes: Vec<String> = node
            .proto
            .input
            .iter()
            .map(|name| format!("{:?}", self.shape(name).unwrap_or_default()))
            .collect();
        Some(format!("node \"{}\" ({}) on inputs {}", node.name, node.operator(), shapes.join(" and ")))
    }

    /// The shape of a tensor, if all its dimensions are numbers.
    pub fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        let shape = self.fact(tensor)?.shape.as_concrete_finite().ok()??;
        Some(shape.to_vec())
    }

    /// Whether a tensor's values are known.
    pub fn is_constant(&self, tensor: &str) -> bool {
        self.fact(tensor).is_some_and(|fact| fact.value.concretize().is_some())
    }

    /// The data type of a tensor, as ONNX calls it in small letters.
    pub fn kind(&self, tensor: &str) -> Option<String> {
        Some(format!("{:?}", self.fact(tensor)?.datum_type.concretize()?).to_lowercase())
    }

    /// What a tensor's type becomes; floating-point numbers are all computed in `f32`, and `i8` is kept as
    /// `u8`. The outer `None` is for a type that tract does not know, the inner for one that we do not have.
    pub fn element(&self, tensor: &str) -> Option<Option<Element>> {
        let kind = self.fact(tensor)?.datum_type.concretize()?;
        Some(match kind {
            DatumType::U8 | DatumType::I8 => Some(Element::U8),
            kind if kind.is_float() => Some(Element::F32),
            _ => None,
        })
    }

    /// The values of a constant of small integers, with its shape.
    pub fn small_ints(&self, tensor: &str) -> Option<(Vec<usize>, Vec<i16>)> {
        let value = self.fact(tensor)?.value.concretize()?;
        let plain = value.as_plain_ram()?;
        let values = match value.datum_type() {
            DatumType::I8 => plain.as_slice::<i8>().ok()?.iter().map(|&value| value.into()).collect(),
            DatumType::U8 => plain.as_slice::<u8>().ok()?.iter().map(|&value| value.into()).collect(),
            _ => return None,
        };
        Some((value.shape().to_vec(), values))
    }

    /// The value of a constant boolean scalar.
    pub fn flag(&self, tensor: &str) -> Option<bool> {
        self.fact(tensor)?.value.concretize()?.cast_to_scalar::<bool>().ok()
    }

    /// The values of a constant integer tensor; `None` if it is something else.
    pub fn ints(&self, tensor: &str) -> Option<Vec<i64>> {
        let value = self.fact(tensor)?.value.concretize()?;
        // tract's own type for sizes is a number too, where it is known.
        if !value.datum_type().is_integer() && !value.datum_type().is_tdim() {
            return None;
        }
        let value = value.cast_to::<i64>().ok()?;
        Some(value.as_plain_ram()?.as_slice::<i64>().ok()?.to_vec())
    }

    /// The values of a constant floating-point tensor; `None` if it is something else.
    pub fn floats(&self, tensor: &str) -> Option<Constant> {
        let value = self.fact(tensor)?.value.concretize()?;
        if !value.datum_type().is_float() {
            return None;
        }
        let value = value.cast_to::<f32>().ok()?;
        let values = value.as_plain_ram()?.as_slice::<f32>().ok()?.to_vec();
        Some(Constant { shape: value.shape().to_vec(), values })
    }
}
