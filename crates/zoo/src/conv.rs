//! What a convolution is, said from left to right: `Conv::new(96, 11).stride(4).pad(2)`.

use crate::shape::Window;

/// A convolution: He weights for the ReLU behind it, with bias, in one group, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    pub(crate) maps: u32,
    pub(crate) window: Window,
    pub(crate) groups: u32,
    pub(crate) bias: bool,
    pub(crate) relu: bool,
}

impl Conv {
    /// To `maps` maps with a kernel of `kernel`×`kernel`, every pixel, no padding.
    pub fn new(maps: u32, kernel: u32) -> Self {
        Self { maps, window: Window::new(kernel, 1), groups: 1, bias: true, relu: true }
    }

    /// That keeps the size of the map: padding of half the kernel.
    pub fn same(maps: u32, kernel: u32) -> Self {
        Self::new(maps, kernel).pad(kernel / 2)
    }

    /// Every `stride`-th pixel in both directions.
    pub fn stride(self, stride: u32) -> Self {
        Self { window: Window { stride, ..self.window }, ..self }
    }

    /// Zeros on each side.
    pub fn pad(self, pad: u32) -> Self {
        Self { window: self.window.pad(pad), ..self }
    }

    /// Groups of maps that do not see each other.
    pub fn groups(self, groups: u32) -> Self {
        Self { groups, ..self }
    }

    /// Without bias: a batch-norm follows.
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// No ReLU follows: variance 1 / fan-in keeps the size of the values.
    pub fn linear(self) -> Self {
        Self { relu: false, ..self }
    }
}
