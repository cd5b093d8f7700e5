//! Tensors and windows: where values lie, and what slides over them.
//!
//! Tensors are `f32` or `u8` in NHWC order with N = 1.

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
