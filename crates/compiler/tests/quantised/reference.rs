//! The same files in tract with our loops: a second computation in integers, which must give the same ones.

use super::common::files::{channels_last, folder, picture, ramp, read, report, stems};
use super::common::{chain, options};
use super::positives::{NHWC_INPUT, POSITIVES};
use prost::Message;
use std::path::PathBuf;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};
use wisp::Engine;
use wisp::format::{Op, Step};
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

/// The integer tensors of a graph: what a file dequantises, and what its integer operators give. Each with the
/// name of its numbers, which a node behind the graph gives where the file has none.
fn integers(graph: &mut GraphProto) -> Vec<(String, String)> {
    let mut tensors = Vec::new();
    let mut probes = Vec::new();
    for (index, node) in graph.node.iter().enumerate() {
        let [scale, zero] = match node.op_type.as_str() {
            "DequantizeLinear" => {
                if graph.initializer.iter().all(|given| given.name != node.input[0]) {
                    tensors.push((node.input[0].clone(), node.output[0].clone()));
                }
                continue;
            }
            "QLinearConv" | "QLinearMatMul" | "QLinearAdd" => [6, 7],
            "QGemm" => [7, 8],
            "QLinearConcat" => [0, 1],
            "QLinearAveragePool" | "QLinearGlobalAveragePool" | "QLinearSoftmax" => [3, 4],
            _ => continue,
        };
        let Some(scale) = node.input.get(scale) else { continue };
        let (integers, numbers) = (node.output[0].clone(), format!("probe{index}"));
        probes.push(NodeProto {
            name: numbers.clone(),
            op_type: "DequantizeLinear".into(),
            input: [Some(&integers), Some(scale), node.input.get(zero)]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            output: vec![numbers.clone()],
            ..Default::default()
        });
        tensors.push((integers, numbers));
    }
    graph.node.extend(probes);
    tensors
}

/// Compares all integer tensors of a file, as the numbers that they stand for. How many there were.
fn all_the_way(name: &str, bytes: &[u8], input: &[f32], problems: &mut Vec<String>) -> usize {
    let mut model = ModelProto::decode(bytes).unwrap();
    let tensors = integers(model.graph.as_mut().unwrap());
    let bytes = model.encode_to_vec();
    let mut compared = 0;
    for (tensor, numbers) in &tensors {
        match compare(&bytes, input, Some(numbers)) {
            // A constant, or a map that is already flat: the compiler has neither as an output.
            Err(problem) if problem.contains("is a constant") || problem.contains("flattened to") => continue,
            Err(problem) => problems.push(format!("{name} up to {tensor}: {problem}")),
            Ok((apart, differ, of)) if apart > 0.0 => {
                problems.push(format!("{name} up to {tensor}: {differ} of {of} differ, by {apart}"));
            }
            Ok(_) => {}
        }
        compared += 1;
    }
    compared
}

#[test]
fn tract_gives_the_same_integers_all_the_way() {
    let (mut problems, mut tensors) = (Vec::new(), 0);
    for &(name, _) in POSITIVES.concat().iter().filter(|(name, _)| !NHWC_WITHIN.contains(name)) {
        let (bytes, _, input) = file(name);
        tensors += all_the_way(name, &bytes, &input, &mut problems);
    }
    println!("{tensors} tensors are compared");
    report(&problems, tensors);
}

#[test]
fn the_model_that_we_ship() {
    let path = [env!("CARGO_MANIFEST_DIR"), "..", "..", "models", "squeezenet1.1-qdq.onnx"];
    let bytes = read(&path.iter().collect::<PathBuf>());
    let input: Vec<f32> = ramp(224 * 224 * 3).iter().map(|value| value * 2.0).collect();
    let last_integers = Some("relu_conv10_DequantizeLinear_Output");
    assert_eq!(compare(&bytes, &input, last_integers).unwrap(), (0.0, 0, 13 * 13 * 1000));
    // Behind them are a mean and a softmax of floats.
    let (apart, ..) = compare(&bytes, &input, None).unwrap();
    assert!(apart <= TOLERANCE, "{apart}");
}

/// `WISP_QUANTISED=FOLDER cargo test --release -p wisp-compiler --test quantised -- --ignored --nocapture`
#[test]
#[ignore = "reads the files of a folder that is not in the repository"]
fn larger_files_give_the_same_integers() {
    let Some(folder) = std::env::var_os("WISP_QUANTISED").map(PathBuf::from) else {
        panic!("WISP_QUANTISED names no folder");
    };
    let (mut problems, mut tensors) = (Vec::new(), 0);
    for name in stems(&folder, ".onnx") {
        let bytes = read(&folder.join(format!("{name}.onnx")));
        let sizes = picture(ModelProto::decode(bytes.as_slice()).unwrap().graph.as_ref().unwrap());
        let input = channels_last(&ramp(sizes.iter().product()), sizes[1]);
        let found = all_the_way(&name, &bytes, &input, &mut problems);
        println!("{name}: {found} tensors are compared");
        tensors += found;
    }
    report(&problems, tensors);
}

/// The bytes behind the dequantise that a model ends in, pixel by pixel; `None` if it ends otherwise.
fn native_bytes(bytes: &[u8], input: &[f32], output: &str) -> Option<Vec<u8>> {
    let options = Options { output: Some(output.into()), ..options() };
    let compiled = compile_bytes(bytes, &options).ok()?;
    let mut engine = Engine::from_bytes(&compiled.bytes, &wisp::Options::default()).unwrap();
    engine.run(input).unwrap();
    let Step { op: Op::Dequantize { .. }, input: view, .. } = engine.model().steps().last()? else {
        return None;
    };
    let channels = engine.model().buffer(view.buffer).channels as usize;
    let pixels = engine.buffer(view.buffer)?.chunks_exact(channels);
    Some(
        pixels.flat_map(|pixel| &pixel[view.channel as usize..][..view.channels as usize]).copied().collect(),
    )
}

/// The same tensor as tract holds it: of the file's own type, `i8` moved to what the runtime keeps it as.
fn tract_bytes(bytes: &[u8], graph: &GraphProto, input: &[f32], integers: &str) -> Result<Vec<u8>, String> {
    let options = Options { output: Some(integers.into()), ..options() };
    let mut reference = Reference::from_bytes(bytes, &options).map_err(|error| chain(&error))?;
    let values = reference.run(input).map_err(|error| chain(&error))?.scores;
    // Values below zero are those of an i8; if there are none, the type of the zero point tells.
    let zero = graph.node.iter().find(|node| node.op_type == "DequantizeLinear" && node.input[0] == integers);
    let zero = zero.and_then(|node| node.input.get(2));
    let zero = graph.initializer.iter().find(|tensor| Some(&tensor.name) == zero);
    let signed = zero.is_some_and(|zero| zero.data_type == DataType::Int8 as i32);
    Ok(values.iter().map(|&value| if signed { (value as i8 as u8) ^ 0x80 } else { value as u8 }).collect())
}

#[test]
fn integer_tensors_are_equal_byte_for_byte() {
    let (mut problems, mut tensors, mut bytes) = (Vec::new(), 0, 0);
    for &(name, _) in &POSITIVES.concat() {
        if !name.starts_with("written_") && !name.starts_with("conv_conv") {
            continue;
        }
        let (file, _, input) = file(name);
        let mut model = ModelProto::decode(file.as_slice()).unwrap();
        let found = integers(model.graph.as_mut().unwrap());
        let file = model.encode_to_vec();
        let graph = model.graph.unwrap();
        let before = tensors;
        for (integers, numbers) in &found {
            let Some(native) = native_bytes(&file, &input, numbers) else { continue };
            match tract_bytes(&file, &graph, &input, integers) {
                Err(problem) => problems.push(format!("{name} {integers}: {problem}")),
                Ok(tract) if tract != native => problems.push(format!("{name} {integers}: not equal")),
                Ok(tract) => bytes += tract.len(),
            }
            tensors += 1;
        }
        if tensors == before {
            problems.push(format!("{name}: no tensor could be compared"));
        }
    }
    println!("{tensors} tensors of {bytes} bytes are compared");
    report(&problems, tensors);
}
