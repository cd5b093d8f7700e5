//! Folders of ONNX files with stored outputs: what is in them, how they are run, and how problems are told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::{GraphProto, ValueInfoProto, type_proto};

/// A folder below `tests/data`.
pub fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect()
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Little-endian `f32`.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
}

/// The names in a folder without the `ending`.
pub fn stems(folder: &Path, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(ending).map(String::from)).collect()
}

/// The names of a table, none of which may stand there twice.
pub fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    for name in names {
        assert!(set.insert(name.to_string()), "{name} stands in the table twice");
    }
    set
}

/// The values that every model is run on, in the order of its own input.
pub fn ramp(count: usize) -> Vec<f32> {
    (0..count as i64).map(|index| ((index * 37 % 101) - 50) as f32 / 50.0).collect()
}

/// `[channel][pixel]` to `[pixel][channel]`.
pub fn channels_last(values: &[f32], channels: usize) -> Vec<f32> {
    let pixels = values.len() / channels;
    (0..values.len()).map(|index| values[index % channels * pixels + index / channels]).collect()
}

/// The sizes of the graph's picture, which is the input that no initialiser stands for.
pub fn picture(graph: &GraphProto) -> Vec<usize> {
    let is_picture = |info: &&ValueInfoProto| graph.initializer.iter().all(|tensor| tensor.name != info.name);
    dims(graph.input.iter().find(is_picture).unwrap())
}

/// The sizes that a file gives for a tensor. An open one is the batch, which is 1.
pub fn dims(info: &ValueInfoProto) -> Vec<usize> {
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().unwrap().value.as_ref() else {
        panic!("{} is no tensor", info.name);
    };
    let size = |dim: &Option<Dim>| match dim {
        Some(Dim::DimValue(size)) => usize::try_from(*size).unwrap_or(1),
        _ => 1,
    };
    tensor.shape.as_ref().unwrap().dim.iter().map(|dim| size(&dim.value)).collect()
}

/// Panics with all problems at once, a line each.
pub fn report(problems: &[String], of: usize) {
    assert!(problems.is_empty(), "{} of {of}:\n{}\n", problems.len(), problems.join("\n"));
}
