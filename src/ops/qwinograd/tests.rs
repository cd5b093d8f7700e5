//! Tiles of integers against the definition, for every instruction set and every shape at the edges of a
//! tile: whole maps and parts of them, to bytes and to floats.

use super::*;
use crate::Isa;
use crate::format::{Grid, Op, View, Window};
use crate::kernels::requantise::to_grid;
use crate::ops::{Means, Output, qconv};
use proptest::prelude::*;
use std::vec::Vec;

/// What stands beside the channels that are written.
const BESIDE: u8 = 0xa5;

#[derive(Clone, Debug)]
struct Case {
    size: (usize, usize),
    pads: [u16; 4],
    inputs: usize,
    outputs: usize,
    /// Channels before and behind, of input and output.
    beside: (usize, usize),
    zero: u8,
    grid: Grid,
    table: bool,
    /// Whether values are the largest there are.
    extreme: bool,
    seed: u32,
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (1usize..22, 1usize..22, proptest::array::uniform4(0u16..3), 1usize..71, 1usize..40);
    let zero = prop_oneof![Just(0u8), Just(128), Just(255), any::<u8>()];
    let grid = (any::<u8>(), any::<u8>(), any::<u8>());
    let rest = (0usize..4, 0usize..4, zero, grid, any::<bool>(), any::<bool>(), any::<u32>());
    (shape, rest)
        .prop_map(
            |((height, width, pads, inputs, outputs), (before, behind, zero, grid, table, extreme, seed))| {
                Case {
                    size: (height, width),
                    pads,
                    inputs,
                    outputs,
                    beside: (before, behind),
                    zero,
                    grid: Grid { zero: grid.0, lo: grid.1.min(grid.2) / 2, hi: grid.1.max(grid.2) / 2 + 128 },
                    table,
                    extreme,
                    seed,
                }
            },
        )
        .prop_filter("a window fits", |case| {
            let [top, left, bottom, right] = case.pads.map(usize::from);
            case.size.0 + top + bottom >= 3 && case.size.1 + left + right >= 3
        })
}

struct Layer {
    case: Case,
    conv: QConv,
    step: Step,
    input: Vec<u8>,
    weights: Vec<i8>,
    biases: Vec<i32>,
    factors: Vec<f32>,
    table: Vec<u8>,
}

impl Layer {
    fn new(case: Case) -> Self {
        let Case { size, pads, inputs, outputs, beside, zero, grid, extreme, seed, .. } = case;
        let mut state = u64::from(seed);
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as u32
        };
        let stride = inputs + beside.0 + beside.1;
        let mut value = |most: [u32; 2]| if extreme { most[random() as usize % 2] } else { random() };
        let input = (0..size.0 * size.1 * stride).map(|_| value([0, 255]) as u8).collect();
        let weights = (0..outputs * 9 * inputs).map(|_| value([0x7f, 0x80]) as i8).collect();
        let biases = (0..outputs).map(|_| random().cast_signed() - (1 << 23)).collect();
        let factors = (0..outputs).map(|_| (random() % 1000 + 1) as f32 * 1e-6).collect();
        let table = (0..256).map(|index| (index as u8).rotate_left(3)).collect();
        let window = Window {
            kernel: (3, 3),
            stride: (1, 1),
            pad_start: (pads[0], pads[1]),
            pad_end: (pads[2], pads[3]),
        };
        let conv = QConv {
            window,
            groups: 1,
            weight_offset: 0,
            coded: 0,
            parameters: 0,
            input_zero: zero,
            output: grid,
            pool: None,
            table: None,
            narrow: false,
        };
        let view =
            |buffer, channels: usize| View { buffer, channel: beside.0 as u32, channels: channels as u32 };
        let step = Step { op: Op::QConv(conv), input: view(0, inputs), output: view(1, outputs) };
        Self { case, conv, step, input, weights, biases, factors, table }
    }

    fn input(&self) -> Input<'_, u8> {
        let Case { size: (height, width), inputs: channels, beside, .. } = self.case;
        let stride = channels + beside.0 + beside.1;
        Input { data: &self.input, height, width, stride, channel: beside.0, channels }
    }

    fn map(&self) -> (usize, usize) {
        let (height, width) = self.conv.window.outputs(self.case.size.0 as u32, self.case.size.1 as u32);
        (height as usize, width as usize)
    }

    /// The sum of a window, by the definition.
    fn sum(&self, y: usize, x: usize, output: usize) -> i32 {
        let (input, inputs) = (self.input(), self.case.inputs);
        let [top, left] = [self.case.pads[0], self.case.pads[1]].map(usize::from);
        let mut sum = i64::from(self.biases[output]);
        for tap in 0..9 {
            let (row, column) = ((y + tap / 3).wrapping_sub(top), (x + tap % 3).wrapping_sub(left));
            for channel in 0..inputs {
                let value = match row < input.height && column < input.width {
                    true => input.data[input.at(row, column) + channel],
                    false => self.conv.input_zero,
                };
                sum += i64::from(value) * i64::from(self.weights[(output * 9 + tap) * inputs + channel]);
            }
        }
        sum as i32
    }

    /// What the definition gives, and around it what was there before.
    fn expected<T: Copy>(&self, beside: T, value: impl Fn(i32, f32) -> T) -> Vec<T> {
        let Case { outputs, beside: (before, behind), .. } = self.case;
        let ((height, width), stride) = (self.map(), outputs + before + behind);
        let mut out = std::vec![beside; height * width * stride];
        for (pixel, out) in out.chunks_exact_mut(stride).enumerate() {
            for (output, out) in out[before..][..outputs].iter_mut().enumerate() {
                *out = value(self.sum(pixel / width, pixel % width, output), self.factors[output]);
            }
        }
        out
    }

    /// Computes a map in two parts, cut before row `cut`.
    fn compute<T: Copy>(
        &self,
        algorithm: Algorithm,
        kernels: &Kernels,
        (beside, cut): (T, usize),
        run: impl Fn(&QConv, Input<'_, u8>, Output<'_, T>, Means<'_>),
    ) -> Vec<T> {
        let Case { inputs, outputs, beside: (before, behind), .. } = self.case;
        let ((height, width), stride) = (self.map(), outputs + before + behind);
        let winograd = of(algorithm, kernels).expect("tiles");
        // Memory that nobody has cleared.
        let mut packed = std::vec![f32::NAN; prepared_floats(winograd, &self.step).unwrap()];
        let mut rows = Rows::plain(&self.weights, 9 * inputs);
        let (bias, factor) = (|output: usize| self.biases[output], |output: usize| self.factors[output]);
        prepare(winograd, &self.step, &mut rows, bias, factor, &mut packed).unwrap();
        let words = scratch_words(winograd, inputs, height, width).unwrap();
        let mut scratch = std::vec![f32::from_bits(0xd7d7_d7d7); words];
        let mut out = std::vec![beside; height * width * stride];
        let (above, below) = out.split_at_mut(cut * width * stride);
        for (data, rows) in [(above, 0..cut), (below, cut..height)] {
            let output = Output {
                data,
                height,
                width,
                stride,
                channel: before,
                channels: outputs,
                first: rows.start * width,
                pixels: rows.len() * width,
                first_channel: 0,
            };
            let table = if self.case.table { &self.table[..] } else { &[] };
            let means = Means { packed: &packed, table, scratch: &mut scratch, algorithm, kernels };
            if !rows.is_empty() {
                run(&self.conv, self.input(), output, means);
            }
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn tiles_equal_the_definition(case in cases(), cut: usize) {
        let layer = Layer::new(case);
        let (rows, grid) = (layer.map().0, layer.conv.output);
        let bytes = layer.expected(BESIDE, |sum, factor| {
            let byte = to_grid(sum as f32 * factor, grid);
            if layer.case.table { layer.table[usize::from(byte)] } else { byte }
        });
        let floats = layer.expected(-7.5, |sum, factor| sum as f32 * factor);
        for kernels in Isa::ALL.iter().filter_map(|&isa| Kernels::of(isa)) {
            for algorithm in [Algorithm::Winograd2, Algorithm::Winograd4] {
                prop_assert!(suits(&layer.conv, layer.case.inputs, algorithm, kernels));
                let size = algorithm.tile().unwrap();
                let cut = (cut % (rows / size + 1)) * size;
                let name = of(algorithm, kernels).unwrap().name;
                prop_assert_eq!(&layer.compute(algorithm, kernels, (BESIDE, cut), qconv::run), &bytes, "{}", name);
                let some = layer.compute(algorithm, kernels, (-7.5, cut), qconv::run_to_floats);
                prop_assert_eq!(&some, &floats, "{}", name);
            }
        }
    }
}

#[test]
fn what_tiles_cannot_compute_is_left_to_the_direct_kernels() {
    let kernels = Kernels::of(Isa::Generic).unwrap();
    let conv = Layer::new(Case {
        size: (3, 3),
        pads: [1; 4],
        inputs: 1,
        outputs: 1,
        beside: (0, 0),
        zero: 0,
        grid: Grid::default(),
        table: false,
        extreme: false,
        seed: 0,
    })
    .conv;
    let suits = |conv: &QConv, channels, algorithm| suits(conv, channels, algorithm, kernels);
    assert!(suits(&conv, 114, Algorithm::Winograd4) && !suits(&conv, 115, Algorithm::Winograd4));
    assert!(suits(&conv, 1827, Algorithm::Winograd2) && !suits(&conv, 1828, Algorithm::Winograd2));
    assert!(!suits(&conv, 1, Algorithm::Direct));
    let window = conv.window;
    for other in [
        QConv { groups: 2, ..conv },
        QConv { pool: Some(window), ..conv },
        QConv { window: Window { stride: (1, 2), ..window }, ..conv },
        QConv { window: Window { kernel: (3, 1), ..window }, ..conv },
    ] {
        assert!(!suits(&other, 8, Algorithm::Winograd2));
    }
}
