//! The networks of the zoo, with the weights that this program has for them.

use anyhow::{Error, Result};
use wisp_zoo::{Entry, Network, WeightSource, ZooError};

/// SqueezeNet 1.1 with trained weights: what the built-in compiled file was made from.
pub const TRAINED: &[u8] = include_bytes!("../../../models/squeezenet1.1.onnx");
/// How the zoo calls that file.
const TRAINED_NAME: &str = "models/squeezenet1.1.onnx";

/// The ONNX file with the trained weights of a network, if there is one in this program.
fn trained(entry: &Entry) -> Option<&'static [u8]> {
    (entry.trained == Some(TRAINED_NAME)).then_some(TRAINED)
}

/// Which weights [`build`] gives a network of the catalogue.
pub fn weights(entry: &Entry) -> WeightSource {
    trained(entry).map_or(WeightSource::Seeded, |_| WeightSource::Trained)
}

/// Builds a network, at its default size or at another, with trained weights where there are any unless
/// seeded ones are asked for. The error for an unknown name is [`ZooError::Unknown`], without a context.
pub fn build(name: &str, size: Option<u32>, seeded: bool) -> Result<Network> {
    let about = |error| match error {
        ZooError::Unknown { .. } => Error::new(error),
        _ => Error::new(error).context(name.to_string()),
    };
    let network = wisp_zoo::build(name, size).map_err(about)?;
    match entry(&network).and_then(trained).filter(|_| !seeded) {
        Some(onnx) => network.with_weights(onnx).map_err(about),
        None => Ok(network),
    }
}

/// The catalogue's entry of a network that came from it.
pub fn entry(network: &Network) -> Option<&'static Entry> {
    wisp_zoo::list().iter().find(|entry| entry.name == network.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network whose trained weights the repository gains must gain them here too.
    #[test]
    fn all_trained_weights_are_here() {
        for entry in wisp_zoo::list() {
            assert_eq!(trained(entry).is_some(), entry.trained.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn trained_weights_fit_their_network_at_any_size() {
        for (size, seeded, weights) in [
            (None, false, WeightSource::Trained),
            (Some(64), false, WeightSource::Trained),
            (Some(64), true, WeightSource::Seeded),
        ] {
            let network = build("SqueezeNet 1.1", size, seeded).unwrap();
            assert_eq!(network.weights(), weights);
            assert_eq!(network.input().height, size.unwrap_or(224));
        }
    }
}
