//! Our own small graph between ONNX and the step list: what is computed, without where or when.
//!
//! A tensor is a picture of height × width × channels (batch 1, channels innermost); a vector is a
//! picture of one pixel. Every node has one output. Nodes are kept in an order in which each comes after
//! the nodes that it reads from; passes keep that order.

use std::fmt;
use wisp::format::coded::Trellis;
use wisp::format::{Clamp, Element, Grid, Lrn, Window};

/// Index of a tensor in [`Graph::tensors`].
pub(crate) type TensorId = usize;

/// Height, width and channels of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub h: usize,
    pub w: usize,
    pub c: usize,
}

impl Shape {
    /// Number of values. Import bounds it, see `import::limits`.
    pub fn values(&self) -> usize {
        self.h.saturating_mul(self.w).saturating_mul(self.c)
    }

    /// Whether the tensor is a plain vector of channels.
    pub fn is_vector(&self) -> bool {
        self.h == 1 && self.w == 1
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.h, self.w, self.c)
    }
}

/// Where a tensor lies in another: its channels stand from `channel` on among those of `parent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub parent: TensorId,
    pub channel: usize,
}

/// A value that flows through the graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    /// Name in the ONNX file.
    pub name: String,
    pub shape: Shape,
    pub element: Element,
    /// Set by the pass that turns concatenations into views; `None` for a tensor with its own memory.
    pub place: Option<Place>,
}

/// A convolution, its bias and its activation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conv {
    pub window: Window,
    pub groups: usize,
    /// `[output channel][kernel row][kernel column][input channel of the group]`.
    pub weight: Vec<f32>,
    /// One value an output channel.
    pub bias: Vec<f32>,
    pub clamp: Clamp,
    /// The integers that weights and bias were made from, where the file has them.
    pub int8: Option<Int8>,
    /// Whether this is a dense layer.
    pub dense: bool,
}

/// Scale and zero point: the number that `q` stands for is `(q − zero) · scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quant {
    pub scale: f32,
    pub zero: u8,
}

/// Weights as integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Int8 {
    /// In the order of [`Conv::weight`].
    pub weight: Vec<i8>,
    /// One an output channel: a weight is `q · scale`.
    pub scale: Vec<f32>,
    /// One an output channel, with its scale: a bias is `q · scale`. Without it, the bias is rounded.
    pub bias: Option<Vec<(i32, f32)>>,
    /// How the file has the weights.
    pub coding: Coding,
}

/// How the file has the weights of an integer convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    /// A byte each.
    #[default]
    Plain,
    /// Coded, where that is smaller. With another trellis than the plain one, they lie on a path through it.
    #[allow(dead_code)] // set by the quantiser that chooses weights for their bits
    Coded(Trellis),
}

/// A convolution in integers, as the runtime runs it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QConv {
    pub window: Window,
    pub groups: usize,
    pub weight: Vec<i8>,
    pub coding: Coding,
    /// With the correction for the input's zero point.
    pub bias: Vec<i64>,
    pub factor: Vec<f32>,
    pub input_zero: u8,
    /// Of a `u8` output.
    pub grid: Option<Grid>,
    /// A maximum over windows of what it gives.
    pub pool: Option<Window>,
    /// What becomes of each output value.
    pub table: Option<Box<[u8; 256]>>,
    pub dense: bool,
}

/// How many zeros stand around a picture, as (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pad {
    pub start: (u16, u16),
    pub end: (u16, u16),
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    Conv(Conv),
    /// A convolution whose map is averaged over all its pixels at once.
    ConvGlobalAverage(Conv),
    /// A convolution and the maximum over windows of its map.
    ConvMaxPool {
        conv: Conv,
        pool: Window,
    },
    MaxPool(Window),
    AveragePool {
        window: Window,
        include_pad: bool,
    },
    /// Mean over all pixels.
    GlobalAverage,
    Clamp(Clamp),
    /// The sum of two inputs of one shape, clamped.
    Add(Clamp),
    /// `scale · x + shift`, one of each a channel: batch normalisation and the like. No pass leaves one
    /// behind.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Lrn(Lrn),
    /// Zeros around the picture. No pass leaves one behind.
    Pad(Pad),
    /// Softmax over the channels of each pixel.
    Softmax,
    /// The inputs' channels one after the other.
    Concat,
    /// Nothing: dropout, flatten and the like. No pass leaves one behind.
    Identity,
    /// The input in a buffer of its own.
    Copy,
    /// `f32` to `u8`.
    Quantize(Quant),
    /// `u8` to `f32`.
    Dequantize(Quant),
    QConv(QConv),
    /// A convolution in integers whose sums, from 0 up where `relu`, are averaged over all pixels.
    QConvGlobalAverage {
        conv: QConv,
        relu: bool,
    },
    /// Mean of `u8` over windows; over all pixels without a window.
    QAveragePool {
        window: Option<Window>,
        include_pad: bool,
        input_zero: u8,
        factor: f32,
        grid: Grid,
    },
    /// Sum of two `u8` inputs.
    QAdd {
        zeros: [u8; 2],
        factors: [f32; 2],
        grid: Grid,
    },
    /// Each `u8` through a table.
    Lookup(Box<[u8; 256]>),
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Name in the ONNX file.
    pub name: String,
    pub op: Op,
    pub inputs: Vec<TensorId>,
    pub output: TensorId,
}

/// A model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Graph {
    pub tensors: Vec<Tensor>,
    pub nodes: Vec<Node>,
    pub input: TensorId,
    pub output: TensorId,
}

impl Graph {
    /// Adds a tensor and returns its index.
    pub fn add_tensor(&mut self, name: impl Into<String>, shape: Shape, element: Element) -> TensorId {
        self.tensors.push(Tensor { name: name.into(), shape, element, place: None });
        self.tensors.len() - 1
    }

    /// The tensor whose memory `tensor` lies in, and its first channel there.
    pub fn root(&self, tensor: TensorId) -> (TensorId, usize) {
        let (mut at, mut channel) = (tensor, 0);
        while let Some(place) = self.tensors[at].place {
            at = place.parent;
            channel += place.channel;
        }
        (at, channel)
    }

    /// For each tensor, the node that writes it.
    pub fn producers(&self) -> Vec<Option<usize>> {
        let mut producers = vec![None; self.tensors.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            producers[node.output] = Some(index);
        }
        producers
    }

    /// For each tensor, how many times it is read: by nodes, and once more if it is the model's output.
    pub fn reads(&self) -> Vec<usize> {
        let mut reads = vec![0; self.tensors.len()];
        for &input in self.nodes.iter().flat_map(|node| &node.inputs) {
            reads[input] += 1;
        }
        reads[self.output] += 1;
        reads
    }
}

/// Height and width of what a window gives when it slides over `input`; `None` when it does not fit.
pub(crate) fn slide(window: &Window, input: Shape) -> Option<(usize, usize)> {
    if window.stride.0 == 0 || window.stride.1 == 0 {
        return None;
    }
    let (h, w) = window.outputs(u32::try_from(input.h).ok()?, u32::try_from(input.w).ok()?);
    (h > 0 && w > 0).then_some((h as usize, w as usize))
}

impl Op {
    /// The shape of the output, or `None` when the inputs do not fit the operation.
    pub fn output_shape(&self, inputs: &[Shape]) -> Option<Shape> {
        let &first = inputs.first()?;
        let fits = match self {
            Self::Concat => true,
            Self::Add(_) | Self::QAdd { .. } => inputs.len() == 2,
            _ => inputs.len() == 1,
        };
        if !fits {
            return None;
        }
        Some(match self {
            Self::Conv(conv) => {
                convolved(&conv.window, conv.groups, conv.weight.len(), conv.bias.len(), first)?
            }
            Self::ConvMaxPool { conv, pool } => {
                let map = convolved(&conv.window, conv.groups, conv.weight.len(), conv.bias.len(), first)?;
                let (h, w) = slide(pool, map)?;
                Shape { h, w, c: map.c }
            }
            Self::QConv(conv) => {
                let map = convolved(&conv.window, conv.groups, conv.weight.len(), conv.bias.len(), first)?;
                match &conv.pool {
                    Some(pool) => {
                        let (h, w) = slide(pool, map)?;
                        Shape { h, w, c: map.c }
                    }
                    None => map,
                }
            }
            Self::ConvGlobalAverage(conv) => Shape {
                h: 1,
                w: 1,
                ..convolved(&conv.window, conv.groups, conv.weight.len(), conv.bias.len(), first)?
            },
            Self::QConvGlobalAverage { conv, .. } => Shape {
                h: 1,
                w: 1,
                ..convolved(&conv.window, conv.groups, conv.weight.len(), conv.bias.len(), first)?
            },
            Self::MaxPool(window)
            | Self::AveragePool { window, .. }
            | Self::QAveragePool { window: Some(window), .. } => {
                let (h, w) = slide(window, first)?;
                Shape { h, w, c: first.c }
            }
            Self::GlobalAverage | Self::QAveragePool { window: None, .. } => Shape { h: 1, w: 1, c: first.c },
            Self::Concat => {
                let mut c = 0usize;
                for input in inputs {
                    if (input.h, input.w) != (first.h, first.w) {
                        return None;
                    }
                    c = c.checked_add(input.c)?;
                }
                Shape { c, ..first }
            }
            Self::Pad(pad) => Shape {
                h: first.h.checked_add(usize::from(pad.start.0) + usize::from(pad.end.0))?,
                w: first.w.checked_add(usize::from(pad.start.1) + usize::from(pad.end.1))?,
                c: first.c,
            },
            Self::Add(_) | Self::QAdd { .. } => {
                inputs.iter().all(|input| *input == first).then_some(first)?
            }
            Self::Affine { scale, shift } => {
                (scale.len() == first.c && shift.len() == first.c).then_some(first)?
            }
            Self::Clamp(_)
            | Self::Lrn(_)
            | Self::Softmax
            | Self::Identity
            | Self::Copy
            | Self::Quantize(_)
            | Self::Dequantize(_)
            | Self::Lookup(_) => first,
        })
    }

    /// The type of the output, or `None` when the operation does not read these types.
    pub fn output_element(&self, inputs: &[Element]) -> Option<Element> {
        use Element::{F32, U8};
        let &first = inputs.first()?;
        let (reads, writes) = match self {
            Self::MaxPool(_) | Self::Concat | Self::Identity | Self::Copy => (first, first),
            Self::Quantize(_) => (F32, U8),
            Self::Dequantize(_) | Self::QConvGlobalAverage { .. } => (U8, F32),
            Self::QConv(conv) => (U8, if conv.grid.is_some() { U8 } else { F32 }),
            Self::QAveragePool { .. } | Self::QAdd { .. } | Self::Lookup(_) => (U8, U8),
            _ => (F32, F32),
        };
        inputs.iter().all(|input| *input == reads).then_some(writes)
    }
}

/// The shape that a convolution gives.
fn convolved(window: &Window, groups: usize, weights: usize, outputs: usize, input: Shape) -> Option<Shape> {
    let (h, w) = slide(window, input)?;
    let inner = input.c.checked_div(groups)?;
    let (kh, kw) = window.kernel;
    let needed = outputs.checked_mul(kh.into())?.checked_mul(kw.into())?.checked_mul(inner)?;
    let divides = input.c.is_multiple_of(groups) && outputs.is_multiple_of(groups);
    (divides && needed == weights).then_some(Shape { h, w, c: outputs })
}

impl Conv {
    /// Multiplies each output channel by its `scale` and adds its `shift`.
    pub fn scale(&mut self, scale: &[f32], shift: &[f32]) {
        // The integers stay what they are; a step of theirs is worth more or less. The bias is rounded anew.
        self.int8 = self.int8.take().filter(|_| scale.iter().all(|scale| *scale > 0.0)).map(|mut int8| {
            for (step, scale) in int8.scale.iter_mut().zip(scale) {
                *step *= scale;
            }
            Int8 { bias: None, ..int8 }
        });
        let depth = self.weight.len().checked_div(self.bias.len()).unwrap_or(0).max(1);
        for (weights, scale) in self.weight.chunks_exact_mut(depth).zip(scale) {
            for weight in weights {
                *weight *= scale;
            }
        }
        for ((bias, scale), shift) in self.bias.iter_mut().zip(scale).zip(shift) {
            *bias = (f64::from(*bias) * f64::from(*scale) + f64::from(*shift)) as f32;
        }
    }
}
