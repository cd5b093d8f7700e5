//! Small models made through the public emitter, and a slow oracle that shares no code with the runtime.
#![allow(dead_code)]

pub mod integers;

use proptest::prelude::*;
use wisp::format::coded::{Trellis, encode};
use wisp::format::{
    self, Buffer, Clamp, Conv, Element, Grid, Info, Op, Provenance, QConv, Step, View, Weights, Window,
    container::Parts,
};
use wisp::vision::Preprocess;
use wisp::{AlignedBytes, Isa, Model, Options, Session};

/// A model being written down: buffers never share memory, weights come from a generator.
pub struct Net {
    pub buffers: Vec<Buffer>,
    pub steps: Vec<Step>,
    pub parameters: Vec<u32>,
    pub weights: Vec<u8>,
    pub labels: Vec<String>,
    random: Random,
}

/// A linear congruential generator.
pub struct Random(pub u64);

impl Random {
    /// Uniform in −1..1.
    pub fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }

    /// Uniform in `0..below`.
    pub fn below(&mut self, below: u32) -> u32 {
        self.value();
        (((self.0 >> 32) * u64::from(below)) >> 32) as u32
    }
}

pub fn window(kernel: u16, stride: u16, pad: u16) -> Window {
    Window { kernel: (kernel, kernel), stride: (stride, stride), pad_start: (pad, pad), pad_end: (pad, pad) }
}

/// Any window that fits an image of `size`; pads are smaller than kernel + `more`.
pub fn windows(size: u16, more: u16) -> impl Strategy<Value = Window> {
    let pads = move |kernel: u16| (Just(kernel), 1..=3u16, 0..kernel + more, 0..kernel + more);
    let side = move || (1..=5u16.min(size)).prop_flat_map(pads);
    (side(), side()).prop_map(|(y, x)| Window {
        kernel: (y.0, x.0),
        stride: (y.1, x.1),
        pad_start: (y.2, x.2),
        pad_end: (y.3, x.3),
    })
}

impl Net {
    /// A model whose buffer 0 takes the input.
    pub fn new(height: u32, width: u32, channels: u32, seed: u64) -> Self {
        let mut net = Self {
            buffers: vec![],
            steps: vec![],
            parameters: vec![],
            weights: vec![],
            labels: vec![],
            random: Random(seed),
        };
        net.buffer(height, width, channels);
        net
    }

    pub fn buffer(&mut self, height: u32, width: u32, channels: u32) -> u32 {
        let offset = self.arena_bytes();
        self.buffers.push(Buffer { height, width, channels, offset, ..Buffer::default() });
        self.buffers.len() as u32 - 1
    }

    /// A buffer of bytes.
    pub fn bytes_buffer(&mut self, height: u32, width: u32, channels: u32) -> u32 {
        let buffer = self.buffer(height, width, channels);
        self.buffers[buffer as usize].element = Element::U8;
        buffer
    }

    fn arena_bytes(&self) -> u64 {
        self.buffers.last().map_or(0, |last| (last.offset + last.bytes().unwrap()).next_multiple_of(64))
    }

    /// All channels of a buffer.
    pub fn whole(&self, buffer: u32) -> View {
        View { buffer, channel: 0, channels: self.buffers[buffer as usize].channels }
    }

    pub fn step(&mut self, op: Op, input: View, output: View) {
        self.steps.push(Step { op, input, output });
    }

    /// A convolution with random weights.
    pub fn conv(&mut self, window: Window, groups: u32, clamp: Clamp, input: View, output: View) -> Conv {
        let depth = u32::from(window.kernel.0) * u32::from(window.kernel.1) * input.channels / groups;
        let scale = 1.5 / (depth as f32).sqrt();
        let count = (depth * output.channels) as usize;
        let values: Vec<f32> = self.random.values(count).iter().map(|value| value * scale).collect();
        let weight_offset = format::weights::append(&mut self.weights, &values);
        let bias = self.parameters.len() as u32;
        let biases = self.random.values(output.channels as usize);
        self.parameters.extend(biases.iter().map(|value| (value * 0.1).to_bits()));
        Conv { window, groups, clamp, weight_offset, bias, pool: None }
    }

    /// An integer convolution to bytes, with random weights and biases, and factors that spread its sums
    /// over the grid: `output` is where they go.
    pub fn qconv(&mut self, window: Window, groups: u32, input: View, output: View, grid: Grid) -> QConv {
        let depth = u32::from(window.kernel.0) * u32::from(window.kernel.1) * input.channels / groups;
        let random = &mut self.random;
        let weights: Vec<i8> =
            (0..depth * output.channels).map(|_| (random.below(255) as i32 - 127) as i8).collect();
        let input_zero = random.below(256) as u8;
        let parameters = self.parameters.len() as u32;
        for weights in weights.chunks_exact(depth as usize) {
            // As a compiler does: the zero point's share of the sum is taken off in the bias.
            let sum: i32 = weights.iter().map(|&weight| i32::from(weight)).sum();
            let bias = random.below(20_001) as i32 - 10_000 - sum * i32::from(input_zero);
            self.parameters.push(bias.cast_unsigned());
        }
        for _ in 0..output.channels {
            let spread = 1.0 + random.value() * 0.5;
            self.parameters.push((0.03 * spread / (depth as f32).sqrt()).to_bits());
        }
        let weight_offset = format::weights::append_i8(&mut self.weights, &weights);
        QConv {
            window,
            groups,
            weight_offset,
            coded: 0,
            parameters,
            input_zero,
            output: grid,
            pool: None,
            table: None,
            narrow: false,
        }
    }

    /// Moves the weights of integer convolutions to such that lie on a path through a trellis.
    pub fn onto(&mut self, trellis: Trellis) {
        for step in &self.steps {
            let (Some(conv), Some(shape)) = (step.op.qconv(), step.weight_shape()) else { continue };
            let block = &mut self.weights[conv.weight_offset as usize..][..shape.rows * shape.depth()];
            for row in block.chunks_exact_mut(shape.depth()) {
                let mut state = 0;
                for weight in row {
                    let k = trellis.index(weight.cast_signed().clamp(-126, 126).into());
                    *weight = (trellis.weight(state, k) as i8).cast_unsigned();
                    state = trellis.next(state, k);
                }
            }
        }
    }

    /// The model's file with the weights of its integer convolutions coded.
    pub fn coded_bytes(&mut self, trellis: Trellis) -> Vec<u8> {
        let (steps, plain) = (self.steps.clone(), std::mem::take(&mut self.weights));
        for step in &mut self.steps {
            let (Some(shape), Some(count)) = (step.weight_shape(), step.weight_count()) else { continue };
            if let Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } = &mut step.op {
                let block = &plain[conv.weight_offset as usize..][..count as usize];
                let block: Vec<i8> = block.iter().map(|weight| weight.cast_signed()).collect();
                let block = encode(&block, shape, trellis).unwrap();
                conv.weight_offset = format::weights::append_coded(&mut self.weights, &block);
                conv.coded = block.len() as u32;
            }
        }
        let bytes = self.bytes();
        (self.steps, self.weights) = (steps, plain);
        bytes
    }

    /// The model's file. The last step's output is the model's.
    pub fn bytes(&self) -> Vec<u8> {
        let output = self.steps.last().unwrap().output.buffer;
        let mut buffers = self.buffers.clone();
        for (index, buffer) in buffers.iter_mut().enumerate() {
            let uses =
                |step: &Step| step.inputs().chain([step.output]).any(|view| view.buffer == index as u32);
            buffer.first_step = self.steps.iter().position(uses).unwrap_or(0) as u32;
            buffer.last_step = self.steps.iter().rposition(uses).unwrap_or(0) as u32;
        }
        buffers[0].first_step = 0;
        let classes = buffers[output as usize].values().unwrap() as u32;
        let info = Info::new("test", classes, Weights::Seeded, Preprocess::caffe(), self.arena_bytes());
        let names: Vec<String> = (0..self.steps.len()).map(|index| format!("step{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let mut bytes = Vec::new();
        let parts = Parts {
            info: &info,
            input: 0,
            output,
            buffers: &buffers,
            steps: &self.steps,
            names: &names,
            parameters: &self.parameters,
            labels: &labels,
            provenance: Provenance { digest: [0; 32], source: "tests/common/mod.rs", tool: "test" },
            weights: &self.weights,
        };
        format::emit(&parts, &mut bytes);
        bytes
    }
}

/// A SqueezeNet in miniature: strided convolution, pool, one fire module with its concat as views,
/// convolution with global average, softmax over ten classes.
pub fn tiny() -> Vec<u8> {
    let mut net = Net::new(16, 16, 3, 1);
    let conv1 = net.buffer(7, 7, 8);
    let pool1 = net.buffer(3, 3, 8);
    let squeeze = net.buffer(3, 3, 4);
    let expand = net.buffer(3, 3, 12);
    let scores = net.buffer(1, 1, 10);
    let prob = net.buffer(1, 1, 10);
    let relu = Clamp::RELU;
    let half = |channel| View { buffer: expand, channel, channels: 6 };

    let conv = net.conv(window(3, 2, 0), 1, relu, net.whole(0), net.whole(conv1));
    net.step(Op::Conv(conv), net.whole(0), net.whole(conv1));
    net.step(Op::MaxPool(window(3, 2, 0)), net.whole(conv1), net.whole(pool1));
    let conv = net.conv(window(1, 1, 0), 1, relu, net.whole(pool1), net.whole(squeeze));
    net.step(Op::Conv(conv), net.whole(pool1), net.whole(squeeze));
    let conv = net.conv(window(1, 1, 0), 1, relu, net.whole(squeeze), half(0));
    net.step(Op::Conv(conv), net.whole(squeeze), half(0));
    let conv = net.conv(window(3, 1, 1), 1, relu, net.whole(squeeze), half(6));
    net.step(Op::Conv(conv), net.whole(squeeze), half(6));
    let conv = net.conv(window(1, 1, 0), 1, relu, net.whole(expand), net.whole(scores));
    net.step(Op::ConvGlobalAverage(conv), net.whole(expand), net.whole(scores));
    net.step(Op::Softmax, net.whole(scores), net.whole(prob));
    net.labels = (0..10).map(|class| format!("class {class}")).collect();
    net.bytes()
}

/// The instruction sets to test: the one that `WISP_ISA` names, or all of this CPU's.
pub fn isas() -> Vec<Isa> {
    match std::env::var("WISP_ISA") {
        Ok(name) => vec![name.parse().expect("WISP_ISA")],
        Err(_) => Isa::ALL.iter().copied().filter(|isa| isa.is_available()).collect(),
    }
}

/// Runs a model on an input.
pub fn run(file: &[u8], isa: Isa, input: &[f32]) -> Vec<f32> {
    run_as(file, &Options::default().with_isa(isa), input)
}

/// As [`run`], prepared as the options say.
pub fn run_as(file: &[u8], options: &Options, input: &[f32]) -> Vec<f32> {
    let model = Model::from_bytes(file).unwrap();
    let need = model.requirements(options).unwrap();
    let mut weights = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
    let mut arena = AlignedBytes::zeroed(need.arena_bytes).unwrap();
    // Whatever stood in the memories before must not matter.
    weights.as_mut_slice().fill(0xff);
    arena.as_mut_slice().fill(0xff);
    let prepared = model.prepare(options, weights.as_mut_slice()).unwrap();
    let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
    session.input_mut().copy_from_slice(input);
    session.run().unwrap().to_vec()
}

/// Every buffer's values after running the model in `f64`, straight from the definition of each step.
pub fn oracle(model: &Model, input: &[f32]) -> Vec<Vec<f64>> {
    let buffers: Vec<Buffer> = model.buffers().collect();
    let mut values: Vec<Vec<f64>> =
        buffers.iter().map(|buffer| vec![f64::NAN; buffer.values().unwrap() as usize]).collect();
    values[0] = input.iter().map(|&value| value.into()).collect();
    for step in model.steps() {
        let (from, to) = (buffers[step.input.buffer as usize], buffers[step.output.buffer as usize]);
        let source = values[step.input.buffer as usize].clone();
        let read = |y: i64, x: i64, c: u32| {
            let inside = (0..from.height.into()).contains(&y) && (0..from.width.into()).contains(&x);
            let at = (y * i64::from(from.width) + x) * i64::from(from.channels)
                + i64::from(step.input.channel + c);
            inside.then(|| source[at as usize])
        };
        let conv_at = |conv: &Conv, weights: &[f32], bias: f32, y: u32, x: u32, channel: u32| {
            let Window { kernel, stride, pad_start, .. } = conv.window;
            let inputs = step.input.channels / conv.groups;
            let group = channel / (step.output.channels / conv.groups);
            let mut sum = f64::from(bias);
            let mut at = (channel * inputs) as usize * usize::from(kernel.0) * usize::from(kernel.1);
            for ky in 0..kernel.0 {
                for kx in 0..kernel.1 {
                    let row = i64::from(y) * i64::from(stride.0) + i64::from(ky) - i64::from(pad_start.0);
                    let column = i64::from(x) * i64::from(stride.1) + i64::from(kx) - i64::from(pad_start.1);
                    for c in 0..inputs {
                        sum += read(row, column, group * inputs + c).unwrap_or(0.0) * f64::from(weights[at]);
                        at += 1;
                    }
                }
            }
            sum.max(conv.clamp.lo.into()).min(conv.clamp.hi.into())
        };
        let pool_at = |window: &Window, y: u32, x: u32, c: u32| {
            let mut taps = vec![];
            for ky in 0..window.kernel.0 {
                for kx in 0..window.kernel.1 {
                    let row = i64::from(y) * i64::from(window.stride.0) + i64::from(ky)
                        - i64::from(window.pad_start.0);
                    let column = i64::from(x) * i64::from(window.stride.1) + i64::from(kx)
                        - i64::from(window.pad_start.1);
                    taps.push((row, column, read(row, column, c)));
                }
            }
            taps
        };
        let biases: Vec<f32> = step.op.conv().map_or(vec![], |_| model.biases(&step).collect());
        let weights: Vec<f32> = step.op.conv().map_or(vec![], |_| model.weights(&step).collect());
        for y in 0..to.height {
            for x in 0..to.width {
                for c in 0..step.output.channels {
                    let value = match &step.op {
                        Op::Conv(conv) => conv_at(conv, &weights, biases[c as usize], y, x, c),
                        Op::ConvGlobalAverage(conv) => {
                            let w = conv.window;
                            let size = |n: u32, k: u16, a: u16, b: u16, s: u16| {
                                (n + u32::from(a) + u32::from(b) - u32::from(k)) / u32::from(s) + 1
                            };
                            let rows = size(from.height, w.kernel.0, w.pad_start.0, w.pad_end.0, w.stride.0);
                            let columns =
                                size(from.width, w.kernel.1, w.pad_start.1, w.pad_end.1, w.stride.1);
                            let sum: f64 = (0..rows)
                                .flat_map(|y| (0..columns).map(move |x| (y, x)))
                                .map(|(y, x)| conv_at(conv, &weights, biases[c as usize], y, x, c))
                                .sum();
                            sum / f64::from(rows * columns)
                        }
                        Op::MaxPool(window) => pool_at(window, y, x, c)
                            .iter()
                            .filter_map(|tap| tap.2)
                            .fold(f64::NEG_INFINITY, f64::max),
                        Op::AveragePool { window, include_pad } => {
                            let taps = pool_at(window, y, x, c);
                            let sum: f64 = taps.iter().filter_map(|tap| tap.2).sum();
                            let rows = i64::from(from.height) + i64::from(window.pad_end.0);
                            let columns = i64::from(from.width) + i64::from(window.pad_end.1);
                            let counted = |tap: &&(i64, i64, Option<f64>)| {
                                if *include_pad { tap.0 < rows && tap.1 < columns } else { tap.2.is_some() }
                            };
                            sum / taps.iter().filter(counted).count() as f64
                        }
                        Op::Softmax => {
                            let all =
                                || (0..step.input.channels).map(|c| read(y.into(), x.into(), c).unwrap());
                            let max = all().fold(f64::NEG_INFINITY, f64::max);
                            let exp = |value: f64| (value - max).exp();
                            exp(read(y.into(), x.into(), c).unwrap()) / all().map(exp).sum::<f64>()
                        }
                        Op::Add { second, clamp } => {
                            let buffer = buffers[second.buffer as usize];
                            let at = (y * buffer.width + x) * buffer.channels + second.channel + c;
                            let sum = read(y.into(), x.into(), c).unwrap()
                                + values[second.buffer as usize][at as usize];
                            sum.max(clamp.lo.into()).min(clamp.hi.into())
                        }
                        Op::Lrn(lrn) => {
                            let low = (c + 1).saturating_sub(lrn.size.div_ceil(2));
                            let high = (c + lrn.size / 2).min(step.input.channels - 1);
                            let squares: f64 =
                                (low..=high).map(|c| read(y.into(), x.into(), c).unwrap().powi(2)).sum();
                            let base =
                                f64::from(lrn.bias) + f64::from(lrn.alpha) / f64::from(lrn.size) * squares;
                            read(y.into(), x.into(), c).unwrap() / base.powf(lrn.beta.into())
                        }
                        Op::Copy => read(y.into(), x.into(), c).unwrap(),
                        Op::Clamp(bounds) => {
                            read(y.into(), x.into(), c).unwrap().max(bounds.lo.into()).min(bounds.hi.into())
                        }
                        other => panic!("the oracle does not know {other:?}"),
                    };
                    let at = (y * to.width + x) * to.channels + step.output.channel + c;
                    values[step.output.buffer as usize][at as usize] = value;
                }
            }
        }
    }
    values
}

/// The largest difference from the oracle, as a share of the oracle's range (at least 1).
pub fn difference(scores: &[f32], oracle: &[f64]) -> f64 {
    assert_eq!(scores.len(), oracle.len());
    let max = oracle.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let min = oracle.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = scores.iter().zip(oracle).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(!worst.is_nan() && scores.iter().all(|score| score.is_finite()));
    worst / (max - min).max(1.0)
}
