//! Small ONNX files as the exporters of the last years wrote them, native against ONNX Runtime; and files
//! that hold what is not supported. `tests/data/import/README.md` says how they are made.

#[path = "../common/mod.rs"]
mod common;
mod positives;
mod refused;

use common::{chain, options};
use prost::Message;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::{ModelProto, ValueInfoProto, type_proto};
use wisp::Engine;
use wisp_compiler::compile_bytes;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "import"].iter().collect()
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The names in a folder without the `ending`.
fn stems(folder: PathBuf, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(ending).map(String::from)).collect()
}

/// The values that every model is run on, in the order of its own input.
fn ramp(count: usize) -> Vec<f32> {
    (0..count as i64).map(|index| ((index * 37 % 101) - 50) as f32 / 50.0).collect()
}

/// `[channel][pixel]` to `[pixel][channel]`.
fn channels_last(values: &[f32], channels: usize) -> Vec<f32> {
    let pixels = values.len() / channels;
    (0..values.len()).map(|index| values[index % channels * pixels + index / channels]).collect()
}

/// The sizes that a file gives for a tensor. An open one is the batch, which is 1.
fn dims(info: &ValueInfoProto) -> Vec<usize> {
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().unwrap().value.as_ref() else {
        panic!("{} is no tensor", info.name);
    };
    let size = |dim: &Option<Dim>| match dim {
        Some(Dim::DimValue(size)) => usize::try_from(*size).unwrap_or(1),
        _ => 1,
    };
    tensor.shape.as_ref().unwrap().dim.iter().map(|dim| size(&dim.value)).collect()
}

/// How the native output of a file differs from the expected one, if it does.
fn difference(name: &str) -> Result<(), String> {
    let bytes = read(&format!("{name}.onnx"));
    let expected = read(&format!("{name}.f32"));
    let expected: Vec<f32> =
        expected.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect();

    let graph = ModelProto::decode(bytes.as_slice()).unwrap().graph.unwrap();
    let is_picture = |info: &&ValueInfoProto| graph.initializer.iter().all(|tensor| tensor.name != info.name);
    let input = dims(graph.input.iter().find(is_picture).unwrap());
    let output = dims(&graph.output[0]);

    let ramp = ramp(input.iter().product());
    let channels_first = !positives::NHWC_INPUT.contains(&name);
    let input = if channels_first { channels_last(&ramp, input[1]) } else { ramp };
    let is_map = output.len() == 4 && !positives::NHWC_OUTPUT.contains(&name);
    let expected = if is_map { channels_last(&expected, output[1]) } else { expected };

    let compiled = compile_bytes(&bytes, &options()).map_err(|error| chain(&error))?;
    let mut engine =
        Engine::from_bytes(&compiled.bytes, &wisp::Options::default()).map_err(|error| error.to_string())?;
    let found = engine.run(&input).map_err(|error| error.to_string())?;
    if found.len() != expected.len() {
        return Err(format!("{} values, {} are expected", found.len(), expected.len()));
    }
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let allowed = 1e-4 * (high - low).max(1.0);
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= allowed;
    match found.iter().zip(&expected).position(|pair| !close(pair)) {
        None => Ok(()),
        Some(index) => {
            let count = found.iter().zip(&expected).filter(|&pair| !close(pair)).count();
            let (a, b) = (found[index], expected[index]);
            Err(format!(
                "value {index} is {a}, {b} is expected; {count} of {} differ by over {allowed}",
                found.len()
            ))
        }
    }
}

/// Panics with all problems at once, a line each.
fn report(problems: &[String], of: usize) {
    assert!(problems.is_empty(), "{} of {of}:\n{}\n", problems.len(), problems.join("\n"));
}

#[test]
fn every_file_is_in_the_tables() {
    let table = |names: &[&str]| names.iter().map(|&name| name.to_string()).collect::<BTreeSet<_>>();
    let positives = table(&positives::POSITIVES.concat());
    assert_eq!(positives.len(), positives::POSITIVES.concat().len(), "a name stands in the table twice");
    assert_eq!(stems(folder(), ".onnx"), positives);
    assert_eq!(stems(folder(), ".f32"), positives);
    assert!(table(positives::NHWC_INPUT).is_subset(&positives));
    assert!(table(positives::NHWC_OUTPUT).is_subset(&positives));
    let refused: Vec<&str> = refused::table().iter().map(|(name, _)| *name).collect();
    assert_eq!(stems(folder().join("refused"), ".onnx"), table(&refused));
    assert_eq!(table(&refused).len(), refused.len(), "a name stands in the table twice");
}

#[test]
fn files_of_every_exporter_as_in_onnx_runtime() {
    let names = positives::POSITIVES.concat();
    let problems: Vec<String> = names
        .iter()
        .filter_map(|name| difference(name).err().map(|problem| format!("{name}: {problem}")))
        .collect();
    report(&problems, names.len());
}

#[test]
fn what_is_not_supported_is_refused_in_words() {
    let table = refused::table();
    let mut problems = Vec::new();
    for (name, expected) in &table {
        match compile_bytes(&read(&format!("refused/{name}.onnx")), &options()) {
            Ok(_) => problems.push(format!("{name}: IT COMPILES")),
            Err(error) if chain(&error) != *expected => problems.push(refused::line(name, &chain(&error))),
            Err(_) => {}
        }
    }
    report(&problems, table.len());
}
