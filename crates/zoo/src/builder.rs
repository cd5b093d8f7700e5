//! The vocabulary that networks are written in: one method a kind of layer.
//!
//! Each method adds one ONNX node and returns the map that comes out; blocks of several nodes stand with
//! their networks (`fire`, `residual`, `widen`). A node, the tensor it writes and the layer in
//! [`Network::layers`] bear one name.

use crate::conv::Conv;
use crate::error::ZooError;
use crate::network::{INPUT, Layer, Network};
use crate::onnx::{AttributeProto, NodeProto};
use crate::preprocessing::Preprocessing;
use crate::seed::Fill;
use crate::shape::{Shape, Window};

/// A map between two layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The tensor's name.
    pub name: String,
    /// Its size.
    pub shape: Shape,
    /// Whether it has two dimensions in ONNX (batch, values) instead of four.
    pub(crate) vector: bool,
}

/// A constant tensor of the network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub name: String,
    pub dims: Vec<u32>,
    pub fill: Fill,
}

impl Constant {
    /// Number of values.
    pub fn values(&self) -> u64 {
        self.dims.iter().fold(1, |product, &dim| product.saturating_mul(dim.into()))
    }
}

/// A network under construction.
#[derive(Debug)]
pub struct Builder {
    name: String,
    input: Map,
    preprocessing: Preprocessing,
    nodes: Vec<NodeProto>,
    constants: Vec<Constant>,
    layers: Vec<Layer>,
}

/// Spread of the biases, and of a batch-norm's mean and shift: enough for a lost one to be seen.
const BIAS_DEVIATION: f32 = 0.05;
/// Spread of a batch-norm's scale and variance around 1. The values are bounded at 3.5 times that.
const NORM_DEVIATION: f32 = 0.1;

impl Builder {
    /// Starts a network, and returns its input.
    pub fn new(name: &str, input: Shape, preprocessing: Preprocessing) -> (Self, Map) {
        let input = Map { name: INPUT.into(), shape: input, vector: false };
        let builder = Self {
            name: name.into(),
            input: input.clone(),
            preprocessing,
            nodes: Vec::new(),
            constants: Vec::new(),
            layers: Vec::new(),
        };
        (builder, input)
    }

    /// Ends the network.
    ///
    /// # Errors
    /// [`ZooError::TooLarge`] if the weights do not go into one protobuf.
    pub fn finish(self, output: Map) -> Result<Network, ZooError> {
        Network::new(
            self.name,
            self.input,
            output,
            self.preprocessing,
            self.nodes,
            self.constants,
            self.layers,
        )
    }

    /// A convolution.
    ///
    /// # Errors
    /// [`ZooError::Window`] if the kernel does not fit, [`ZooError::Layer`] if the groups do not divide the maps.
    pub fn conv(&mut self, name: &str, input: &Map, conv: Conv) -> Result<Map, ZooError> {
        let Conv { maps, window, groups, bias, relu } = conv;
        let channels = input.shape.channels;
        if groups == 0 || maps == 0 || !channels.is_multiple_of(groups) || !maps.is_multiple_of(groups) {
            let problem = format!("{groups} groups do not divide {channels} maps in and {maps} out");
            return Err(ZooError::Layer { layer: name.into(), problem });
        }
        let (shape, _) = slide(name, input.shape, window, maps)?;
        let dims = vec![maps, channels / groups, window.kernel, window.kernel];
        let taps = self.weights(name, input, dims, bias, relu);
        let (kernel, stride, pad) = (window.kernel, window.stride, window.pad);
        let suffixes: &[&str] = if bias { &["_w", "_b"] } else { &["_w"] };
        let map = self.node("Conv", name, &[input], shape, suffixes, |attributes| {
            attributes.push(AttributeProto::ints("dilations", &[1, 1]));
            attributes.push(AttributeProto::int("group", groups.into()));
            attributes.push(AttributeProto::ints("kernel_shape", &[kernel, kernel]));
            attributes.push(AttributeProto::ints("pads", &[pad; 4]));
            attributes.push(AttributeProto::ints("strides", &[stride; 2]));
        });
        let biases = if bias { maps } else { 0 };
        self.count(taps.saturating_add(biases.into()), taps.saturating_mul(shape.pixels()));
        Ok(map)
    }

    /// A dense layer over all values of a map.
    ///
    /// # Errors
    /// [`ZooError::Layer`] if the map has more values than a dimension can say.
    pub fn dense(&mut self, name: &str, input: &Map, outputs: u32, relu: bool) -> Result<Map, ZooError> {
        let input = self.flatten(&format!("{name}/flatten"), input)?;
        let shape = Shape::square(outputs, 1);
        let taps = self.weights(name, &input, vec![outputs, input.shape.channels], true, relu);
        let map = self.node("Gemm", name, &[&input], shape, &["_w", "_b"], |attributes| {
            attributes.push(AttributeProto::int("transB", 1));
        });
        self.count(taps.saturating_add(outputs.into()), taps);
        Ok(map)
    }

    /// All values of a map as one vector. What is one already stays as it is.
    ///
    /// # Errors
    /// [`ZooError::Layer`] if the map has more values than a dimension can say.
    pub fn flatten(&mut self, name: &str, input: &Map) -> Result<Map, ZooError> {
        if input.vector {
            return Ok(input.clone());
        }
        let values = input.shape.pixels().saturating_mul(input.shape.channels.into());
        let problem = || format!("{values} values are too many for one vector");
        let values =
            u32::try_from(values).map_err(|_| ZooError::Layer { layer: name.into(), problem: problem() })?;
        let shape = Shape::square(values, 1);
        let flat = self.node("Flatten", name, &[input], shape, &[], |attributes| {
            attributes.push(AttributeProto::int("axis", 1));
        });
        Ok(Map { vector: true, ..flat })
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, name: &str, input: &Map) -> Map {
        self.node("Relu", name, &[input], input.shape, &[], |_| {})
    }

    /// A convolution and its ReLU, which is called `relu_` + the last part of the name.
    ///
    /// # Errors
    /// As [`conv`](Self::conv).
    pub fn conv_relu(&mut self, name: &str, input: &Map, conv: Conv) -> Result<Map, ZooError> {
        let map = self.conv(name, input, conv)?;
        let relu = match name.rsplit_once('/') {
            Some((module, part)) => format!("{module}/relu_{part}"),
            None => format!("relu_{name}"),
        };
        Ok(self.relu(&relu, &map))
    }

    /// Maximum over windows.
    ///
    /// # Errors
    /// [`ZooError::Window`] if not one window fits.
    pub fn max_pool(&mut self, name: &str, input: &Map, window: Window) -> Result<Map, ZooError> {
        let (shape, rounded_up) = slide(name, input.shape, window, input.shape.channels)?;
        Ok(self.node("MaxPool", name, &[input], shape, &[], |attributes| {
            // Said only where it changes the size: many readers of ONNX do not know it.
            if rounded_up {
                attributes.push(AttributeProto::int("ceil_mode", 1));
            }
            attributes.push(AttributeProto::ints("kernel_shape", &[window.kernel; 2]));
            attributes.push(AttributeProto::ints("pads", &[window.pad; 4]));
            attributes.push(AttributeProto::ints("strides", &[window.stride; 2]));
        }))
    }

    /// The mean of each map.
    pub fn global_average(&mut self, name: &str, input: &Map) -> Map {
        let shape = Shape::square(input.shape.channels, 1);
        self.node("GlobalAveragePool", name, &[input], shape, &[], |_| {})
    }

    /// Dropout: nothing happens outside training, and the node says where it was.
    pub fn dropout(&mut self, name: &str, input: &Map) -> Map {
        self.node("Dropout", name, &[input], input.shape, &[], |_| {})
    }

    /// AlexNet's local response normalisation: `x / (2 + 1e-4 · Σ x²)^0.75` over five maps. ONNX divides
    /// alpha by their number; the paper does not.
    pub fn lrn(&mut self, name: &str, input: &Map) -> Map {
        self.node("LRN", name, &[input], input.shape, &[], |attributes| {
            attributes.push(AttributeProto::float("alpha", 5e-4));
            attributes.push(AttributeProto::float("beta", 0.75));
            attributes.push(AttributeProto::float("bias", 2.0));
            attributes.push(AttributeProto::int("size", 5));
        })
    }

    /// Batch normalisation as it stands after training, around `gain` times its input. Counted as
    /// published: scale and shift are parameters, the running mean and variance are not.
    pub fn batch_norm(&mut self, name: &str, input: &Map, gain: f32) -> Map {
        for (suffix, centre, deviation) in [
            ("_gamma", gain, NORM_DEVIATION * gain),
            ("_beta", 0.0, BIAS_DEVIATION * gain),
            ("_mean", 0.0, BIAS_DEVIATION),
            ("_var", 1.0, NORM_DEVIATION),
        ] {
            let fill = Fill::Bell { centre, deviation };
            self.constant(format!("{name}{suffix}"), vec![input.shape.channels], fill);
        }
        let suffixes = ["_gamma", "_beta", "_mean", "_var"];
        let map = self.node("BatchNormalization", name, &[input], input.shape, &suffixes, |attributes| {
            attributes.push(AttributeProto::float("epsilon", 1e-5));
        });
        self.count(2 * u64::from(input.shape.channels), 0);
        map
    }

    /// The sum of two maps.
    ///
    /// # Errors
    /// [`ZooError::Join`] if their sizes differ.
    pub fn add(&mut self, name: &str, left: &Map, right: &Map) -> Result<Map, ZooError> {
        if left.shape != right.shape {
            return Err(ZooError::Join { layer: name.into(), left: left.shape, right: right.shape });
        }
        Ok(self.node("Add", name, &[left, right], left.shape, &[], |_| {}))
    }

    /// Two maps side by side.
    ///
    /// # Errors
    /// [`ZooError::Join`] if their heights or widths differ, or the sum of their channels is too large.
    pub fn concat(&mut self, name: &str, left: &Map, right: &Map) -> Result<Map, ZooError> {
        let (l, r) = (left.shape, right.shape);
        let channels = l.channels.checked_add(r.channels);
        match channels.filter(|_| (l.height, l.width) == (r.height, r.width)) {
            Some(channels) => {
                Ok(self.node("Concat", name, &[left, right], Shape { channels, ..l }, &[], |attributes| {
                    attributes.push(AttributeProto::int("axis", 1))
                }))
            }
            None => Err(ZooError::Join { layer: name.into(), left: l, right: r }),
        }
    }

    /// Class scores that sum to one.
    pub fn softmax(&mut self, name: &str, input: &Map) -> Map {
        self.node("Softmax", name, &[input], input.shape, &[], |attributes| {
            attributes.push(AttributeProto::int("axis", 1));
        })
    }

    /// Draws weights and bias of a layer; returns the number of weights.
    fn weights(&mut self, name: &str, input: &Map, dims: Vec<u32>, bias: bool, relu: bool) -> u64 {
        let maps = dims.first().copied().unwrap_or(0);
        let fan_in = dims.iter().skip(1).fold(1.0, |product, &dim| product * f64::from(dim));
        let mut deviation = ((if relu { 2.0 } else { 1.0 }) / fan_in).sqrt() as f32;
        if input.name == INPUT {
            deviation /= self.preprocessing.deviation();
        }
        let weights =
            Constant { name: format!("{name}_w"), dims, fill: Fill::Bell { centre: 0.0, deviation } };
        let taps = weights.values();
        self.constants.push(weights);
        if bias {
            let fill = Fill::Bell { centre: 0.0, deviation: BIAS_DEVIATION };
            self.constant(format!("{name}_b"), vec![maps], fill);
        }
        taps
    }

    /// Notes what the node just added costs.
    fn count(&mut self, params: u64, macs: u64) {
        if let Some(layer) = self.layers.last_mut() {
            (layer.params, layer.macs) = (params, macs);
        }
    }

    /// Adds a constant tensor.
    pub(crate) fn constant(&mut self, name: String, dims: Vec<u32>, fill: Fill) {
        self.constants.push(Constant { name, dims, fill });
    }

    /// Adds a node that reads `inputs` and the constants called `name` + each of `suffixes`.
    pub(crate) fn node(
        &mut self,
        operator: &'static str,
        name: &str,
        inputs: &[&Map],
        shape: Shape,
        suffixes: &[&str],
        attributes: impl FnOnce(&mut Vec<AttributeProto>),
    ) -> Map {
        let mut node = NodeProto {
            input: inputs.iter().map(|map| map.name.clone()).collect(),
            output: vec![name.into()],
            name: name.into(),
            op_type: operator.into(),
            attribute: Vec::new(),
        };
        node.input.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
        attributes(&mut node.attribute);
        self.nodes.push(node);
        let input = inputs.first().map_or(shape, |map| map.shape);
        self.layers.push(Layer { name: name.into(), operator, input, output: shape, params: 0, macs: 0 });
        let vector = inputs.iter().all(|map| map.vector);
        Map { name: name.into(), shape, vector }
    }
}

/// The size of what a window makes of a map, and whether rounding up made a difference.
fn slide(layer: &str, input: Shape, window: Window, channels: u32) -> Result<(Shape, bool), ZooError> {
    if window.kernel == 0 || window.stride == 0 {
        let problem =
            format!("a kernel of {} with a stride of {} makes no map", window.kernel, window.stride);
        return Err(ZooError::Layer { layer: layer.into(), problem });
    }
    match (window.count(input.height), window.count(input.width)) {
        (Some((height, down)), Some((width, across))) => {
            Ok((Shape { channels, height, width }, down || across))
        }
        _ => Err(ZooError::Window { layer: layer.into(), kernel: window.kernel, input }),
    }
}
