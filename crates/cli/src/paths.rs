//! How deep a model is, as papers count it: the layers with weights on the way from input to output.
//!
//! The longest way is what gives a network its number (ResNet-56), the shortest tells how far its shortcuts
//! lead around them.

use wisp::Model;
use wisp::format::{Step, View};

/// Weighted layers on the longest and on the shortest way from the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    pub longest: u32,
    pub shortest: u32,
}

impl Paths {
    /// Where two ways meet.
    fn join(self, other: Self) -> Self {
        Self { longest: self.longest.max(other.longest), shortest: self.shortest.min(other.shortest) }
    }

    fn past(self, layers: u32) -> Self {
        Self { longest: self.longest + layers, shortest: self.shortest + layers }
    }
}

/// The ways through a model.
pub fn of(model: &Model<'_>) -> Paths {
    let output = model.output();
    // Buffers that are in use at one step share no byte, so no other one equals the output.
    let buffer = model.buffers().position(|buffer| buffer == output).unwrap_or_default();
    let output = View { buffer: buffer as u32, channel: 0, channels: output.channels };
    through(model.steps(), model.buffers().len(), output)
}

/// The ways through steps that write before they read, up to `output`. A step is looked at once for each
/// later one that reads its buffer.
fn through(steps: impl Iterator<Item = Step>, buffers: usize, output: View) -> Paths {
    let mut written: Vec<Vec<(View, Paths)>> = vec![Vec::new(); buffers];
    for step in steps {
        let arriving = step.inputs().map(|view| at(&written, view)).reduce(Paths::join);
        let leaving = arriving.unwrap_or_default().past(u32::from(is_weighted(&step)));
        if let Some(writers) = written.get_mut(step.output.buffer as usize) {
            writers.push((step.output, leaving));
        }
    }
    at(&written, output)
}

/// The ways to some channels of a buffer. Nothing has written the model's input: it is where they begin.
fn at(written: &[Vec<(View, Paths)>], view: View) -> Paths {
    let writers = written.get(view.buffer as usize).map(Vec::as_slice).unwrap_or_default();
    let touching = writers.iter().filter(|(writer, _)| overlap(writer, &view));
    touching.map(|&(_, paths)| paths).reduce(Paths::join).unwrap_or_default()
}

/// Whether two views of one buffer have a channel in common.
fn overlap(a: &View, b: &View) -> bool {
    let end = |view: &View| view.channel.saturating_add(view.channels);
    a.channel < end(b) && b.channel < end(a)
}

/// Whether a step is a layer that papers count: a convolution, or a dense layer, which is one too. A
/// normalisation that stands alone is a convolution of each channel by itself, and nobody counts it.
fn is_weighted(step: &Step) -> bool {
    step.op.layer().is_some_and(|layer| {
        let alone =
            layer.groups > 1 && layer.groups == step.input.channels && step.output.channels == layer.groups;
        !(alone && layer.window.kernel == (1, 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wisp::format::{Clamp, Conv, Op, Window};

    fn view(buffer: u32, channel: u32, channels: u32) -> View {
        View { buffer, channel, channels }
    }

    /// All eight channels of a buffer.
    fn all(buffer: u32) -> View {
        view(buffer, 0, 8)
    }

    fn conv(side: u16, groups: u32, input: View, output: View) -> Step {
        let window = Window { kernel: (side, side), stride: (1, 1), ..Window::default() };
        let conv = Conv { window, groups, clamp: Clamp::NONE, weight_offset: 0, bias: 0, pool: None };
        Step { op: Op::Conv(conv), input, output }
    }

    fn add(input: View, second: View, output: View) -> Step {
        Step { op: Op::Add { second, clamp: Clamp::RELU }, input, output }
    }

    fn copy(input: View, output: View) -> Step {
        Step { op: Op::Copy, input, output }
    }

    #[track_caller]
    fn has(steps: &[Step], output: u32, longest: u32, shortest: u32) {
        let buffers = steps.len() + 1;
        let paths = through(steps.iter().copied(), buffers, all(output));
        assert_eq!(paths, Paths { longest, shortest });
    }

    #[test]
    fn a_chain_has_one_way() {
        has(&[copy(all(0), all(1))], 1, 0, 0);
        has(&[conv(3, 1, all(0), all(1)), copy(all(1), all(2)), conv(3, 1, all(2), all(3))], 3, 2, 2);
    }

    #[test]
    fn a_sum_has_the_ways_of_both() {
        let steps = [
            conv(3, 1, all(0), all(1)),
            conv(3, 1, all(1), all(2)),
            conv(3, 1, all(2), all(3)),
            add(all(3), all(1), all(4)),
        ];
        has(&steps, 4, 3, 1);
        let swapped = [steps[0], steps[1], steps[2], add(all(1), all(3), all(4))];
        has(&swapped, 4, 3, 1);
    }

    #[test]
    fn a_concat_is_read_by_channels() {
        // Buffer 2: channels 0..3 through one layer more than channels 3..8.
        let steps =
            [conv(1, 1, all(0), all(1)), conv(1, 1, all(1), view(2, 0, 3)), copy(all(1), view(2, 3, 5))];
        has(&steps, 2, 2, 1);
        for (first, channels, longest, shortest) in [(0, 3, 2, 2), (3, 5, 1, 1), (2, 2, 2, 1), (3, 1, 1, 1)] {
            let read = copy(view(2, first, channels), view(3, 0, channels));
            has(&[&steps[..], &[read]].concat(), 3, longest, shortest);
        }
    }

    #[test]
    fn what_scales_channels_alone_is_no_layer() {
        has(&[conv(1, 8, all(0), all(1))], 1, 0, 0);
        has(&[conv(3, 8, all(0), all(1))], 1, 1, 1);
        has(&[conv(1, 4, all(0), all(1))], 1, 1, 1);
        has(&[conv(1, 1, view(0, 0, 1), all(1))], 1, 1, 1);
    }

    /// There are 2⁴⁰⁹⁵ ways through it; each step is looked at a few times only.
    #[test]
    fn ways_are_not_walked_one_by_one() {
        let blocks = 4095;
        let block = |index: u32| {
            let (x, y, z) = (2 * index, 2 * index + 1, 2 * index + 2);
            [conv(3, 1, all(x), all(y)), add(all(y), all(x), all(z))]
        };
        let steps: Vec<Step> = (0..blocks).flat_map(block).collect();
        has(&steps, 2 * blocks, blocks, 0);
    }

    #[test]
    fn of_a_file() {
        let file = include_bytes!("../../../models/squeezenet1.1.wisp");
        let paths = of(&Model::from_bytes(file).unwrap());
        // conv1, squeeze and expand of eight fire modules, conv10: with no bypass every way is as long.
        assert_eq!(paths, Paths { longest: 18, shortest: 18 });
    }
}
