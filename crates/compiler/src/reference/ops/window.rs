//! Windows that slide over planes, from the attributes of a convolution or a pool.

use std::ops::Range;
use tract_core::internal::*;
use tract_onnx::pb::NodeProto;

/// How the pads are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Auto {
    Given,
    Valid,
    SameUpper,
    SameLower,
}

/// A window before it is known what it slides over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// From the attribute; a convolution's comes with its weights.
    kernel: Option<[usize; 2]>,
    strides: [usize; 2],
    dilations: [usize; 2],
    /// Top, left, bottom, right.
    pads: [usize; 4],
    auto: Auto,
    ceil: bool,
}

/// One direction of a window on an input of known size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    pub kernel: usize,
    pub stride: usize,
    dilation: usize,
    pub start: usize,
    pub end: usize,
    /// Size of the input.
    input: usize,
    /// Windows.
    pub output: usize,
}

impl Window {
    pub fn read(node: &NodeProto) -> TractResult<Self> {
        let pair = |name: &str| -> TractResult<Option<[usize; 2]>> {
            let Some(given) = node.get_attr_opt_vec::<i64>(name)? else { return Ok(None) };
            let sides: Option<Vec<usize>> =
                given.iter().map(|&side| usize::try_from(side).ok().filter(|side| *side > 0)).collect();
            let pair = sides.and_then(|sides| <[usize; 2]>::try_from(sides).ok());
            pair.with_context(|| format!("{name} is {given:?}, two positive numbers are needed")).map(Some)
        };
        let pads = match node.get_attr_opt_vec::<i64>("pads")? {
            None => [0; 4],
            Some(given) => {
                let pads: Option<Vec<usize>> = given.iter().map(|&pad| usize::try_from(pad).ok()).collect();
                let pads = pads.and_then(|pads| <[usize; 4]>::try_from(pads).ok());
                pads.with_context(|| format!("pads are {given:?}, four of at least 0 are needed"))?
            }
        };
        let auto = match node.get_attr_opt::<&str>("auto_pad")? {
            None | Some("" | "NOTSET") => Auto::Given,
            Some("VALID") => Auto::Valid,
            Some("SAME_UPPER") => Auto::SameUpper,
            Some("SAME_LOWER") => Auto::SameLower,
            Some(other) => bail!("auto_pad {other} is not known"),
        };
        Ok(Self {
            kernel: pair("kernel_shape")?,
            strides: pair("strides")?.unwrap_or([1, 1]),
            dilations: pair("dilations")?.unwrap_or([1, 1]),
            pads,
            auto,
            ceil: node.get_attr_opt::<i64>("ceil_mode")?.unwrap_or(0) != 0,
        })
    }

    /// The window of a pool on planes of these sizes.
    pub fn pool(&self, sizes: [usize; 2]) -> TractResult<[Side; 2]> {
        self.on(self.kernel.context("attribute kernel_shape is missing")?, sizes)
    }

    /// The window with this kernel on planes of these sizes.
    pub fn on(&self, kernel: [usize; 2], sizes: [usize; 2]) -> TractResult<[Side; 2]> {
        if self.kernel.is_some_and(|given| given != kernel) {
            bail!("kernel_shape is {:?}, but its weights have a kernel of {kernel:?}", self.kernel);
        }
        Ok([self.side(0, kernel[0], sizes[0])?, self.side(1, kernel[1], sizes[1])?])
    }

    fn side(&self, at: usize, kernel: usize, input: usize) -> TractResult<Side> {
        let (stride, dilation) = (self.strides[at], self.dilations[at]);
        let reach = kernel.checked_sub(1).and_then(|gaps| gaps.checked_mul(dilation));
        let reach = reach.context("its kernel is empty or too large")? + 1;
        let (start, end) = match self.auto {
            Auto::Given => (self.pads[at], self.pads[at + 2]),
            Auto::Valid => (0, 0),
            Auto::SameUpper | Auto::SameLower => {
                let windows = input.div_ceil(stride);
                let total = (windows.saturating_sub(1) * stride + reach).saturating_sub(input);
                let less = total / 2;
                if self.auto == Auto::SameUpper { (less, total - less) } else { (total - less, less) }
            }
        };
        let room = (input + start + end).checked_sub(reach);
        let room =
            room.with_context(|| format!("its kernel of {kernel} does not fit an input of {input}"))?;
        let mut output = room / stride + 1;
        // One more window, if it begins on a pixel or on the pad before it.
        let ceil = self.ceil && self.auto == Auto::Given;
        if ceil && !room.is_multiple_of(stride) && output * stride < input + start {
            output += 1;
        }
        Ok(Side { kernel, stride, dilation, start, end, input, output })
    }
}

impl Side {
    /// The pixel that tap `tap` of window `window` falls on, if it is none of the pads.
    pub fn pixel(&self, window: usize, tap: usize) -> Option<usize> {
        let at = (window * self.stride + tap * self.dilation).checked_sub(self.start)?;
        (at < self.input).then_some(at)
    }

    /// The windows whose tap `tap` falls on a pixel.
    pub fn windows(&self, tap: usize) -> Range<usize> {
        let first = (0..self.output).find(|&window| self.pixel(window, tap).is_some()).unwrap_or(0);
        let count = (first..self.output).take_while(|&window| self.pixel(window, tap).is_some()).count();
        first..first + count
    }

    /// Taps of a window that fall on pixels.
    pub fn covered(&self, window: usize) -> usize {
        (0..self.kernel).filter(|&tap| self.pixel(window, tap).is_some()).count()
    }

    /// Taps of a window that fall on pixels or pads.
    pub fn padded(&self, window: usize) -> usize {
        let end = self.start + self.input + self.end;
        (0..self.kernel).filter(|tap| window * self.stride + tap * self.dilation < end).count()
    }
}

/// Channels, height and width of planes `[1, channels, height, width]`.
pub fn planes(shape: &[usize]) -> TractResult<[usize; 3]> {
    match *shape {
        [1, channels, height, width] => Ok([channels, height, width]),
        _ => bail!("its input has shape {shape:?}, [1, channels, height, width] is needed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(stride: usize, pads: usize, auto: Auto, ceil: bool) -> Window {
        let (strides, pads) = ([stride; 2], [pads; 4]);
        Window { kernel: None, strides, dilations: [1, 1], pads, auto, ceil }
    }

    #[test]
    fn pads_and_windows() {
        let side = |window: Window, kernel: usize, size: usize| window.on([kernel; 2], [size; 2]).unwrap()[0];
        let same = side(window(2, 0, Auto::SameUpper, false), 2, 5);
        assert_eq!((same.start, same.end, same.output), (0, 1, 3));
        let lower = side(window(1, 0, Auto::SameLower, false), 2, 5);
        assert_eq!((lower.start, lower.end, lower.output), (1, 0, 5));
        let ceil = side(window(2, 0, Auto::Given, true), 3, 6);
        assert_eq!((ceil.output, ceil.covered(2), ceil.padded(2)), (3, 2, 2));
        let padded = side(window(2, 1, Auto::Given, false), 3, 5);
        assert_eq!((padded.output, padded.covered(0), padded.padded(0), padded.windows(0)), (3, 2, 3, 1..3));
    }
}
