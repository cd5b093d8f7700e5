//! Small ONNX files as the exporters of the last years wrote them, native against ONNX Runtime; and files
//! that hold what is not supported. `tests/data/import/README.md` says how they are made.

#[path = "../common/mod.rs"]
mod common;
mod positives;
mod refused;

use common::files::{channels_last, dims, floats, folder, picture, ramp, read, report, stems, unique};
use common::{chain, options};
use prost::Message;
use tract_onnx::pb::ModelProto;
use wisp::Engine;
use wisp_compiler::compile_bytes;

/// How the native output of a file differs from the expected one, if it does.
fn difference(name: &str) -> Result<(), String> {
    let folder = folder("import");
    let bytes = read(&folder.join(format!("{name}.onnx")));
    let expected = floats(&read(&folder.join(format!("{name}.f32"))));

    let graph = ModelProto::decode(bytes.as_slice()).unwrap().graph.unwrap();
    let (input, output) = (picture(&graph), dims(&graph.output[0]));
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

#[test]
fn every_file_is_in_the_tables() {
    let positives = unique(positives::POSITIVES.concat());
    assert_eq!(stems(&folder("import"), ".onnx"), positives);
    assert_eq!(stems(&folder("import"), ".f32"), positives);
    assert!(unique(positives::NHWC_INPUT.iter().copied()).is_subset(&positives));
    assert!(unique(positives::NHWC_OUTPUT.iter().copied()).is_subset(&positives));
    let refused = refused::table();
    assert_eq!(stems(&folder("import/refused"), ".onnx"), unique(refused.iter().map(|(name, _)| *name)));
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
        match compile_bytes(&read(&folder("import/refused").join(format!("{name}.onnx"))), &options()) {
            Ok(_) => problems.push(format!("{name}: IT COMPILES")),
            Err(error) if chain(&error) != *expected => problems.push(refused::line(name, &chain(&error))),
            Err(_) => {}
        }
    }
    report(&problems, table.len());
}
