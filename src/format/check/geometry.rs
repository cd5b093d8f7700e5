//! The geometry of a step: views inside their buffers, sizes that follow from the window.

use super::Checker;
use crate::format::plan::MAX_CHANNELS;
use crate::format::{Clamp, Conv, LoadError, Op, QConv, Step, Window};

/// Most pixels of a map that is averaged without being stored: as many as the largest arena has values.
const MAX_AVERAGED: u64 = 1 << 28;

impl Checker<'_> {
    /// What a step's record says by itself and of its buffers.
    pub(super) fn step(&self, index: usize, step: &Step) -> Result<(), LoadError> {
        let fail = |field, found, rule| Err(self.at_step(index, field, found, rule));
        for view in step.inputs().chain([step.output]) {
            if view.buffer >= self.plan.counts().buffers {
                return fail("buffer", view.buffer.into(), "below the buffer count");
            }
            let buffer = self.plan.buffer(view.buffer);
            let inside = view.channel.checked_add(view.channels).is_some_and(|end| end <= buffer.channels);
            if view.channels == 0 || !inside {
                return fail("channels of a view", view.channels.into(), "at least 1 and inside the buffer");
            }
            if (index as u32) < buffer.first_step || index as u32 > buffer.last_step {
                return fail("buffer", view.buffer.into(), "in use at this step");
            }
        }
        if step.inputs().any(|input| input.buffer == step.output.buffer) {
            return fail("output buffer", step.output.buffer.into(), "another than the input buffer");
        }
        let (input, output) = (self.plan.buffer(step.input.buffer), self.plan.buffer(step.output.buffer));
        if let Some(window) = step.op.window() {
            self.window(index, window, step.op.layer().is_some())?;
        }
        if let Op::ConvGlobalAverage(Conv { pool: Some(pool), .. }) = step.op {
            return fail("pool before an average", pool.kernel.0.into(), "none");
        }
        let whole = step.op.window().map_or((0, 0), |window| window.outputs(input.height, input.width));
        let (height, width) = match step.op {
            Op::ConvGlobalAverage(_) | Op::QConvGlobalAverage { .. } => (1, 1),
            Op::Conv(Conv { pool: Some(ref pool), .. }) | Op::QConv(QConv { pool: Some(ref pool), .. }) => {
                self.window(index, pool, false)?;
                let windows = pool.outputs(whole.0, whole.1);
                (
                    pool_out(whole.0, output.height, windows.0, pool.stride.0, pool.pad_start.0),
                    pool_out(whole.1, output.width, windows.1, pool.stride.1, pool.pad_start.1),
                )
            }
            Op::Conv(_) | Op::QConv(_) => whole,
            Op::MaxPool(ref window)
            | Op::AveragePool { ref window, .. }
            | Op::QAveragePool { ref window, .. } => (
                pool_out(input.height, output.height, whole.0, window.stride.0, window.pad_start.0),
                pool_out(input.width, output.width, whole.1, window.stride.1, window.pad_start.1),
            ),
            Op::Softmax
            | Op::Add { .. }
            | Op::Lrn(_)
            | Op::Copy
            | Op::Clamp(_)
            | Op::Quantize { .. }
            | Op::Dequantize { .. }
            | Op::QAdd { .. }
            | Op::Lookup { .. } => (input.height, input.width),
        };
        if output.height != height {
            return fail("output height", output.height.into(), "what input and window give");
        }
        if output.width != width {
            return fail("output width", output.width.into(), "what input and window give");
        }
        let fused = matches!(step.op, Op::ConvGlobalAverage(_) | Op::QConvGlobalAverage { .. });
        let pooled = step.op.pool().is_some();
        if (fused || pooled) && (whole.0 == 0 || whole.1 == 0) {
            let kernel = step.op.window().map_or(0, |window| window.kernel.0);
            return fail("kernel", kernel.into(), "no larger than the padded input");
        }
        let averaged = u64::from(whole.0) * u64::from(whole.1);
        if (fused || pooled) && averaged > MAX_AVERAGED {
            return fail("pixels averaged", averaged, "at most 268435456");
        }
        if step.op.layer().is_none() && step.input.channels != step.output.channels {
            return fail("output channels", step.output.channels.into(), "the input's");
        }
        match step.op {
            Op::Add { second, .. } | Op::QAdd { second, .. } => {
                let other = self.plan.buffer(second.buffer);
                if other.element != input.element {
                    return fail("element of what is added", other.element as u64, "the input's");
                }
                if (other.height, other.width) != (input.height, input.width) {
                    return fail("height and width of what is added", other.height.into(), "the input's");
                }
                if second.channels != step.input.channels {
                    return fail("channels of what is added", second.channels.into(), "the input's");
                }
            }
            Op::Lrn(lrn) => {
                if lrn.size == 0 || lrn.size > MAX_CHANNELS {
                    return fail("size", lrn.size.into(), "1..=1048576");
                }
                let valid = lrn.alpha >= 0.0 && lrn.bias > 0.0;
                if !valid || ![lrn.alpha, lrn.beta, lrn.bias].iter().all(|value| value.is_finite()) {
                    return fail(
                        "alpha, beta or bias",
                        lrn.bias.to_bits().into(),
                        "finite, alpha not below 0, bias above 0",
                    );
                }
            }
            _ => {}
        }
        let bounds = match step.op {
            Op::Clamp(bounds) | Op::Add { clamp: bounds, .. } => bounds,
            _ => step.op.conv().map_or(Clamp::NONE, |conv| conv.clamp),
        };
        if bounds.lo.partial_cmp(&bounds.hi).is_none_or(core::cmp::Ordering::is_gt) {
            return fail("lower bound", bounds.lo.to_bits().into(), "at most the upper bound (bits)");
        }
        self.elements(index, &step.op, input.element, output.element)?;
        self.integers(index, &step.op, output.element)
    }

    /// A convolution's window may lie in the pads alone (as in SqueezeNet 1.0's last one), a pool's may not.
    /// Larger pads would only make work: a fused average runs over them without storing anything.
    fn window(&self, index: usize, window: &Window, conv: bool) -> Result<(), LoadError> {
        let fail = |field, found: u16, rule| Err(self.at_step(index, field, found.into(), rule));
        for axis in 0..2 {
            let (kernel, stride) = (along(window.kernel, axis), along(window.stride, axis));
            if kernel == 0 {
                return fail("kernel", kernel, "at least 1");
            }
            if stride == 0 {
                return fail("stride", stride, "at least 1");
            }
            for pad in [along(window.pad_start, axis), along(window.pad_end, axis)] {
                if pad > kernel || (pad == kernel && !conv) {
                    return fail("pad", pad, "smaller than the kernel, or as large for a convolution");
                }
            }
        }
        Ok(())
    }
}

fn along(pair: (u16, u16), axis: usize) -> u16 {
    if axis == 0 { pair.0 } else { pair.1 }
}

/// The declared size of a pool's output if it is right and every window covers a real pixel, else 0.
/// Exporters round down to the `whole` windows that fit, or up (`ceil_mode`) to one more.
fn pool_out(input: u32, output: u32, whole: u32, stride: u16, pad_start: u16) -> u32 {
    let last = u64::from(output.saturating_sub(1)) * u64::from(stride);
    let covers = last < u64::from(input) + u64::from(pad_start);
    let right = output == whole || output == whole.saturating_add(1);
    if covers && whole > 0 && right { output } else { 0 }
}
