//! The same files in tract with our loops: a second computation in integers, which must give the same ones.

use super::common::files::{channels_last, folder, picture, ramp, read, report};
use super::common::{chain, options};
use super::positives::{NHWC_INPUT, POSITIVES};
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto};
use wisp::Engine;
use wisp_compiler::{Options, Reference, compile_bytes};

/// Files that end in floats (a softmax, a mean, a layer without integers): tract adds them in another order.
const FLOATS: &[&str] = &[
    "softmax_in_floats_qdq",
    "softmax_in_floats_qop",
    "mixed_float_conv_last",
    "mixed_float_dense_last",
    "written_averaged_qdq_microsoft",
];

/// How far apart the outputs of [`FLOATS`] may be.
const TOLERANCE: f32 = 1e-6;

/// Stopped within these, a reference does not know that channels come last.
const NHWC_WITHIN: &[&str] = &["dense_nhwc_floats"];

fn file(name: &str) -> (Vec<u8>, GraphProto, Vec<f32>) {
    let bytes = read(&folder("quantised").join(format!("{name}.onnx")));
    let graph = ModelProto::decode(bytes.as_slice()).unwrap().graph.unwrap();
    let sizes = picture(&graph);
    let ramp = ramp(sizes.iter().product());
    let input = if NHWC_INPUT.contains(&name) { ramp } else { channels_last(&ramp, sizes[1]) };
    (bytes, graph, input)
}

/// Both engines up to a tensor: the largest difference, and how many values differ of how many.
fn compare(bytes: &[u8], input: &[f32], output: Option<&str>) -> Result<(f32, usize, usize), String> {
    let options = Options { output: output.map(String::from), ..options() };
    let compiled = compile_bytes(bytes, &options).map_err(|error| chain(&error))?;
    let mut engine =
        Engine::from_bytes(&compiled.bytes, &wisp::Options::default()).map_err(|error| error.to_string())?;
    let native = engine.run(input).map_err(|error| error.to_string())?;
    let mut reference = Reference::from_bytes(bytes, &options).map_err(|error| chain(&error))?;
    let tract = reference.run(input).map_err(|error| chain(&error))?.scores;
    if native.len() != tract.len() {
        return Err(format!("{} values natively, {} in tract", native.len(), tract.len()));
    }
    let (int8, expected) = (reference.convs_int8(), compiled.report.convs_int8);
    if int8 != expected {
        return Err(format!("{int8} convolutions run in integers in tract, {expected} natively"));
    }
    let apart = native.iter().zip(&tract).map(|(a, b)| (a - b).abs());
    Ok((apart.clone().fold(0.0, f32::max), apart.filter(|apart| *apart != 0.0).count(), tract.len()))
}

#[test]
fn tract_gives_the_same_outputs() {
    let table = POSITIVES.concat();
    let mut problems = Vec::new();
    for &(name, _) in &table {
        let (bytes, _, input) = file(name);
        match compare(&bytes, &input, None) {
            Err(problem) => problems.push(format!("{name}: {problem}")),
            Ok((apart, differ, of)) if apart > if FLOATS.contains(&name) { TOLERANCE } else { 0.0 } => {
                problems.push(format!("{name}: {differ} of {of} values differ, by {apart} at most"));
            }
            Ok(_) => {}
        }
    }
    report(&problems, table.len());
}

/// Every integer tensor that a file dequantises, as the numbers that it stands for.
#[test]
fn tract_gives_the_same_integers_all_the_way() {
    let (mut problems, mut tensors) = (Vec::new(), 0);
    for &(name, _) in &POSITIVES.concat() {
        if NHWC_WITHIN.contains(&name) {
            continue;
        }
        let (bytes, graph, input) = file(name);
        let initialised = |tensor: &String| graph.initializer.iter().any(|given| given.name == *tensor);
        for node in graph.node.iter().filter(|node| node.op_type == "DequantizeLinear") {
            if initialised(&node.input[0]) {
                continue;
            }
            let tensor = &node.output[0];
            match compare(&bytes, &input, Some(tensor)) {
                // A constant, or a map that is already flat: the compiler has neither as an output.
                Err(problem) if problem.contains("is a constant") || problem.contains("flattened to") => {
                    continue;
                }
                Err(problem) => problems.push(format!("{name} up to {tensor}: {problem}")),
                Ok((apart, differ, of)) if apart > 0.0 => {
                    problems.push(format!("{name} up to {tensor}: {differ} of {of} differ, by {apart}"));
                }
                Ok(_) => {}
            }
            tensors += 1;
        }
    }
    println!("{tensors} tensors are compared");
    report(&problems, tensors);
}
