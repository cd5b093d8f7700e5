//! Small quantised ONNX files in both spellings, native against ONNX Runtime; and files whose quantisation is
//! not supported. `tests/data/quantised/README.md` says how they are made.

#[path = "../common/mod.rs"]
mod common;
mod patterns;
mod positives;
mod reference;
mod refused;

use common::files::{channels_last, dims, floats, folder, picture, ramp, read, report, stems, unique};
use common::{chain, options};
use prost::Message;
use std::collections::BTreeMap;
use tract_onnx::pb::ModelProto;
use wisp::Engine;
use wisp_compiler::compile_bytes;

/// What floats lose beside the step that integers may be off.
const LOST: f32 = 1e-6;

const STEPS: &str = include_str!("../data/quantised/steps.txt");

/// How far apart two levels of each output are.
fn steps() -> BTreeMap<&'static str, f32> {
    let line = |line: &'static str| {
        let (name, step) = line.split_once(' ').unwrap_or_else(|| panic!("not NAME STEP: {line}"));
        (name, step.parse().unwrap_or_else(|error| panic!("{line}: {error}")))
    };
    STEPS.lines().map(line).collect()
}

/// How many values of a file's native output equal ONNX Runtime's, and of how many; an error if one is more
/// than a step away, or if the convolutions did not run as they should have.
fn compare(name: &str, convs_int8: usize, step: f32) -> Result<(usize, usize), String> {
    let folder = folder("quantised");
    let bytes = read(&folder.join(format!("{name}.onnx")));
    let expected = floats(&read(&folder.join(format!("{name}.f32"))));

    let graph = ModelProto::decode(bytes.as_slice()).unwrap().graph.unwrap();
    let (input, output) = (picture(&graph), dims(&graph.output[0]));
    let ramp = ramp(input.iter().product());
    let channels_first = !positives::NHWC_INPUT.contains(&name);
    let input = if channels_first { channels_last(&ramp, input[1]) } else { ramp };
    let expected = if output.len() == 4 { channels_last(&expected, output[1]) } else { expected };

    let compiled = compile_bytes(&bytes, &options()).map_err(|error| chain(&error))?;
    let mut engine =
        Engine::from_bytes(&compiled.bytes, &wisp::Options::default()).map_err(|error| error.to_string())?;
    let found = engine.run(&input).map_err(|error| error.to_string())?;
    if found.len() != expected.len() {
        return Err(format!("{} values, {} are expected", found.len(), expected.len()));
    }
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= step + LOST;
    if let Some(index) = found.iter().zip(&expected).position(|pair| !close(pair)) {
        let count = found.iter().zip(&expected).filter(|&pair| !close(pair)).count();
        let (a, b) = (found[index], expected[index]);
        let (apart, of) = ((a - b) / step, found.len());
        return Err(format!(
            "value {index} is {a}, {b} is expected, which is {apart:.2} steps away; {count} of {of} differ so"
        ));
    }
    let int8 = compiled.report.convs_int8;
    if int8 != convs_int8 {
        return Err(format!("{int8} convolutions run in integers, {convs_int8} are expected to"));
    }
    let same = |(a, b): &(&f32, &f32)| (*a - *b).abs() <= LOST.min(step / 2.0);
    Ok((found.iter().zip(&expected).filter(same).count(), found.len()))
}

#[test]
fn every_file_is_in_the_tables() {
    let positives = positives::POSITIVES.concat();
    let positives = unique(positives.iter().map(|(name, _)| *name));
    assert_eq!(stems(&folder("quantised"), ".onnx"), positives);
    assert_eq!(stems(&folder("quantised"), ".f32"), positives);
    assert_eq!(unique(steps().into_keys()), positives);
    assert!(unique(positives::NHWC_INPUT.iter().copied()).is_subset(&positives));
    let refused = refused::table();
    assert_eq!(stems(&folder("quantised/refused"), ".onnx"), unique(refused.iter().map(|(name, _)| *name)));
}

#[test]
fn quantised_files_as_in_onnx_runtime() {
    let (table, steps) = (positives::POSITIVES.concat(), steps());
    let (mut problems, mut equal, mut all) = (Vec::new(), 0, 0);
    for &(name, convs_int8) in &table {
        match compare(name, convs_int8, steps[name]) {
            Err(problem) => problems.push(format!("{name}: {problem}")),
            Ok((same, of)) => {
                if same < of {
                    println!("{name}: {} of {of} values are a step away", of - same);
                }
                (equal, all) = (equal + same, all + of);
            }
        }
    }
    println!("{equal} of {all} values are equal");
    report(&problems, table.len());
}

#[test]
fn what_is_not_supported_is_refused_in_words() {
    let table = refused::table();
    let mut problems = Vec::new();
    for (name, expected) in &table {
        match compile_bytes(&read(&folder("quantised/refused").join(format!("{name}.onnx"))), &options()) {
            Ok(_) => problems.push(format!("{name}: IT COMPILES")),
            Err(error) => {
                let text = refused::brief(&chain(&error));
                if text != *expected {
                    problems.push(format!("{name}: {text}"));
                }
            }
        }
    }
    report(&problems, table.len());
}
