//! Buffers and steps: what a model does, in the words of the runtime.
//!
//! Tensors are `f32` or `u8` in NHWC order with N = 1. What the integer operations compute is written down
//! in `docs/arithmetic.md`. A step reads and writes [`View`]s: some channels of a
//! buffer at all its pixels. So a concatenation is no step: its inputs are written side by side. How
//! they are encoded is in [`plan`](super::plan).

/// The type of a buffer's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Element {
    /// `f32`.
    #[default]
    F32,
    /// `u8`: a number on a grid with a scale and a zero point, which only operations know.
    U8,
}

impl Element {
    /// Bytes of a value.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::U8 => 1,
        }
    }

    /// The type's name, as `inspect` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::U8 => "u8",
        }
    }
}

/// A tensor's place in the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffer {
    /// Rows.
    pub height: u32,
    /// Pixels a row.
    pub width: u32,
    /// Values a pixel; also the distance in values from one pixel to the next.
    pub channels: u32,
    /// Type of the values.
    pub element: Element,
    /// First byte in the arena, a multiple of [`ALIGN`](super::ALIGN).
    pub offset: u64,
    /// First step that uses the buffer. The input buffer is in use from step 0.
    pub first_step: u32,
    /// Last step that uses the buffer. The output buffer is in use until the last step.
    pub last_step: u32,
}

impl Buffer {
    /// Number of values, or `None` when it does not fit in 64 bits.
    pub fn values(&self) -> Option<u64> {
        let pixels = u64::from(self.height).checked_mul(self.width.into())?;
        pixels.checked_mul(self.channels.into())
    }

    /// Number of bytes, or `None` when it does not fit in 64 bits.
    pub fn bytes(&self) -> Option<u64> {
        self.values()?.checked_mul(self.element.bytes())
    }
}

/// Channels `channel .. channel + channels` of a buffer, at all its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Index of the buffer.
    pub buffer: u32,
    /// First channel.
    pub channel: u32,
    /// Number of channels.
    pub channels: u32,
}

/// A window that slides over an image: kernel, stride and pads, each as (rows, columns).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Size of the window.
    pub kernel: (u16, u16),
    /// Distance between two windows.
    pub stride: (u16, u16),
    /// Rows above and columns left of the image.
    pub pad_start: (u16, u16),
    /// Rows below and columns right of the image.
    pub pad_end: (u16, u16),
}

impl Window {
    /// How many windows fit an image, down and across; 0 where not even one does.
    pub fn outputs(&self, height: u32, width: u32) -> (u32, u32) {
        let along = |size: u32, kernel: u16, stride: u16, start: u16, end: u16| {
            let padded = u64::from(size) + u64::from(start) + u64::from(end);
            match padded.checked_sub(kernel.into()) {
                Some(room) => u32::try_from(room / u64::from(stride.max(1)) + 1).unwrap_or(u32::MAX),
                None => 0,
            }
        };
        (
            along(height, self.kernel.0, self.stride.0, self.pad_start.0, self.pad_end.0),
            along(width, self.kernel.1, self.stride.1, self.pad_start.1, self.pad_end.1),
        )
    }
}

/// Bounds of an activation: values are clamped to `lo..=hi`; NaN stays NaN. ReLU is `0..=∞`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clamp {
    /// Lower bound, may be −∞.
    pub lo: f32,
    /// Upper bound, may be ∞.
    pub hi: f32,
}

impl Clamp {
    /// No activation.
    pub const NONE: Self = Self { lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    /// `max(x, 0)`.
    pub const RELU: Self = Self { lo: 0.0, hi: f32::INFINITY };

    /// `x` within the bounds; NaN stays NaN.
    pub fn apply(self, x: f32) -> f32 {
        if x < self.lo {
            self.lo
        } else if x > self.hi {
            self.hi
        } else {
            x
        }
    }
}

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
    /// Bytes of a weight.
    pub weight_bytes: u64,
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
            Self::Conv(_) => "conv",
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
                parameters: conv.bias,
                words: 1,
            }),
            Self::QConv(conv) | Self::QConvGlobalAverage { conv, .. } => Some(Layer {
                window: conv.window,
                groups: conv.groups,
                weight_offset: conv.weight_offset,
                weight_bytes: 1,
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

/// One kernel call over the arena.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What to do.
    pub op: Op,
    /// Where to read.
    pub input: View,
    /// Where to write; never in the buffer that is read.
    pub output: View,
}

impl Step {
    /// What the step reads: its input, and what is added to it.
    pub fn inputs(&self) -> impl Iterator<Item = View> + use<> {
        let second = match self.op {
            Op::Add { second, .. } | Op::QAdd { second, .. } => Some(second),
            _ => None,
        };
        core::iter::once(self.input).chain(second)
    }

    /// Number of weights of the step's convolution (0 if it is none), or `None` when it does not fit in
    /// 64 bits.
    pub fn weight_count(&self) -> Option<u64> {
        let Some(layer) = self.op.layer() else { return Some(0) };
        let taps = u64::from(layer.window.kernel.0) * u64::from(layer.window.kernel.1);
        let depth = taps.checked_mul((self.input.channels / layer.groups.max(1)).into())?;
        depth.checked_mul(self.output.channels.into())
    }

    /// Bytes of the step's weights, or `None` when they do not fit in 64 bits.
    pub fn weight_bytes(&self) -> Option<u64> {
        self.weight_count()?.checked_mul(self.op.layer().map_or(0, |layer| layer.weight_bytes))
    }

    /// Words that the step has in the parameters section, or `None` when they do not fit in 32 bits.
    pub fn parameter_words(&self) -> Option<u32> {
        let words = self.op.layer().map_or(0, |layer| layer.words).checked_mul(self.output.channels)?;
        words.checked_add(if self.op.table().is_some() { TABLE_WORDS } else { 0 })
    }
}
