//! The networks of the comparison AlexNet → VGG → ResNet → SqueezeNet, each written down once.
//!
//! ```
//! let network = wisp_zoo::build("squeezenet1.0", None)?;
//! assert_eq!(network.params(), 1_248_424);
//! assert_eq!(network.layer("conv1").map(|layer| layer.output.to_string()).as_deref(), Some("111×111×96"));
//! let onnx: Vec<u8> = network.to_onnx();
//! # assert_eq!(onnx.len() as u64, network.onnx_bytes());
//! # Ok::<(), wisp_zoo::ZooError>(())
//! ```
//!
//! | room | job |
//! |---|---|
//! | `catalogue` | the names, and [`build`] |
//! | `squeezenet`, `alexnet`, `vgg`, `resnet` | the networks, in the vocabulary of the builder |
//! | `builder`, `conv`, `shape` | that vocabulary: [`Builder::conv`], [`Builder::fire`], [`Builder::dense`] … |
//! | `network` | parameters, multiply-adds and map sizes by layer |
//! | `seed` | weights drawn from names, the same on every machine |
//! | `export`, `onnx` | the ONNX file, streamed: the weights never stand in memory |
//! | `trained` | weights taken from another file instead |
//!
//! The weights are seeded unless [`Network::with_weights`] brought others, and every file says which.

#![forbid(unsafe_code)]

mod alexnet;
mod builder;
mod catalogue;
mod conv;
mod error;
mod export;
mod network;
mod onnx;
mod preprocessing;
mod resnet;
mod seed;
mod shape;
mod squeezenet;
mod trained;
mod vgg;

pub use builder::{Builder, Map};
pub use catalogue::{Entry, build, list};
pub use conv::Conv;
pub use error::ZooError;
pub use network::{Layer, Network, WeightSource};
pub use preprocessing::Preprocessing;
pub use shape::{Shape, Window};
pub use squeezenet::Fire;
