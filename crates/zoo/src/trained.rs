//! Trained weights from another ONNX file of the same network, at whatever input size that one has.

use std::collections::HashMap;

use prost::Message;

use crate::error::ZooError;
use crate::network::{Network, WeightSource};
use crate::onnx::{FLOAT, ModelProto, TensorProto};
use crate::seed::Fill;

impl Network {
    /// Takes every constant from an ONNX file that holds the same tensors by name and size and says of
    /// itself `wisp.weights=trained`. Only the weights are taken, not the graph.
    ///
    /// # Errors
    /// [`ZooError::Weights`] if the file is something else, or lacks a tensor, or has one too many.
    pub fn with_weights(mut self, onnx: &[u8]) -> Result<Self, ZooError> {
        let model = ModelProto::decode(onnx).map_err(|error| refuse("the weights", error.to_string()))?;
        let trained = model
            .metadata_props
            .iter()
            .any(|entry| entry.key == "wisp.weights" && entry.value == WeightSource::Trained.as_str());
        if !trained {
            return Err(refuse("the weights", "the file does not say wisp.weights=trained"));
        }
        let tensors = model.graph.unwrap_or_default().initializer;
        let mut tensors: HashMap<_, _> =
            tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        for constant in &mut self.constants {
            let tensor =
                tensors.remove(&constant.name).ok_or_else(|| refuse(&constant.name, "the file lacks it"))?;
            let dims: Vec<i64> = constant.dims.iter().map(|&dim| dim.into()).collect();
            if tensor.dims != dims {
                let problem = format!("it is {:?} in the file, {dims:?} is needed", tensor.dims);
                return Err(refuse(&constant.name, problem));
            }
            constant.fill = Fill::Given(values(tensor, constant.values())?);
        }
        if let Some(name) = tensors.into_keys().min() {
            return Err(refuse(&name, format!("{} has no such tensor", self.name)));
        }
        self.weights = WeightSource::Trained;
        Ok(self)
    }
}

fn refuse(tensor: &str, problem: impl Into<String>) -> ZooError {
    ZooError::Weights { tensor: tensor.into(), problem: problem.into() }
}

/// The values as little-endian bytes, checked to be so many finite `f32`.
fn values(tensor: TensorProto, count: u64) -> Result<Vec<u8>, ZooError> {
    if tensor.data_type != FLOAT {
        return Err(refuse(&tensor.name, format!("its type is {}, f32 (1) is needed", tensor.data_type)));
    }
    let bytes = if tensor.raw_data.is_empty() {
        tensor.float_data.iter().copied().flat_map(f32::to_le_bytes).collect()
    } else {
        tensor.raw_data
    };
    let (values, rest) = bytes.as_chunks::<4>();
    if values.len() as u64 != count || !rest.is_empty() {
        return Err(refuse(&tensor.name, format!("{} bytes are not {count} values", bytes.len())));
    }
    if !values.iter().all(|&value| f32::from_le_bytes(value).is_finite()) {
        return Err(refuse(&tensor.name, "not all of its values are finite"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;

    fn squeezenet() -> Network {
        build("squeezenet1.1", Some(160)).unwrap()
    }

    /// What stands in for trained weights: the drawn ones, with the word changed.
    fn donor(change: impl FnOnce(&mut ModelProto)) -> Vec<u8> {
        let bytes = build("squeezenet1.1", None).unwrap().to_onnx();
        let mut model = ModelProto::decode(&bytes[..]).unwrap();
        for entry in model.metadata_props.iter_mut().filter(|entry| entry.key == "wisp.weights") {
            entry.value = "trained".into();
        }
        change(&mut model);
        model.encode_to_vec()
    }

    fn tensor(model: &mut ModelProto) -> &mut TensorProto {
        &mut model.graph.as_mut().unwrap().initializer[0]
    }

    #[test]
    fn weights_move_to_another_input_size() {
        let bytes = donor(|model| tensor(model).raw_data[..4].copy_from_slice(&7.5_f32.to_le_bytes()));
        let network = squeezenet().with_weights(&bytes).unwrap();
        assert_eq!(network.weights(), WeightSource::Trained);
        let mut model = ModelProto::decode(&network.to_onnx()[..]).unwrap();
        assert!(model.metadata_props.iter().any(|entry| entry.key == "wisp.size" && entry.value == "160"));
        assert!(model.metadata_props.iter().any(|entry| entry.value == "trained"));
        assert_eq!(tensor(&mut model).raw_data[..4], 7.5_f32.to_le_bytes());
    }

    #[test]
    fn other_files_are_refused() {
        let refusal = |bytes: &[u8]| squeezenet().with_weights(bytes).unwrap_err().to_string();
        assert!(refusal(b"not protobuf").starts_with("the weights: "));
        let seeded = squeezenet().to_onnx();
        assert_eq!(refusal(&seeded), "the weights: the file does not say wisp.weights=trained");
        let renamed = donor(|model| tensor(model).name = "other".into());
        assert_eq!(refusal(&renamed), "conv1_w: the file lacks it");
        let reshaped = donor(|model| tensor(model).dims = vec![64, 27]);
        assert_eq!(refusal(&reshaped), "conv1_w: it is [64, 27] in the file, [64, 3, 3, 3] is needed");
        let short = donor(|model| tensor(model).raw_data.truncate(10));
        assert_eq!(refusal(&short), "conv1_w: 10 bytes are not 1728 values");
        let infinite =
            donor(|model| tensor(model).raw_data[..4].copy_from_slice(&f32::INFINITY.to_le_bytes()));
        assert_eq!(refusal(&infinite), "conv1_w: not all of its values are finite");
        let extra = donor(|model| {
            let graph = model.graph.as_mut().unwrap();
            graph.initializer.push(TensorProto { name: "extra".into(), ..TensorProto::default() });
        });
        assert_eq!(refusal(&extra), "extra: squeezenet1.1 has no such tensor");
    }
}
