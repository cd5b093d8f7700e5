//! Sizes of maps, and what a window makes of them.

use std::fmt;

/// Channels, height and width of a map. A vector has height and width 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl Shape {
    /// A square map.
    pub fn square(channels: u32, side: u32) -> Self {
        Self { channels, height: side, width: side }
    }

    /// Values at one channel.
    pub fn pixels(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.height, self.width, self.channels)
    }
}

/// A square window that slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: u32,
    /// Step in both directions.
    pub stride: u32,
    /// Zeros on each of the four sides.
    pub pad: u32,
    /// Whether a window that begins on the map and ends beyond it counts (Caffe's pools).
    pub ceil: bool,
}

impl Window {
    /// A window that moves by `stride`, without padding.
    pub fn new(kernel: u32, stride: u32) -> Self {
        Self { kernel, stride, pad: 0, ceil: false }
    }

    /// With zeros around the map.
    pub fn pad(self, pad: u32) -> Self {
        Self { pad, ..self }
    }

    /// With sizes rounded up.
    pub fn ceil(self) -> Self {
        Self { ceil: true, ..self }
    }

    /// How many windows lie along a side; `None` if not even one does. With that, whether rounding up
    /// made a difference.
    pub(crate) fn count(&self, side: u32) -> Option<(u32, bool)> {
        let padded = u64::from(side) + 2 * u64::from(self.pad);
        let room = padded.checked_sub(self.kernel.into())?;
        let stride = u64::from(self.stride);
        let down = room.checked_div(stride)? + 1;
        // ONNX and Caffe: the last window must begin on the map or on the padding before it.
        let extra = self.ceil
            && !room.is_multiple_of(stride)
            && down * stride < u64::from(side) + u64::from(self.pad);
        u32::try_from(down + u64::from(extra)).ok().map(|count| (count, extra))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_counted() {
        assert_eq!(Window::new(7, 2).count(227), Some((111, false)));
        assert_eq!(Window::new(11, 4).pad(2).count(224), Some((55, false)));
        assert_eq!(Window::new(3, 2).ceil().count(55), Some((27, false)));
        assert_eq!(Window::new(3, 2).ceil().count(54), Some((27, true)));
        assert_eq!(Window::new(3, 2).count(54), Some((26, false)));
        assert_eq!(Window::new(1, 2).count(32), Some((16, false)));
        assert_eq!(Window::new(3, 1).count(2), None);
        assert_eq!(Window::new(3, 0).count(5), None);
        // The window after the last would begin beyond the map.
        assert_eq!(Window::new(1, 2).ceil().count(4), Some((2, false)));
    }
}
