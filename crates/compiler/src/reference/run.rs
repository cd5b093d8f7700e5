//! Loads a model into tract and runs it.

use super::layout::{to_pixels, to_planes};
use super::{ops, rewrite};
use crate::compile::{read, stem};
use crate::error::{Cause, CompileError};
use crate::guard;
use crate::import::{self, Description, Layout, Order, Source};
use crate::options::Options;
use std::path::Path;
use std::sync::Arc;
use tract_core::internal::{DimLike, SimpleState};
use tract_core::prelude::multithread::Executor;
use tract_core::prelude::*;
use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt};
use wisp::format::Weights;
use wisp::vision::Preprocess;

type State = SimpleState<TypedFact, Box<dyn TypedOp>>;

/// An ONNX model in tract.
#[derive(Debug)]
pub struct Reference {
    plan: Arc<TypedSimplePlan>,
    state: State,
    /// Whether the plan has a second output: what the final softmax reads.
    separate_logits: bool,
    description: Description,
    input: [usize; 3],
    layout: Layout,
    kind: DatumType,
    classes: usize,
    nodes: usize,
    convs: usize,
    convs_int8: usize,
    tract_nodes: usize,
}

/// What a run gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The model's output, pixel by pixel if it is a map.
    pub scores: Vec<f32>,
    /// What the final softmax reads; the same as the scores if the model does not end in one.
    pub logits: Vec<f32>,
}

impl Reference {
    /// Loads an ONNX file. Of the options, `labels` and `runtime` are of no use here.
    ///
    /// # Errors
    /// [`CompileError`]; tract's own words are in its source.
    pub fn load(path: impl AsRef<Path>, options: &Options) -> Result<Self, CompileError> {
        let path = path.as_ref();
        Self::build(read(path)?, &stem(path), options)
    }

    /// Loads an ONNX model that is already in memory.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Self, CompileError> {
        Self::build(bytes.to_vec(), "model", options)
    }

    fn build(bytes: Vec<u8>, name: &str, options: &Options) -> Result<Self, CompileError> {
        if let Some(threads) = options.threads.filter(|&threads| threads != 1) {
            let problem = format!("{threads} are wanted, tract runs on 1 here");
            return Err(CompileError::Option { option: "--threads", problem });
        }
        let mut source = Source::read(bytes, name, options)?;
        let (nodes, convs) = (source.nodes().len(), source.convs());
        let logits = source.logits();
        let (onnx, convs_int8) = operators(&mut source)?;
        let separate_logits = source.add_output(&logits);
        source.model.graph = Some(std::mem::take(&mut source.graph));
        let kind = match source.kind {
            DataType::Float16 => DatumType::F16,
            _ => DatumType::F32,
        };
        let loaded = guard::catch(|| -> TractResult<_> {
            let parsed = onnx.parse(&source.model, None)?;
            source.model.graph = None;
            let mut model = parsed.model;
            // Parsing forgets the input's type where the input is an output too (a lone softmax).
            model.set_input_fact(0, InferenceFact::dt_shape(kind, &*source.layout.dims))?;
            let model = model.into_optimized()?;
            let tract_nodes = model.nodes().len();
            let fact = model.output_fact(0)?;
            let classes = fact.shape.volume().to_usize()?;
            // One thread, whatever the process's default: a pool of one would use every core.
            let options = RunOptions { executor: Some(Executor::SingleThread), ..Default::default() };
            let plan = TypedSimplePlan::new_with_options(model, &options)?;
            let state = plan.spawn()?;
            Ok((plan, state, classes, tract_nodes))
        });
        let (plan, state, classes, tract_nodes) = flatten("load the model", loaded)?;
        let input = [source.shape.h, source.shape.w, source.shape.c];
        let Source { layout, description, .. } = source;
        Ok(Self {
            plan,
            state,
            separate_logits,
            description,
            input,
            layout,
            kind,
            classes,
            nodes,
            convs,
            convs_int8,
            tract_nodes,
        })
    }

    /// Runs the model on an input in our order: rows of pixels of channels.
    ///
    /// # Errors
    /// [`CompileError::Option`] when the number of values is not the input's, [`CompileError::Tract`]
    /// when tract fails; the reference can be used again after either.
    pub fn run(&mut self, input: &[f32]) -> Result<Scores, CompileError> {
        let [height, width, channels] = self.input;
        if input.len() != height * width * channels {
            let problem = format!("{} values are given, {height}×{width}×{channels} are needed", input.len());
            return Err(CompileError::Option { option: "input", problem });
        }
        let (Layout { order, dims }, kind) = (&self.layout, self.kind);
        let values = match order {
            Order::Planes => to_planes(input, channels),
            Order::Pixels => input.to_vec(),
        };
        let state = &mut self.state;
        let ran = guard::catch(|| -> TractResult<_> {
            let tensor = Tensor::from_shape(dims, &values)?.cast_to_dt(kind)?.into_owned();
            let outputs = state.run(tvec![tensor.into_tvalue()])?;
            outputs.iter().map(|output| output_values(output)).collect::<TractResult<Vec<_>>>()
        });
        let outputs = flatten("run the model", ran).inspect_err(|_| {
            // Whatever the failed run left behind must not reach the next one.
            if let Ok(Ok(fresh)) = guard::catch(|| self.plan.spawn()) {
                self.state = fresh;
            }
        })?;
        let mut outputs = outputs.into_iter();
        let scores = outputs.next().unwrap_or_default();
        let logits = if self.separate_logits { outputs.next() } else { None };
        let logits = logits.unwrap_or_else(|| scores.clone());
        Ok(Scores { scores, logits })
    }

    /// Height, width and channels of the input.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// Number of scores.
    pub fn class_count(&self) -> usize {
        self.classes
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// How a picture becomes the input.
    pub fn preprocess(&self) -> Preprocess {
        self.description.preprocess
    }

    /// Where the weights come from.
    pub fn weights(&self) -> Weights {
        self.description.weights
    }

    /// ONNX nodes that the output depends on.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Convolutions among the ONNX nodes.
    pub fn convs(&self) -> usize {
        self.convs
    }

    /// Convolutions that are computed in integers.
    pub fn convs_int8(&self) -> usize {
        self.convs_int8
    }

    /// Nodes of tract's optimised graph.
    pub fn tract_nodes(&self) -> usize {
        self.tract_nodes
    }
}

/// The operators that run `source`, and how many of its convolutions they run in integers: tract's own for
/// a model of floats; for a quantised one ours beside them, in whose words it is put.
fn operators(source: &mut Source) -> Result<(Onnx, usize), CompileError> {
    if !rewrite::is_quantised(source) {
        return Ok((tract_onnx::onnx(), 0));
    }
    rewrite::check(source)?;
    let onnx = ops::onnx();
    let facts = import::facts(source, &onnx)?;
    let convs = rewrite::run(source, &facts)?;
    Ok((onnx, convs))
}

/// The values of an output, a map `[1, channels, height, width]` in our order.
fn output_values(output: &Tensor) -> TractResult<Vec<f32>> {
    let output = output.cast_to::<f32>()?;
    let plain = output.try_as_plain_ram()?;
    let values = plain.as_slice::<f32>()?;
    Ok(match *output.shape() {
        [1, channels, _, _] => to_pixels(values, channels),
        _ => values.to_vec(),
    })
}

fn flatten<T>(doing: &'static str, outcome: Result<TractResult<T>, String>) -> Result<T, CompileError> {
    let source: Cause = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => guard::one_line(&format!("{error:#}")).into(),
        Err(panic) => panic.into(),
    };
    Err(CompileError::Tract { doing, node: None, source })
}
