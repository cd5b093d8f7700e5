//! Checks a tensor that the file holds before its shape is believed.

use super::limits;
use crate::error::CompileError;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{AttributeProto, TensorProto};

/// Bytes of one value, for the types that tract loads.
fn value_bytes(kind: DataType) -> Option<usize> {
    Some(match kind {
        DataType::Bool | DataType::Uint8 | DataType::Int8 => 1,
        DataType::Uint16 | DataType::Int16 | DataType::Float16 => 2,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        _ => return None,
    })
}

/// Number of values in the typed field that holds data of this type when there are no raw bytes.
fn typed_values(tensor: &TensorProto, kind: DataType) -> usize {
    match kind {
        DataType::Float => tensor.float_data.len(),
        DataType::Double => tensor.double_data.len(),
        DataType::Int64 | DataType::Uint64 => tensor.int64_data.len(),
        _ => tensor.int32_data.len(),
    }
}

/// Checks that a tensor has as much data as its shape says, and returns the number of its values.
/// `name` is what to call it in an error.
pub fn check(tensor: &TensorProto, name: &str) -> Result<u64, CompileError> {
    let fail = |problem: String| Err(CompileError::tensor(name, problem));
    let external = tensor.data_location == Some(DataLocation::External as i32);
    if external || !tensor.external_data.is_empty() {
        return fail("its data are in another file; a model must be one file".into());
    }
    if tensor.segment.is_some() {
        return fail("it is stored in segments, which are not supported".into());
    }
    let kind = DataType::try_from(tensor.data_type).ok();
    let Some((kind, bytes)) = kind.and_then(|kind| Some((kind, value_bytes(kind)?))) else {
        let found = kind.map_or(tensor.data_type.to_string(), |kind| format!("{kind:?}"));
        return fail(format!("data type {found} is not supported"));
    };
    if tensor.dims.len() > limits::RANK {
        return fail(format!(
            "it has {} dimensions, at most {} are accepted",
            tensor.dims.len(),
            limits::RANK
        ));
    }
    let mut values = 1u64;
    for &dim in &tensor.dims {
        let Ok(dim) = u64::try_from(dim) else { return fail(format!("dimension {dim} is negative")) };
        values = values.saturating_mul(dim);
    }
    if values > limits::CONSTANT_VALUES {
        return fail(format!("{values} values, at most {} are accepted", limits::CONSTANT_VALUES));
    }
    let range = match kind {
        DataType::Uint8 => 0..=255,
        DataType::Int8 => -128..=127,
        _ => i32::MIN..=i32::MAX,
    };
    if let Some(value) = tensor.int32_data.iter().find(|value| !range.contains(value)) {
        return fail(format!("it holds {value}, which {kind:?} does not"));
    }
    let given = match tensor.raw_data.len() {
        0 => typed_values(tensor, kind) as u64,
        raw if raw % bytes == 0 => (raw / bytes) as u64,
        raw => return fail(format!("{raw} bytes of data are not a whole number of {kind:?} values")),
    };
    if given != values {
        return fail(format!("its shape {:?} takes {values} values, {given} are there", tensor.dims));
    }
    Ok(values)
}

/// The values of an `int64` tensor that has passed [`check`].
pub fn ints(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.data_type != DataType::Int64 as i32 {
        return None;
    }
    if tensor.raw_data.is_empty() {
        return Some(tensor.int64_data.clone());
    }
    let (values, _) = tensor.raw_data.as_chunks();
    Some(values.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
}

/// Checks the tensors in an attribute of the node called `node`, and returns the number of values.
pub fn check_attribute(attribute: &AttributeProto, node: &str) -> Result<u64, CompileError> {
    let mut values = (attribute.floats.len() + attribute.ints.len()) as u64;
    for tensor in attribute.t.iter().chain(&attribute.tensors) {
        let name = format!("{node}.{}", attribute.name);
        values = values.saturating_add(check(tensor, &name)?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[i64], raw: usize) -> TensorProto {
        let data_type = DataType::Float as i32;
        TensorProto { dims: dims.to_vec(), data_type, raw_data: vec![0; raw], ..Default::default() }
    }

    fn text(tensor: &TensorProto) -> String {
        check(tensor, "w").unwrap_err().to_string()
    }

    #[test]
    fn counts_raw_and_typed_values() {
        assert_eq!(check(&tensor(&[2, 3], 24), "w").unwrap(), 6);
        assert_eq!(check(&tensor(&[], 4), "w").unwrap(), 1);
        let typed = TensorProto { float_data: vec![0.5; 6], ..tensor(&[2, 3], 0) };
        assert_eq!(check(&typed, "w").unwrap(), 6);
        assert_eq!(check(&tensor(&[0], 0), "w").unwrap(), 0);
    }

    #[test]
    fn refuses_shapes_that_lie() {
        assert_eq!(text(&tensor(&[2, 3], 20)), "tensor \"w\": its shape [2, 3] takes 6 values, 5 are there");
        assert_eq!(
            text(&tensor(&[2, 3], 23)),
            "tensor \"w\": 23 bytes of data are not a whole number of Float values"
        );
        assert_eq!(text(&tensor(&[2, -3], 24)), "tensor \"w\": dimension -3 is negative");
        assert_eq!(
            text(&tensor(&[i64::MAX, i64::MAX], 24)),
            "tensor \"w\": 18446744073709551615 values, at most 536870912 are accepted"
        );
        assert_eq!(text(&tensor(&[1; 9], 4)), "tensor \"w\": it has 9 dimensions, at most 8 are accepted");
    }

    #[test]
    fn refuses_what_is_elsewhere_or_of_no_use() {
        let external = TensorProto { data_location: Some(1), ..tensor(&[1], 4) };
        assert_eq!(text(&external), "tensor \"w\": its data are in another file; a model must be one file");
        let strings = TensorProto { data_type: DataType::String as i32, ..tensor(&[1], 4) };
        assert_eq!(text(&strings), "tensor \"w\": data type String is not supported");
        let unknown = TensorProto { data_type: 99, ..tensor(&[1], 4) };
        assert_eq!(text(&unknown), "tensor \"w\": data type 99 is not supported");
    }
}
