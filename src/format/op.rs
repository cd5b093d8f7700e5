//! Operations: what a step does. What the integer ones compute is written down in `docs/arithmetic.md`.

use super::{Clamp, View, Window};

/// A convolution with bias and activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// Kernel, stride and pads.
    pub window: Window,
    /// Input and output channels are split into this many groups that do not see each other.
    pub groups: u32,
    /// The activation.
    pub clamp: Clamp,
    /// First byte of the weights in the weights section.
    pub weight_offset: u64,
    /// First bias in the parameters section; there is one for each output channel.
    pub bias: u32,
    /// A maximum over windows of the map that the convolution gives, which is then never stored whole.
    pub pool: Option<Window>,
}

/// Local response normalisation: `x / (bias + alpha / size · Σ x²)^beta`, the sum over `size` channels
/// around each, as ONNX defines it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lrn {
    /// Channels of the sum: `(size − 1) / 2` before and `size / 2` behind.
    pub size: u32,
    /// Weight of the mean square, at least 0.
    pub alpha: f32,
    /// Exponent.
    pub beta: f32,
    /// Added to the mean square, above 0.
    pub bias: f32,
}

/// The grid of an integer operation's output: how a real number becomes a `u8`, and its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// What stands for 0.
    pub zero: u8,
    /// Lower bound: an activation, or 0.
    pub lo: u8,
    /// Upper bound: an activation, or 255.
    pub hi: u8,
}

/// A convolution of `u8` with `i8` weights. The parameters section holds for each output channel a bias
/// (`i32`, with the correction for the input's zero point in it), then for each a factor (`f32`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QConv {
    /// Kernel, stride and pads; pads read `input_zero`.
    pub window: Window,
    /// Input and output channels are split into this many groups that do not see each other.
    pub groups: u32,
    /// First byte of the weights in the weights section.
    pub weight_offset: u64,
    /// Bytes of the weights where they are [coded](super::coded); 0 where each is a byte.
    pub coded: u32,
    /// First word of the biases in the parameters section; the factors stand behind them.
    pub parameters: u32,
    /// The input's zero point.
    pub input_zero: u8,
    /// The output's grid; of no use, and all zero, where the output is `f32`.
    pub output: Grid,
    /// A maximum over windows of the map that the convolution gives, which is then never stored whole.
    pub pool: Option<Window>,
    /// First word of 256 bytes in the parameters section, right behind the factors: what becomes of each
    /// output value. For an output on another grid than its own.
    pub table: Option<u32>,
    /// Whether the weights keep to [`weights::is_narrow`](super::weights::is_narrow), so that a kernel may add
    /// four products with values of any size in 16 bits.
    pub narrow: bool,
}

/// What operations with weights have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// Kernel, stride and pads.
    pub window: Window,
    /// Groups of channels that do not see each other.
    pub groups: u32,
    /// First byte of the weights in the weights section.
    pub weight_offset: u64,
    /// Bytes of a weight that is not coded.
    pub weight_bytes: u64,
    /// Bytes of all weights where they are coded, else 0.
    pub coded: u32,
    /// First word in the parameters section.
    pub parameters: u32,
    /// Words in the parameters section for each output channel.
    pub words: u32,
}

/// Words of a table of 256 bytes.
pub const TABLE_WORDS: u32 = 64;

/// What a step does.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Convolution.
    Conv(Conv),
    /// Convolution whose output is averaged over all its pixels; the map itself is never stored.
    ConvGlobalAverage(Conv),
    /// Maximum over each window; pads do not take part.
    MaxPool(Window),
    /// Mean over each window; pads count as zeros when `include_pad`, else not at all.
    AveragePool {
        /// Kernel, stride and pads.
        window: Window,
        /// Whether the divisor is the whole window.
        include_pad: bool,
    },
    /// `exp(x − max) / Σ exp(x − max)` over the channels of each pixel.
    Softmax,
    /// The sum of two inputs, clamped.
    Add {
        /// What is added to the step's input.
        second: View,
        /// The activation.
        clamp: Clamp,
    },
    /// Local response normalisation across channels.
    Lrn(Lrn),
    /// The input, unchanged.
    Copy,
    /// The input, clamped.
    Clamp(Clamp),
    /// `f32` to `u8`: divided by the scale, rounded half to even, moved by the zero point.
    Quantize {
        /// Step of the grid.
        scale: f32,
        /// What stands for 0.
        zero: u8,
    },
    /// `u8` to `f32`.
    Dequantize {
        /// Step of the grid.
        scale: f32,
        /// What stands for 0.
        zero: u8,
    },
    /// Convolution in integers, to `u8` or `f32`.
    QConv(QConv),
    /// Convolution in integers whose sums, from 0 up where `relu`, are added over all pixels; to `f32`.
    QConvGlobalAverage {
        /// The convolution; its factors hold the number of pixels, its grid and table are not used.
        conv: QConv,
        /// Whether sums below 0 count as 0.
        relu: bool,
    },
    /// Mean of `u8` over each window, to `u8`; pads count as zeros when `include_pad`, else not at all.
    QAveragePool {
        /// Kernel, stride and pads.
        window: Window,
        /// Whether the divisor is the whole window.
        include_pad: bool,
        /// The input's zero point.
        input_zero: u8,
        /// The input's scale through the output's.
        factor: f32,
        /// The output's grid.
        output: Grid,
    },
    /// The sum of two `u8` inputs, to `u8`.
    QAdd {
        /// What is added to the step's input.
        second: View,
        /// Zero points of the input and of what is added.
        zeros: [u8; 2],
        /// Scales of the input and of what is added, each through the output's.
        factors: [f32; 2],
        /// The output's grid.
        output: Grid,
    },
    /// Each `u8` through a table: a change of grid, or an activation.
    Lookup {
        /// First word of 256 bytes in the parameters section.
        table: u32,
    },
}

impl Op {
    /// The operation's name, as `inspect` prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv(Conv { pool: None, .. }) => "conv",
            Self::Conv(_) => "conv_max_pool",
            Self::ConvGlobalAverage(_) => "conv_global_average",
            Self::MaxPool(_) => "max_pool",
            Self::AveragePool { .. } => "average_pool",
            Self::Softmax => "softmax",
            Self::Add { .. } => "add",
            Self::Lrn(_) => "lrn",
            Self::Copy => "copy",
            Self::Clamp(_) => "clamp",
            Self::Quantize { .. } => "quantize",
            Self::Dequantize { .. } => "dequantize",
            Self::QConv(QConv { pool: None, .. }) => "qconv",
            Self::QConv(_) => "qconv_max_pool",
            Self::QConvGlobalAverage { .. } => "qconv_global_average",
            Self::QAveragePool { .. } => "qaverage_pool",
            Self::QAdd { .. } => "qadd",
            Self::Lookup { .. } => "lookup",
        }
    }

    /// What this operation has in the weights section, if anything.
    pub fn layer(&self) -> Option<Layer> {
        match self {
            Self::Conv(conv) | Self::ConvGlobalAverage(conv) => Some(Layer {
                window: conv.window,
                groups: conv.groups,
                weight_offset: conv.weight_offset,
                weight_bytes: 4,
                coded: 0,
                parameters: conv.bias,
                words: 1,
            }),
            Self::QConv(conv) | Self::QConvGlobalAverage { conv, .. } => Some(Layer {
                window: conv.window,
                groups: conv.groups,
                weight_offset: conv.weight_offset,
                weight_bytes: 1,
                coded: conv.coded,
                parameters: conv.parameters,
                words: 2,
            }),
            _ => None,
        }
    }

    /// The table of this operation, if it has one: its first word in the parameters section.
    pub fn table(&self) -> Option<u32> {
        match self {
            Self::QConv(conv) => conv.table,
            Self::Lookup { table } => Some(*table),
            _ => None,
        }
    }

    /// The max-pool that is part of this operation, if there is one.
    pub fn pool(&self) -> Option<&Window> {
        match self {
            Self::Conv(Conv { pool, .. }) | Self::QConv(QConv { pool, .. }) => pool.as_ref(),
            _ => None,
        }
    }

    /// The convolution in integers in this operation, if there is one.
    pub fn qconv(&self) -> Option<&QConv> {
        match self {
            Self::QConv(conv) | Self::QConvGlobalAverage { conv, .. } => Some(conv),
            _ => None,
        }
    }

    /// The `f32` convolution in this operation, if there is one.
    pub fn conv(&self) -> Option<&Conv> {
        match self {
            Self::Conv(conv) | Self::ConvGlobalAverage(conv) => Some(conv),
            _ => None,
        }
    }

    /// The window of this operation, if it has one.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Self::Conv(conv) | Self::ConvGlobalAverage(conv) => Some(&conv.window),
            Self::QConv(conv) | Self::QConvGlobalAverage { conv, .. } => Some(&conv.window),
            Self::MaxPool(window) | Self::AveragePool { window, .. } | Self::QAveragePool { window, .. } => {
                Some(window)
            }
            _ => None,
        }
    }
}
