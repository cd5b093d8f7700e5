//! Our own small graph between ONNX and the step list: what is computed, without where or when.
//!
//! A tensor is a picture of height × width × channels (batch 1, channels innermost); a vector is a
//! picture of one pixel. Every node has one output. Nodes are kept in an order in which each comes after
//! the nodes that it reads from; passes keep that order.

use std::fmt;
use wisp::format::{Clamp, Lrn, Window};

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
    pub fn add_tensor(&mut self, name: impl Into<String>, shape: Shape) -> TensorId {
        self.tensors.push(Tensor { name: name.into(), shape, place: None });
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
            Self::Add(_) => inputs.len() == 2,
            _ => inputs.len() == 1,
        };
        if !fits {
            return None;
        }
        Some(match self {
            Self::Conv(conv) => conv.output_shape(first)?,
            Self::ConvGlobalAverage(conv) => Shape { h: 1, w: 1, ..conv.output_shape(first)? },
            Self::MaxPool(window) | Self::AveragePool { window, .. } => {
                let (h, w) = slide(window, first)?;
                Shape { h, w, c: first.c }
            }
            Self::GlobalAverage => Shape { h: 1, w: 1, c: first.c },
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
            Self::Add(_) => inputs.iter().all(|input| *input == first).then_some(first)?,
            Self::Affine { scale, shift } => {
                (scale.len() == first.c && shift.len() == first.c).then_some(first)?
            }
            Self::Clamp(_) | Self::Lrn(_) | Self::Softmax | Self::Identity | Self::Copy => first,
        })
    }
}

impl Conv {
    /// Multiplies each output channel by its `scale` and adds its `shift`.
    pub fn scale(&mut self, scale: &[f32], shift: &[f32]) {
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

    fn output_shape(&self, input: Shape) -> Option<Shape> {
        let (h, w) = slide(&self.window, input)?;
        let c = self.bias.len();
        let inner = input.c.checked_div(self.groups)?;
        let (kh, kw) = self.window.kernel;
        let weights = c.checked_mul(kh.into())?.checked_mul(kw.into())?.checked_mul(inner)?;
        let divides = input.c.is_multiple_of(self.groups) && c.is_multiple_of(self.groups);
        (divides && weights == self.weight.len()).then_some(Shape { h, w, c })
    }
}
