//! Tiles against the definition in `f64`, for every instruction set and every shape at the edges of a tile.

use super::*;
use crate::Isa;
use crate::format::{Clamp, Op, View};
use proptest::prelude::*;
use std::vec::Vec;

/// An error of rounding, as a share of the sum of the products' magnitudes.
const TOLERANCE: f64 = 2e-6;
/// What stands beside the channels that are written.
const BESIDE: f32 = -77.5;

#[derive(Clone, Debug)]
struct Case {
    size: (usize, usize),
    pads: [u16; 4],
    groups: usize,
    /// Of a group.
    inputs: usize,
    outputs: usize,
    /// Channels before and behind, of input and output.
    beside: (usize, usize),
    relu: bool,
    seed: u32,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1usize..14, 1usize..14);
    let channels = (1usize..3, 1usize..40, 1usize..40);
    let rest = (proptest::array::uniform4(0u16..3), (0usize..4, 0usize..4), any::<bool>(), any::<u32>());
    (sizes, channels, rest)
        .prop_map(|(size, (groups, inputs, outputs), (pads, beside, relu, seed))| {
            let inputs = if groups == 1 { inputs } else { inputs.min(9) };
            Case { size, pads, groups, inputs, outputs, beside, relu, seed }
        })
        .prop_filter("a window fits", |case| {
            let [top, left, bottom, right] = case.pads.map(usize::from);
            case.size.0 + top + bottom >= 3 && case.size.1 + left + right >= 3
        })
}

fn values(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

struct Layer {
    case: Case,
    conv: Conv,
    step: Step,
    input: Vec<f32>,
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Layer {
    fn new(case: &Case) -> Self {
        let [top, left, bottom, right] = case.pads;
        let window =
            Window { kernel: (3, 3), stride: (1, 1), pad_start: (top, left), pad_end: (bottom, right) };
        let clamp = if case.relu { Clamp::RELU } else { Clamp { lo: f32::NEG_INFINITY, hi: 0.5 } };
        let conv = Conv { window, groups: case.groups as u32, clamp, weight_offset: 0, bias: 0, pool: None };
        let view = |channels: usize| View {
            buffer: 0,
            channel: case.beside.0 as u32,
            channels: (channels * case.groups) as u32,
        };
        let step = Step { op: Op::Conv(conv), input: view(case.inputs), output: view(case.outputs) };
        let stride = case.beside.0 + case.inputs * case.groups + case.beside.1;
        let outputs = case.outputs * case.groups;
        Self {
            case: case.clone(),
            conv,
            step,
            input: values(case.seed, case.size.0 * case.size.1 * stride),
            weights: values(case.seed ^ 0x55, outputs * 9 * case.inputs),
            biases: values(case.seed ^ 0xaa, outputs),
        }
    }

    fn out_size(&self) -> (usize, usize) {
        let (height, width) = self.conv.window.outputs(self.case.size.0 as u32, self.case.size.1 as u32);
        (height as usize, width as usize)
    }

    /// Values from one output pixel to the next.
    fn stride(&self) -> usize {
        self.case.beside.0 + self.case.outputs * self.case.groups + self.case.beside.1
    }

    fn view(&self) -> Input<'_> {
        let (height, width) = self.case.size;
        let channels = self.case.inputs * self.case.groups;
        let (channel, stride) = (self.case.beside.0, self.case.beside.0 + channels + self.case.beside.1);
        Input { data: &self.input, height, width, stride, channel, channels }
    }

    /// The output by its definition, and the largest sum of its products' magnitudes.
    fn expected(&self) -> (Vec<f64>, f64) {
        let (case, input, (height, width)) = (&self.case, self.view(), self.out_size());
        let (mut out, mut scale) = (std::vec![f64::from(BESIDE); height * width * self.stride()], 0f64);
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            for output in 0..case.outputs * case.groups {
                let (mut sum, mut magnitude) = (f64::from(self.biases[output]), 0.0);
                for (tap, channel) in
                    (0..9).flat_map(|tap| (0..case.inputs).map(move |channel| (tap, channel)))
                {
                    let y = (row + tap / 3).wrapping_sub(case.pads[0].into());
                    let x = (column + tap % 3).wrapping_sub(case.pads[1].into());
                    if y < input.height && x < input.width {
                        let from = input.at(y, x) + output / case.outputs * case.inputs + channel;
                        let weight = self.weights[(output * 9 + tap) * case.inputs + channel];
                        let product = f64::from(self.input[from]) * f64::from(weight);
                        (sum, magnitude) = (sum + product, magnitude + product.abs());
                    }
                }
                let sum = sum.clamp(self.conv.clamp.lo.into(), self.conv.clamp.hi.into());
                out[(row * width + column) * self.stride() + case.beside.0 + output] = sum;
                scale = scale.max(magnitude);
            }
        }
        (out, scale.max(1.0))
    }

    /// The output in bands of so many rows.
    fn run(&self, winograd: &Winograd, band: usize) -> Vec<f32> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (weights, biases) = (bytes(&self.weights), bytes(&self.biases));
        let mut packed = std::vec![f32::NAN; prepared_floats(&self.conv, &self.step, winograd).unwrap()];
        prepare(&self.conv, &self.step, &weights, &biases, winograd, &mut packed);
        let ((height, width), stride) = (self.out_size(), self.stride());
        let channels = self.case.inputs * self.case.groups;
        let words = scratch_words(&self.conv, channels, (band.min(height), width), winograd).unwrap();
        let mut scratch = std::vec![f32::NAN; words];
        let mut out = std::vec![BESIDE; height * width * stride];
        let outputs = self.case.outputs * self.case.groups;
        let job = Job { conv: &self.conv, input: self.view(), width, outputs, packed: &packed, winograd };
        for first in (0..height).step_by(band) {
            let (rows, out) = (first..height.min(first + band), &mut out[first * width * stride..]);
            job.rows(rows, &mut scratch, out, stride, self.case.beside.0);
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 150 }))]

    #[test]
    fn tiles_give_what_the_definition_gives(case in cases()) {
        let layer = Layer::new(&case);
        let (expected, scale) = layer.expected();
        for kernels in Isa::ALL.iter().filter_map(|&isa| Kernels::of(isa)) {
            for winograd in [&kernels.winograd2, &kernels.winograd4] {
                let found = layer.run(winograd, usize::MAX - 3);
                for (found, expected) in found.iter().zip(&expected) {
                    let off = (f64::from(*found) - expected).abs() / scale;
                    prop_assert!(off <= TOLERANCE, "{}: {found} for {expected}, off by {off:e}", winograd.name);
                }
                prop_assert_eq!(layer.run(winograd, 4), found, "{} in bands", winograd.name);
            }
        }
    }
}

#[test]
fn a_nan_is_seen_at_the_output() {
    let case = Case {
        size: (6, 6),
        pads: [1; 4],
        groups: 1,
        inputs: 8,
        outputs: 16,
        beside: (0, 0),
        relu: true,
        seed: 1,
    };
    let mut layer = Layer::new(&case);
    layer.input[0] = f32::NAN;
    for kernels in Isa::ALL.iter().filter_map(|&isa| Kernels::of(isa)) {
        for winograd in [&kernels.winograd2, &kernels.winograd4] {
            assert!(layer.run(winograd, 8)[0].is_nan(), "{}", winograd.name);
        }
    }
}
