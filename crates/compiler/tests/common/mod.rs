//! A tiny builder of ONNX files, a seeded source of numbers, and the comparison of native and tract.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub mod files;

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as DimValue};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use wisp::Engine;
use wisp::vision::Preprocess;
use wisp_compiler::{CompileError, Compiled, Options, Reference, compile_bytes};

/// A graph under construction. Everything is public, so that a test can break it.
pub struct Onnx {
    pub graph: GraphProto,
    pub model: ModelProto,
}

/// One dimension of a type.
#[derive(Clone, Copy)]
pub enum Dim {
    Is(i64),
    Open(&'static str),
}

impl From<i64> for Dim {
    fn from(size: i64) -> Self {
        Self::Is(size)
    }
}

pub fn value(name: &str, kind: DataType, dims: &[Dim]) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: Some(match dim {
            Dim::Is(size) => DimValue::DimValue(*size),
            Dim::Open(name) => DimValue::DimParam((*name).into()),
        }),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = Tensor { elem_type: kind as i32, shape: Some(shape) };
    let kind = TypeProto { value: Some(Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
}

impl Onnx {
    /// A graph with one input `data` of `[1, c, h, w]`.
    pub fn new(c: usize, h: usize, w: usize) -> Self {
        let dims = [1, c as i64, h as i64, w as i64].map(Dim::Is);
        let graph = GraphProto {
            name: "test".into(),
            input: vec![value("data", DataType::Float, &dims)],
            ..Default::default()
        };
        let opset = OperatorSetIdProto { domain: String::new(), version: 13 };
        let model = ModelProto { ir_version: 8, opset_import: vec![opset], ..Default::default() };
        Self { graph, model }
    }

    pub fn opset(mut self, version: i64) -> Self {
        self.model.opset_import[0].version = version;
        self
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.model.metadata_props.push(StringStringEntryProto { key: key.into(), value: value.into() });
        self
    }

    pub fn floats(mut self, name: &str, dims: &[usize], values: &[f32]) -> Self {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..Default::default()
        });
        self
    }

    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        });
        self
    }

    /// Adds a node, called as its first output.
    pub fn node(
        mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> Self {
        self.graph.node.push(NodeProto {
            op_type: op.into(),
            name: outputs.first().copied().unwrap_or_default().into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: outputs.iter().map(|&name| name.into()).collect(),
            attribute: attributes,
            ..Default::default()
        });
        self
    }

    /// A convolution `name` of `input` with seeded weights `[outputs, inner, kh, kw]` and bias.
    pub fn conv(self, name: &str, input: &str, weight: [usize; 4], attributes: Vec<AttributeProto>) -> Self {
        let (w, b) = (format!("{name}_w"), format!("{name}_b"));
        let inner: usize = weight[1..].iter().product();
        let scale = (2.0 / inner as f32).sqrt();
        let weights: Vec<f32> =
            noise(name.len() as u64, weight.iter().product()).iter().map(|x| x * scale).collect();
        self.floats(&w, &weight, &weights).floats(&b, &[weight[0]], &noise(7, weight[0])).node(
            "Conv",
            &[input, &w, &b],
            &[name],
            attributes,
        )
    }

    pub fn output(mut self, name: &str) -> Self {
        self.graph.output.push(ValueInfoProto { name: name.into(), ..Default::default() });
        self
    }

    /// A change to whatever the builder has no word for.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn bytes(mut self) -> Vec<u8> {
        self.model.graph = Some(self.graph);
        self.model.encode_to_vec()
    }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i, ..Default::default() }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: ints.to_vec(),
        ..Default::default()
    }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Float as i32, f, ..Default::default() }
}

pub fn text(name: &str, text: &str) -> AttributeProto {
    let s = text.as_bytes().to_vec();
    AttributeProto { name: name.into(), r#type: AttributeType::String as i32, s, ..Default::default() }
}

pub fn tensor(name: &str, t: TensorProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(t),
        ..Default::default()
    }
}

/// Kernel, strides and pads of a window.
pub fn window(kernel: [i64; 2], stride: [i64; 2], pads: [i64; 4]) -> Vec<AttributeProto> {
    vec![ints("kernel_shape", &kernel), ints("strides", &stride), ints("pads", &pads)]
}

/// `count` numbers in −1..1, the same for the same seed on every machine.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1 << 23) as f32) - 1.0
    };
    next();
    (0..count).map(|_| next()).collect()
}

/// Options that give the preprocessing, which most test models do not.
pub fn options() -> Options {
    Options { preprocess: Some(Preprocess::torchvision()), ..Default::default() }
}

pub fn compile(onnx: Onnx) -> Result<Compiled, CompileError> {
    compile_bytes(&onnx.bytes(), &options())
}

/// The text of the error and of its causes, joined as a command prints them.
pub fn refusal(onnx: Onnx) -> String {
    let error = compile(onnx).expect_err("the model is refused");
    chain(&error)
}

pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Runs a model natively and in tract on the same seeded input and compares the outputs, within `1e-4`
/// of the range of tract's. Gives what the compiler reports and the native output.
pub fn same_as_tract(onnx: Onnx) -> (wisp_compiler::Report, Vec<f32>) {
    let bytes = onnx.bytes();
    let compiled = compile_bytes(&bytes, &options()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let mut reference =
        Reference::from_bytes(&bytes, &options()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let mut engine =
        Engine::from_bytes(&compiled.bytes, &wisp::Options::default()).expect("the engine loads");
    let [h, w, c] = reference.input();
    let input = noise(99, h * w * c);
    let expected = reference.run(&input).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(expected.scores.len(), reference.class_count());
    let found = engine.run(&input).expect("the engine runs").to_vec();
    assert_close(&found, &expected.scores, 1e-4);
    (compiled.report, found)
}

/// The largest difference is at most `share` of the range of `expected`.
pub fn assert_close(found: &[f32], expected: &[f32], share: f32) {
    assert_eq!(found.len(), expected.len());
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let allowed = share * (high - low).max(1e-2);
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= allowed, "value {index}: native {a}, tract {b}, allowed {allowed}");
    }
}
