//! Models of integer steps, and an oracle that gives every bit of what they compute: integers in 64 bits,
//! real numbers in `f64` with each rounding to `f32` written out, as `docs/arithmetic.md` has them.

use super::{Net, window};
use wisp::format::coded::Trellis;
use wisp::format::op::TABLE_WORDS;
use wisp::format::{Buffer, Clamp, Element, Grid, Op, QConv, Step, View, Window};

/// All of a byte.
pub fn whole_grid(zero: u8) -> Grid {
    Grid { zero, lo: 0, hi: 255 }
}

impl Net {
    /// A random table.
    pub fn table(&mut self) -> u32 {
        let first = self.parameters.len() as u32;
        let words: Vec<u32> = (0..TABLE_WORDS).map(|_| self.random.below(u32::MAX)).collect();
        self.parameters.extend(words);
        first
    }

    /// A step that takes the model's input to bytes; returns their buffer.
    pub fn quantized(&mut self, scale: f32, zero: u8) -> u32 {
        let Buffer { height, width, channels, .. } = self.buffers[0];
        let buffer = self.bytes_buffer(height, width, channels);
        self.step(Op::Quantize { scale, zero }, self.whole(0), self.whole(buffer));
        buffer
    }

    /// A step that shows a buffer of bytes as the model's output.
    pub fn shown(&mut self, buffer: u32) {
        let Buffer { height, width, channels, .. } = self.buffers[buffer as usize];
        let output = self.buffer(height, width, channels);
        self.step(Op::Dequantize { scale: 1.0, zero: 0 }, self.whole(buffer), self.whole(output));
    }
}

/// The same network with narrow weights: a quarter of what they were, and for those rounding left large, less.
pub fn narrowed(mut net: Net) -> Net {
    for step in &mut net.steps {
        let (outputs, bytes) = (step.output.channels as usize, step.weight_bytes().unwrap_or(0) as usize);
        let (Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. }) = &mut step.op else { continue };
        let block = conv.weight_offset as usize..conv.weight_offset as usize + bytes;
        for weight in &mut net.weights[block] {
            // At most 32, of which four make 128.
            *weight =
                (weight.cast_signed() / 4 + weight.cast_signed().signum()).clamp(-32, 32).cast_unsigned();
        }
        let factors = conv.parameters as usize + outputs;
        for factor in &mut net.parameters[factors..factors + outputs] {
            *factor = (f32::from_bits(*factor) * 4.0).to_bits();
        }
        conv.narrow = true;
    }
    net
}

/// Every integer operation once: a fire module, a residual sum, averages, and three ways to the scores.
pub fn tiny_int8() -> Net {
    let mut net = Net::new(11, 11, 3, 2);
    let input = net.quantized(1.0 / 64.0, 118);
    let conv1 = net.bytes_buffer(5, 5, 8);
    let pool1 = net.bytes_buffer(3, 3, 8);
    let squeeze = net.bytes_buffer(3, 3, 4);
    let expand = net.bytes_buffer(3, 3, 12);
    let changed = net.bytes_buffer(3, 3, 12);
    let sum = net.bytes_buffer(3, 3, 12);
    let copy = net.bytes_buffer(3, 3, 12);
    let mean = net.bytes_buffer(1, 1, 12);
    let scores: [u32; 3] = core::array::from_fn(|_| net.buffer(1, 1, 10));
    let (bytes, first, output) = (net.bytes_buffer(1, 1, 10), net.buffer(1, 1, 10), net.buffer(1, 1, 10));
    let half = |channel| View { buffer: expand, channel, channels: 6 };
    let relu = Grid { zero: 3, lo: 3, hi: 250 };

    let conv = |net: &mut Net, window, from, to, grid, table: bool| {
        let mut conv = net.qconv(window, 1, from, to, grid);
        conv.table = table.then(|| net.table());
        net.step(Op::QConv(conv), from, to);
    };
    let all = |net: &Net, buffer| net.whole(buffer);
    let (from, to) = (all(&net, input), all(&net, conv1));
    conv(&mut net, window(3, 2, 0), from, to, relu, false);
    net.step(Op::MaxPool(window(3, 2, 1)), net.whole(conv1), net.whole(pool1));
    let (from, to) = (all(&net, pool1), all(&net, squeeze));
    conv(&mut net, window(1, 1, 0), from, to, relu, false);
    let from = all(&net, squeeze);
    conv(&mut net, window(1, 1, 0), from, half(0), relu, false);
    conv(&mut net, window(3, 1, 1), from, half(6), whole_grid(90), true);
    let table = net.table();
    net.step(Op::Lookup { table }, net.whole(expand), net.whole(changed));
    let second = net.whole(changed);
    let add = Op::QAdd { second, zeros: [3, 120], factors: [0.75, 0.625], output: whole_grid(40) };
    net.step(add, net.whole(expand), net.whole(sum));
    net.step(Op::Copy, net.whole(sum), net.whole(copy));
    let average = |include_pad| Op::QAveragePool {
        window: window(3, 2, 0),
        include_pad,
        input_zero: 40,
        factor: 1.5,
        output: relu,
    };
    net.step(average(false), net.whole(copy), net.whole(mean));

    let (from, to) = (all(&net, sum), all(&net, scores[0]));
    let fused = net.qconv(window(1, 1, 0), 1, from, to, Grid::default());
    net.step(Op::QConvGlobalAverage { conv: fused, relu: true }, from, to);
    let (from, to) = (all(&net, copy), all(&net, scores[1]));
    conv(&mut net, window(3, 1, 0), from, to, Grid::default(), false);
    let (from, to) = (all(&net, mean), all(&net, bytes));
    conv(&mut net, window(1, 1, 0), from, to, whole_grid(128), false);
    net.step(Op::Dequantize { scale: 0.25, zero: 128 }, net.whole(bytes), net.whole(scores[2]));
    let add = |second| Op::Add { second, clamp: Clamp::NONE };
    net.step(add(net.whole(scores[1])), net.whole(scores[0]), net.whole(first));
    net.step(add(net.whole(scores[2])), net.whole(first), net.whole(output));
    net.labels = (0..10).map(|class| format!("class {class}")).collect();
    net
}

/// The same with small weights on a path through a trellis, coded.
pub fn tiny_coded() -> Vec<u8> {
    let mut net = tiny_int8();
    net.weights.iter_mut().for_each(|weight| *weight = (weight.cast_signed() / 16).cast_unsigned());
    net.onto(Trellis::Eight);
    net.coded_bytes(Trellis::Eight)
}

/// Any integer step after any other, of any geometry; then what the last one gives.
pub fn random_net(seed: u64) -> Net {
    let (height, width) = (5 + seed as u32 % 7, 5 + (seed >> 3) as u32 % 7);
    let mut net = Net::new(height, width, 2 + (seed >> 6) as u32 % 5, seed);
    let mut zero = 100 + (seed >> 9) as u8 % 56;
    let mut last = net.quantized(0.01, zero);
    for _ in 0..5 {
        let Buffer { height, width, channels, .. } = net.buffers[last as usize];
        let channel = net.random.below(channels.div_ceil(2));
        let from = View { buffer: last, channel, channels: channels - channel };
        let w = net.random_window(height, width);
        let (rows, columns) = w.outputs(height, width);
        let kind = net.random.below(8);
        let (middle, relu) = (64 + net.random.below(128) as u8, net.random.below(4) == 0);
        let grid =
            Grid { zero: middle, lo: if relu { middle } else { 0 }, hi: 255 - net.random.below(40) as u8 };
        let average =
            Op::QAveragePool { window: w, include_pad: relu, input_zero: zero, factor: 1.1, output: grid };
        let second = View { channel: 0, ..from };
        let add = Op::QAdd { second, zeros: [zero, zero], factors: [0.7, 0.6], output: grid };
        let (height, width, channels, op) = match kind {
            0..4 => (rows, columns, from.channels * (1 + net.random.below(3)), None),
            4 => (rows, columns, from.channels, Some(if relu { Op::MaxPool(w) } else { average })),
            5 => (height, width, from.channels, Some(add)),
            6 => (height, width, from.channels, Some(Op::Lookup { table: net.table() })),
            _ => (height, width, from.channels, Some(Op::Copy)),
        };
        let to = net.bytes_buffer(height, width, channels);
        let op = op.unwrap_or_else(|| {
            let groups = if kind == 0 { from.channels } else { 1 };
            let mut conv = net.qconv(w, groups, from, net.whole(to), grid);
            conv.table = (kind == 3).then(|| net.table());
            Op::QConv(conv)
        });
        net.step(op, from, net.whole(to));
        (last, zero) = (to, if matches!(op, Op::Copy | Op::MaxPool(_)) { zero } else { middle });
    }
    net.shown(last);
    net
}

impl Net {
    fn random_window(&mut self, height: u32, width: u32) -> Window {
        let mut side = |size: u32| {
            let kernel = 1 + self.random.below(size.min(4)) as u16;
            let pads = u32::from(kernel);
            (
                kernel,
                1 + self.random.below(2) as u16,
                self.random.below(pads) as u16,
                self.random.below(pads) as u16,
            )
        };
        let (y, x) = (side(height), side(width));
        Window { kernel: (y.0, x.0), stride: (y.1, x.1), pad_start: (y.2, x.2), pad_end: (y.3, x.3) }
    }
}

fn rounded(value: f64) -> f32 {
    value as f32
}

/// `a · b`, rounded once: in `f64` a product of two `f32` is exact.
fn product(a: f32, b: f32) -> f32 {
    rounded(f64::from(a) * f64::from(b))
}

/// Sums and quotients of two `f32` round to the same `f32` by way of `f64` as directly.
fn sum(a: f32, b: f32) -> f32 {
    rounded(f64::from(a) + f64::from(b))
}

fn quotient(a: f32, b: f32) -> f32 {
    rounded(f64::from(a) / f64::from(b))
}

fn integer(value: i64) -> f32 {
    assert!(value.abs() < 1 << 53, "not exact in f64");
    rounded(value as f64)
}

/// A number of steps to its byte: rounded half to even, moved, bounded. The bounds are integers, so it does
/// not matter that the runtime bounds first.
fn byte(steps: f32, grid: Grid) -> f32 {
    assert!(!steps.is_nan());
    let moved = f64::from(steps).round_ties_even() + f64::from(grid.zero);
    rounded(moved.max(grid.lo.into()).min(grid.hi.into()))
}

/// Every buffer's values, bytes as the numbers they are, after running the model that `net` describes.
pub fn exact(net: &Net, input: &[f32]) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> =
        net.buffers.iter().map(|buffer| vec![f32::NAN; buffer.values().unwrap() as usize]).collect();
    values[0] = input.to_vec();
    for step in &net.steps {
        let to = net.buffers[step.output.buffer as usize];
        for y in 0..to.height {
            for x in 0..to.width {
                for c in 0..step.output.channels {
                    let value = exact_value(net, &values, step, (y.into(), x.into(), c));
                    let at = (y * to.width + x) * to.channels + step.output.channel + c;
                    values[step.output.buffer as usize][at as usize] = value;
                }
            }
        }
    }
    values
}

/// What a view holds at a place, if that is in the image.
fn read(net: &Net, values: &[Vec<f32>], view: &View, (y, x, c): (i64, i64, u32)) -> Option<f32> {
    let buffer = net.buffers[view.buffer as usize];
    let (rows, columns) = (i64::from(buffer.height), i64::from(buffer.width));
    let at = (y * columns + x) * i64::from(buffer.channels) + i64::from(view.channel + c);
    ((0..rows).contains(&y) && (0..columns).contains(&x)).then(|| values[view.buffer as usize][at as usize])
}

/// The taps of a window: their places, top to bottom and left to right.
fn taps(window: &Window, y: i64, x: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
    let Window { kernel, stride, pad_start, .. } = *window;
    let (top, left) =
        (y * i64::from(stride.0) - i64::from(pad_start.0), x * i64::from(stride.1) - i64::from(pad_start.1));
    (0..i64::from(kernel.0)).flat_map(move |ky| (0..i64::from(kernel.1)).map(move |kx| (top + ky, left + kx)))
}

/// The sum of one output of a convolution.
fn conv_sum(net: &Net, values: &[Vec<f32>], step: &Step, conv: &QConv, (y, x, c): (i64, i64, u32)) -> i64 {
    let inputs = step.input.channels / conv.groups;
    let group = c / (step.output.channels / conv.groups);
    let depth = usize::from(conv.window.kernel.0) * usize::from(conv.window.kernel.1) * inputs as usize;
    let weights = &net.weights[conv.weight_offset as usize + c as usize * depth..][..depth];
    let mut sum = i64::from(net.parameters[(conv.parameters + c) as usize].cast_signed());
    let taps = taps(&conv.window, y, x).flat_map(|(y, x)| (0..inputs).map(move |c| (y, x, c)));
    for ((y, x, channel), weight) in taps.zip(weights) {
        let value = read(net, values, &step.input, (y, x, group * inputs + channel));
        let value = value.map_or(i64::from(conv.input_zero), |value| value as i64);
        sum += value * i64::from(weight.cast_signed());
    }
    assert!(i32::try_from(sum).is_ok(), "a compiler does not write this");
    sum
}

fn looked_up(net: &Net, table: u32, value: f32) -> f32 {
    let at = value as usize;
    f32::from(net.parameters[table as usize + at / 4].to_le_bytes()[at % 4])
}

fn exact_value(net: &Net, values: &[Vec<f32>], step: &Step, at: (i64, i64, u32)) -> f32 {
    let (y, x, c) = at;
    let get = |view: &View| read(net, values, view, at).unwrap();
    let (from, to) = (net.buffers[step.input.buffer as usize], net.buffers[step.output.buffer as usize]);
    let factor =
        |conv: &QConv| f32::from_bits(net.parameters[(conv.parameters + step.output.channels + c) as usize]);
    match &step.op {
        Op::Quantize { scale, zero } => byte(quotient(get(&step.input), *scale), whole_grid(*zero)),
        Op::Dequantize { scale, zero } => {
            product(integer(get(&step.input) as i64 - i64::from(*zero)), *scale)
        }
        Op::QConv(conv) => {
            let scaled = product(integer(conv_sum(net, values, step, conv, at)), factor(conv));
            match (to.element, conv.table) {
                (Element::F32, _) => scaled,
                (Element::U8, None) => byte(scaled, conv.output),
                (Element::U8, Some(table)) => looked_up(net, table, byte(scaled, conv.output)),
            }
        }
        Op::QConvGlobalAverage { conv, relu } => {
            let (rows, columns) = conv.window.outputs(from.height, from.width);
            let places = (0..i64::from(rows)).flat_map(|y| (0..i64::from(columns)).map(move |x| (y, x)));
            let least = if *relu { 0 } else { i64::MIN };
            let sums = places.map(|(y, x)| conv_sum(net, values, step, conv, (y, x, c)).max(least));
            product(integer(sums.sum()), factor(conv))
        }
        Op::MaxPool(window) => taps(window, y, x)
            .filter_map(|(y, x)| read(net, values, &step.input, (y, x, c)))
            .fold(f32::NEG_INFINITY, f32::max),
        Op::QAveragePool { window, include_pad, input_zero, factor, output } => {
            let inside: Vec<i64> = taps(window, y, x)
                .filter_map(|(y, x)| read(net, values, &step.input, (y, x, c)))
                .map(|value| value as i64 - i64::from(*input_zero))
                .collect();
            let rows = i64::from(from.height) + i64::from(window.pad_end.0);
            let columns = i64::from(from.width) + i64::from(window.pad_end.1);
            let padded = taps(window, y, x).filter(|(y, x)| *y < rows && *x < columns).count();
            let count = if *include_pad { padded } else { inside.len() };
            let factor = quotient(*factor, integer(count as i64));
            byte(product(integer(inside.iter().sum()), factor), *output)
        }
        Op::QAdd { second, zeros, factors, output } => {
            let steps = |view: &View, at: usize| {
                product(integer(get(view) as i64 - i64::from(zeros[at])), factors[at])
            };
            byte(sum(steps(&step.input, 0), steps(second, 1)), *output)
        }
        Op::Lookup { table } => looked_up(net, *table, get(&step.input)),
        Op::Copy => get(&step.input),
        Op::Add { second, clamp } if *clamp == Clamp::NONE => sum(get(&step.input), get(second)),
        other => panic!("the oracle does not know {other:?}"),
    }
}
