//! A finished network: what it costs, layer by layer, and what an exporter needs.

use crate::builder::{Constant, Map};
use crate::error::ZooError;
use crate::onnx::{NodeProto, StringStringEntryProto};
use crate::preprocessing::Preprocessing;
use crate::shape::Shape;

/// Name of the input tensor.
pub(crate) const INPUT: &str = "data";

/// Where the weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightSource {
    /// Drawn: right in number, size and cost, and knowing nothing.
    Seeded,
    /// Trained, taken from another file.
    Trained,
}

impl WeightSource {
    /// The word in `metadata_props`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seeded => "seeded",
            Self::Trained => "trained",
        }
    }
}

/// One node: what goes in, what comes out, what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name of the node and of its output.
    pub name: String,
    /// ONNX operator.
    pub operator: &'static str,
    /// Size of its (first) input.
    pub input: Shape,
    /// Size of its output.
    pub output: Shape,
    /// Learned values, counted as papers count them: without a batch-norm's running mean and variance.
    pub params: u64,
    /// Multiplications with a weight, each with its addition. Biases and what has no weights (pools,
    /// normalisation, sums) are not counted, as in papers.
    pub macs: u64,
}

impl Layer {
    /// Whether it is one of the layers that a network's depth counts: a convolution or a dense layer.
    pub fn is_weighted(&self) -> bool {
        self.macs > 0
    }
}

/// A network, ready to be exported. Drawn weights are not held but made while they are written.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) name: String,
    pub(crate) input: Map,
    pub(crate) output: Map,
    pub(crate) nodes: Vec<NodeProto>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) weights: WeightSource,
    preprocessing: Preprocessing,
    layers: Vec<Layer>,
}

impl Network {
    pub(crate) fn new(
        name: String,
        input: Map,
        output: Map,
        preprocessing: Preprocessing,
        nodes: Vec<NodeProto>,
        constants: Vec<Constant>,
        layers: Vec<Layer>,
    ) -> Result<Self, ZooError> {
        let weights = WeightSource::Seeded;
        let network = Self { name, input, output, nodes, constants, weights, preprocessing, layers };
        network.check_bytes()?;
        Ok(network)
    }

    /// Its name in the catalogue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size of the input.
    pub fn input(&self) -> Shape {
        self.input.shape
    }

    /// Number of outputs.
    pub fn classes(&self) -> u32 {
        self.output.shape.channels
    }

    /// Where the weights come from.
    pub fn weights(&self) -> WeightSource {
        self.weights
    }

    /// The nodes in the order in which they run.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The node of that name.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }

    /// Learned values; see [`Layer::params`].
    pub fn params(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.params))
    }

    /// Multiply-adds for one picture; see [`Layer::macs`].
    pub fn macs(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.macs))
    }

    /// The same network up to its logits: without the softmax at its end, which hides differences. A
    /// network that does not end in one stays as it is.
    #[must_use]
    pub fn without_softmax(mut self) -> Self {
        let last =
            self.nodes.pop_if(|node| node.op_type == "Softmax" && node.output.contains(&self.output.name));
        if let Some(name) = last.and_then(|node| node.input.into_iter().next()) {
            self.output.name = name;
            self.layers.pop();
        }
        self
    }

    /// What the file says of itself. An input that is no square RGB picture has no preprocessing.
    pub(crate) fn metadata(&self) -> Vec<StringStringEntryProto> {
        let mut entries =
            vec![("wisp.model", self.name.clone()), ("wisp.weights", self.weights.as_str().into())];
        let Shape { channels, height, width } = self.input.shape;
        if channels == 3 && height == width {
            entries.extend(self.preprocessing.metadata(width));
        }
        entries.into_iter().map(|(key, value)| StringStringEntryProto { key: key.into(), value }).collect()
    }
}
