//! What a session computes, against an oracle in `f64` that follows each step's definition.

mod common;

use common::{Net, Random, difference, isas, oracle, run, tiny, window, windows};
use proptest::prelude::*;
use wisp::format::{Clamp, Lrn, Op, View, Window};
use wisp::{AlignedBytes, Model, Options, RunError, Session};

fn check(net: &Net, seed: u64) {
    let file = net.bytes();
    let model = Model::from_bytes(&file).unwrap();
    let input = Random(seed).values(model.input().values().unwrap() as usize);
    let expected = oracle(&model, &input);
    let output = model.steps().last().unwrap().output.buffer;
    for isa in isas() {
        let scores = run(&file, isa, &input);
        let worst = difference(&scores, &expected[output as usize]);
        assert!(worst < 1e-5, "{isa}: off by {worst}");
    }
}

fn out(size: u32, kernel: u16, stride: u16, start: u16, end: u16) -> u32 {
    (size + u32::from(start) + u32::from(end) - u32::from(kernel)) / u32::from(stride) + 1
}

fn out_size(height: u32, width: u32, w: &Window) -> (u32, u32) {
    (
        out(height, w.kernel.0, w.stride.0, w.pad_start.0, w.pad_end.0),
        out(width, w.kernel.1, w.stride.1, w.pad_start.1, w.pad_end.1),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 40 } else { 200 }))]

    /// Convolutions of any geometry, between any channels of wider buffers; what stands beside is kept.
    #[test]
    fn convolutions(
        height in 5u32..14, width in 5u32..14, w in windows(5, 1),
        groups in 1u32..4, inputs in 1u32..9, outputs in 1u32..20,
        left in 0u32..4, right in 0u32..4, relu: bool, seed: u64,
    ) {
        let mut net = Net::new(height, width, left + inputs * groups + right, seed);
        let (rows, columns) = out_size(height, width, &w);
        let wide = net.buffer(rows, columns, left + outputs * groups + right);
        let clamp = if relu { Clamp::RELU } else { Clamp { lo: -0.5, hi: 0.5 } };
        let input = View { buffer: 0, channel: left, channels: inputs * groups };
        // The neighbours are written first: a store that reaches too far destroys them.
        for (channel, channels) in [(0, left), (left + outputs * groups, right)] {
            if channels > 0 {
                let view = View { buffer: wide, channel, channels };
                let conv = net.conv(w, 1, Clamp::NONE, net.whole(0), view);
                net.step(Op::Conv(conv), net.whole(0), view);
            }
        }
        let output = View { buffer: wide, channel: left, channels: outputs * groups };
        let conv = net.conv(w, groups, clamp, input, output);
        net.step(Op::Conv(conv), input, output);
        check(&net, seed ^ 1);
    }

    #[test]
    fn convolution_with_global_average(
        height in 5u32..14, width in 5u32..14, w in windows(5, 1), inputs in 1u32..20, outputs in 1u32..40, seed: u64,
    ) {
        let mut net = Net::new(height, width, inputs, seed);
        let output = net.buffer(1, 1, outputs);
        let conv = net.conv(w, 1, Clamp::RELU, net.whole(0), net.whole(output));
        net.step(Op::ConvGlobalAverage(conv), net.whole(0), net.whole(output));
        check(&net, seed ^ 1);
    }

    #[test]
    fn pools(
        height in 5u32..14, width in 5u32..14, w in windows(5, 0), channels in 1u32..20,
        kind in 0..3, ceil: bool, seed: u64,
    ) {
        let mut net = Net::new(height, width, channels, seed);
        let (mut rows, mut columns) = out_size(height, width, &w);
        if ceil {
            // One window more where it still begins inside the image or the pad before it.
            rows += u32::from(rows * u32::from(w.stride.0) < height + u32::from(w.pad_start.0));
            columns += u32::from(columns * u32::from(w.stride.1) < width + u32::from(w.pad_start.1));
        }
        let output = net.buffer(rows, columns, channels);
        let op = match kind {
            0 => Op::MaxPool(w),
            _ => Op::AveragePool { window: w, include_pad: kind == 1 },
        };
        net.step(op, net.whole(0), net.whole(output));
        check(&net, seed ^ 1);
    }

    #[test]
    fn values_one_by_one(height in 1u32..5, width in 1u32..5, channels in 1u32..40, kind in 0..3, seed: u64) {
        let mut net = Net::new(height, width, channels + 2, seed);
        let output = net.buffer(height, width, channels);
        let op = match kind {
            0 => Op::Softmax,
            1 => Op::Copy,
            _ => Op::Clamp(Clamp { lo: -0.25, hi: 0.5 }),
        };
        net.step(op, View { buffer: 0, channel: 1, channels }, net.whole(output));
        check(&net, seed ^ 1);
    }
}

proptest! {
    #[test]
    fn sums_and_normalisation(
        height in 1u32..5, width in 1u32..5, channels in 1u32..20, size in 1u32..8, ends: bool,
        relu: bool, same: bool, seed: u64,
    ) {
        let mut net = Net::new(height, width, channels + 3, seed);
        let (hidden, output) = (net.buffer(height, width, channels), net.buffer(height, width, channels));
        let beta = if ends { 0.75 } else { 0.6 };
        let input = View { buffer: 0, channel: 2, channels };
        net.step(Op::Lrn(Lrn { size, alpha: 0.9, beta, bias: 1.5 }), input, net.whole(hidden));
        let clamp = if relu { Clamp::RELU } else { Clamp::NONE };
        let second = if same { net.whole(hidden) } else { View { buffer: 0, channel: 1, channels } };
        net.step(Op::Add { second, clamp }, net.whole(hidden), net.whole(output));
        check(&net, seed ^ 1);
    }
}

#[test]
fn a_whole_network() {
    let file = tiny();
    let model = Model::from_bytes(&file).unwrap();
    let input = Random(7).values(16 * 16 * 3);
    let expected = oracle(&model, &input);
    for isa in isas() {
        let scores = run(&file, isa, &input);
        assert!(difference(&scores, expected.last().unwrap()) < 1e-6, "{isa}");
    }
}

#[test]
fn large_windows_and_one_pixel() {
    // A dense layer is a convolution whose kernel is the whole image.
    let mut net = Net::new(6, 6, 5, 3);
    let (hidden, output) = (net.buffer(1, 1, 37), net.buffer(1, 1, 11));
    let conv = net.conv(window(6, 1, 0), 1, Clamp::RELU, net.whole(0), net.whole(hidden));
    net.step(Op::Conv(conv), net.whole(0), net.whole(hidden));
    let conv = net.conv(window(1, 1, 0), 1, Clamp::NONE, net.whole(hidden), net.whole(output));
    net.step(Op::Conv(conv), net.whole(hidden), net.whole(output));
    check(&net, 5);
    // AlexNet's first layer.
    let mut net = Net::new(35, 35, 3, 4);
    let output = net.buffer(8, 8, 7);
    let conv = net.conv(window(11, 4, 2), 1, Clamp::RELU, net.whole(0), net.whole(output));
    net.step(Op::Conv(conv), net.whole(0), net.whole(output));
    check(&net, 6);
}

#[test]
fn runs_again_and_refuses_without_input() {
    let file = tiny();
    let model = Model::from_bytes(&file).unwrap();
    let options = Options::default();
    let need = model.requirements(&options).unwrap();
    let mut weights = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
    let mut arena = AlignedBytes::zeroed(need.arena_bytes).unwrap();
    let prepared = model.prepare(&options, weights.as_mut_slice()).unwrap();
    let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
    assert_eq!(session.run(), Err(RunError::NoInput));
    let input = Random(7).values(16 * 16 * 3);
    session.input_mut().copy_from_slice(&input);
    let mut seen = vec![];
    let first = session.run_with(|step| seen.push(step)).unwrap().to_vec();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(session.scores(), Some(&first[..]));
    let logits = session.logits().unwrap();
    assert_eq!(logits.len(), 10);
    let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
    assert!((first[3] - logits[3].exp() / sum).abs() < 1e-6);
    assert_eq!(session.run(), Err(RunError::NoInput));
    session.input_mut().copy_from_slice(&input);
    assert_eq!(session.scores(), None);
    assert_eq!(session.run().unwrap(), &first[..], "the same bits for the same input");
}
