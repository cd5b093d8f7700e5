//! The shipped SqueezeNet 1.1: what it compiles to, and that it says what tract says.

mod common;

use common::*;
use std::path::PathBuf;
use wisp::Model;
use wisp::format::{Op, Weights};
use wisp_compiler::{Options, Precision, Ranges, Reference, compile, load_onnx};

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "models", "squeezenet1.1.onnx"].iter().collect()
}

#[test]
fn compiles_to_the_expected_steps() {
    let compiled = compile(path(), &Options::default()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let report = &compiled.report;
    assert_eq!((report.convs, report.convs_int8, report.copies), (26, 0, 0));
    // 25 convolutions, conv10 with ReLU and average, three pools, softmax.
    assert_eq!(report.steps, 29);
    assert_eq!(report.name, "squeezenet1.1");
    // The layout is as small as any can be: the two largest buffers that live together.
    assert_eq!(report.activation_bytes, report.activation_bytes_needed);

    let model = Model::from_bytes(&compiled.bytes).unwrap();
    assert_eq!(model.info().class_count, 1000);
    assert_eq!(model.info().weights, Weights::Trained);
    assert_eq!(model.provenance().source, "squeezenet1.1.onnx");
    let input = model.input();
    assert_eq!((input.height, input.width, input.channels), (224, 224, 3));
    let fused: Vec<_> = model.steps().filter(|step| matches!(step.op, Op::ConvGlobalAverage(_))).collect();
    assert_eq!(fused.len(), 1);
    assert_eq!(model.step_name(0), Some("conv1"));
}

#[test]
fn compiles_to_the_same_bytes_again() {
    let first = compile(path(), &Options::default()).unwrap();
    let second = compile(path(), &Options::default()).unwrap();
    assert!(first.bytes == second.bytes);
}

/// From the same weights and ranges the same bytes come out on every machine.
#[test]
fn integers_compile_to_the_shipped_file() {
    let models = path().parent().unwrap().to_path_buf();
    let ranges = Ranges::read(models.join("squeezenet1.1.ranges.json")).unwrap();
    let labels = std::fs::read_to_string(models.join("imagenet1k.txt")).unwrap();
    let options = Options {
        labels: Some(labels.lines().map(String::from).collect()),
        precision: Precision::Int8 { ranges: Box::new(ranges), keep_f32: vec![] },
        ..Default::default()
    };
    let compiled = compile(path(), &options).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!((compiled.report.convs, compiled.report.convs_int8), (26, 26));
    assert!(compiled.bytes == std::fs::read(models.join("squeezenet1.1-int8.wisp")).unwrap());
}

#[test]
fn says_what_tract_says() {
    let mut engine = load_onnx(path(), &Options::default()).unwrap();
    let mut reference = Reference::load(path(), &Options::default()).unwrap();
    assert_eq!((reference.input(), reference.class_count()), ([224, 224, 3], 1000));
    assert_eq!((reference.convs(), reference.name()), (26, "squeezenet1.1"));
    assert_eq!(reference.preprocess(), engine.model().info().preprocess);
    for seed in 1..=3 {
        // Values as the model's preprocessing gives them: 0..255 less the mean.
        let input: Vec<f32> = noise(seed, 224 * 224 * 3).iter().map(|x| x * 127.5 + 10.0).collect();
        let expected = reference.run(&input).unwrap();
        let found = engine.run(&input).unwrap().to_vec();
        assert_close(engine.logits().unwrap(), &expected.logits, 1e-3);
        assert_close(&found, &expected.scores, 1e-3);
    }
}

#[test]
fn options_override_the_file() {
    let options = Options {
        name: Some("mine".into()),
        weights: Some(Weights::Seeded),
        labels: Some((0..1000).map(|class| format!("class {class}")).collect()),
        output: Some("pool10".into()),
        ..Default::default()
    };
    let mut compiled = compile(path(), &options).unwrap();
    let model = Model::from_bytes(&compiled.bytes).unwrap();
    assert_eq!((model.info().name(), model.info().weights), ("mine", Weights::Seeded));
    assert_eq!(model.label(999), Some("class 999"));
    // Without the softmax.
    assert_eq!(compiled.report.steps, 28);
    compiled.bytes.clear();
}
