//! Integer steps give the same bits everywhere: those of an oracle that shares no code with the runtime,
//! and those that are written down here for every instruction set, build profile and platform.

mod common;

use common::integers::{exact, narrowed, random_net, tiny_int8, whole_grid};
use common::{Net, Random, isas, run, windows};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use wisp::Model;
use wisp::format::{Grid, Op, QConv, View};

fn input(net: &Net, seed: u64) -> Vec<f32> {
    Random(seed).values(net.buffers[0].values().unwrap() as usize)
}

/// The model's output for each instruction set is the oracle's, bit for bit.
fn check(net: &Net, seed: u64) {
    let (file, input) = (net.bytes(), input(net, seed));
    Model::from_bytes(&file).unwrap();
    let output = net.steps.last().unwrap().output.buffer;
    let expected = &exact(net, &input)[output as usize];
    for isa in isas() {
        let found = run(&file, isa, &input);
        assert_eq!(found.len(), expected.len());
        for (at, (a, b)) in found.iter().zip(expected).enumerate() {
            assert_eq!(a.to_bits(), b.to_bits(), "{isa}: value {at} is {a} and not {b}");
        }
    }
}

fn grids() -> impl Strategy<Value = Grid> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(zero, a, b, whole)| {
        if whole { whole_grid(zero) } else { Grid { zero, lo: a.min(b), hi: a.max(b) } }
    })
}

/// Factors between the least and the largest that a file may hold, most of them near 1.
fn factors() -> impl Strategy<Value = f32> {
    prop_oneof![8 => 0.01f32..4.0, 1 => Just(2f32.powi(-32)), 1 => Just(256.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 40 } else { 200 }))]

    /// Convolutions of any geometry, between any channels of wider buffers; what stands beside is kept.
    #[test]
    fn convolutions(
        height in 5u32..14, width in 5u32..14, w in windows(5, 1),
        groups in 1u32..4, inputs in 1u32..9, outputs in 1u32..20,
        left in 0u32..4, right in 0u32..4, grid in grids(), table: bool, to_floats: bool, seed: u64,
    ) {
        let mut net = Net::new(height, width, left + inputs * groups + right, seed);
        let from = net.quantized(0.0078, seed as u8);
        let (rows, columns) = w.outputs(height, width);
        let channels = left + outputs * groups + right;
        let wide =
            if to_floats { net.buffer(rows, columns, channels) } else { net.bytes_buffer(rows, columns, channels) };
        let grid = if to_floats { Grid::default() } else { grid };
        let input = View { buffer: from, channel: left, channels: inputs * groups };
        // The neighbours are written first: a store that reaches too far destroys them.
        for (channel, channels) in [(0, left), (left + outputs * groups, right)] {
            if channels > 0 {
                let view = View { buffer: wide, channel, channels };
                let conv = net.qconv(w, 1, net.whole(from), view, grid);
                net.step(Op::QConv(conv), net.whole(from), view);
            }
        }
        let output = View { buffer: wide, channel: left, channels: outputs * groups };
        let mut conv = net.qconv(w, groups, input, output, grid);
        conv.table = (table && !to_floats).then(|| net.table());
        net.step(Op::QConv(conv), input, output);
        if !to_floats {
            net.shown(wide);
        }
        check(&net, seed ^ 1);
    }

    #[test]
    fn convolution_with_global_average(
        height in 5u32..14, width in 5u32..14, w in windows(5, 1), inputs in 1u32..20, outputs in 1u32..40,
        relu: bool, seed: u64,
    ) {
        let mut net = Net::new(height, width, inputs, seed);
        let from = net.quantized(0.0078, seed as u8);
        let output = net.buffer(1, 1, outputs);
        let conv = net.qconv(w, 1, net.whole(from), net.whole(output), Grid::default());
        net.step(Op::QConvGlobalAverage { conv, relu }, net.whole(from), net.whole(output));
        check(&net, seed ^ 1);
    }

    /// A max-pool that is part of a convolution gives what it gives behind one.
    #[test]
    fn convolution_with_max_pool(
        height in 5u32..20, width in 5u32..20, w in windows(4, 1), pool in windows(4, 0), groups in 1u32..3,
        inputs in 1u32..9, outputs in 1u32..20, ceil: bool, grid in grids(), seed: u64,
    ) {
        let (rows, columns) = w.outputs(height, width);
        let (mut down, mut across) = pool.outputs(rows, columns);
        prop_assume!(down > 0 && across > 0);
        if ceil {
            down += u32::from(down * u32::from(pool.stride.0) < rows + u32::from(pool.pad_start.0));
            across += u32::from(across * u32::from(pool.stride.1) < columns + u32::from(pool.pad_start.1));
        }
        let net = |joined: bool| {
            let mut net = Net::new(height, width, inputs * groups, seed);
            let from = net.quantized(0.0078, seed as u8);
            let to = net.bytes_buffer(down, across, outputs * groups);
            let map = net.bytes_buffer(rows, columns, outputs * groups);
            let pooled = net.whole(to);
            let conv = net.qconv(w, groups, net.whole(from), net.whole(map), grid);
            if joined {
                let conv = QConv { pool: Some(pool), ..conv };
                net.step(Op::QConv(conv), net.whole(from), pooled);
            } else {
                net.step(Op::QConv(conv), net.whole(from), net.whole(map));
                net.step(Op::MaxPool(pool), net.whole(map), pooled);
            }
            net.shown(to);
            net
        };
        let (two, one) = (net(false), net(true));
        check(&two, seed ^ 1);
        let input = input(&two, seed ^ 1);
        for isa in isas() {
            let (found, expected) = (run(&one.bytes(), isa, &input), run(&two.bytes(), isa, &input));
            prop_assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{isa}");
        }
    }

    /// Bytes may take the place of the floats that they are made of.
    #[test]
    fn quantise_in_place(height in 1u32..20, width in 1u32..20, channels in 1u32..9, zero: u8, seed: u64) {
        let mut net = Net::new(height, width, channels, seed);
        let bytes = net.quantized(0.0078, zero);
        net.shown(bytes);
        let (apart, input) = (net.bytes(), input(&net, seed));
        net.buffers[bytes as usize].offset = net.buffers[0].offset;
        for isa in isas() {
            prop_assert_eq!(run(&net.bytes(), isa, &input), run(&apart, isa, &input));
        }
    }

    /// Pools between some channels of wider buffers.
    #[test]
    fn pools(
        height in 5u32..14, width in 5u32..14, w in windows(5, 0), channels in 1u32..40, left in 0u32..3,
        kind in 0..3, ceil: bool, zero: u8, factor in factors(), grid in grids(), seed: u64,
    ) {
        let mut net = Net::new(height, width, left + channels, seed);
        let from = net.quantized(0.0078, zero);
        let (mut rows, mut columns) = w.outputs(height, width);
        if ceil {
            // One window more where it still begins inside the image or the pad before it.
            rows += u32::from(rows * u32::from(w.stride.0) < height + u32::from(w.pad_start.0));
            columns += u32::from(columns * u32::from(w.stride.1) < width + u32::from(w.pad_start.1));
        }
        let to = net.bytes_buffer(rows, columns, left + channels);
        let average =
            |include_pad| Op::QAveragePool { window: w, include_pad, input_zero: zero, factor, output: grid };
        let op = match kind {
            0 => Op::MaxPool(w),
            _ => average(kind == 1),
        };
        let view = |buffer, channel, channels| View { buffer, channel, channels };
        if left > 0 {
            net.step(average(false), view(from, 0, left), view(to, channels, left));
        }
        net.step(op, view(from, left, channels), view(to, 0, channels));
        net.shown(to);
        check(&net, seed ^ 1);
    }

    /// Steps that take each value by itself, in the middle of buffers or over all of them.
    #[test]
    fn values_one_by_one(
        height in 1u32..5, width in 1u32..5, channels in 1u32..40, left in 0u32..3, kind in 0..4,
        scale in 0.001f32..0.1, zeros: [u8; 2], factors in [factors(), factors()], grid in grids(), seed: u64,
    ) {
        let mut net = Net::new(height, width, left + channels, seed);
        let from = net.quantized(scale, zeros[0]);
        let view = |buffer, channel, channels| View { buffer, channel, channels };
        let to = match kind {
            0 => net.buffer(height, width, left + channels),
            _ => net.bytes_buffer(height, width, left + channels),
        };
        let second = view(from, 0, channels);
        let op = match kind {
            0 => Op::Dequantize { scale, zero: zeros[1] },
            1 => Op::QAdd { second, zeros, factors, output: grid },
            2 => Op::Lookup { table: net.table() },
            _ => Op::Copy,
        };
        net.step(op, view(from, left, channels), view(to, left, channels));
        if left > 0 {
            let op = if kind == 0 { Op::Dequantize { scale: 1.0, zero: 0 } } else { Op::Copy };
            net.step(op, view(from, 0, left), view(to, 0, left));
        }
        if kind > 0 {
            net.shown(to);
        }
        check(&net, seed ^ 1);
    }

    #[test]
    fn networks(seed: u64) {
        check(&random_net(seed), seed ^ 1);
    }

    #[test]
    fn networks_of_narrow_weights(seed: u64) {
        check(&narrowed(random_net(seed)), seed ^ 1);
    }
}

#[test]
fn a_network_of_every_operation() {
    check(&tiny_int8(), 7);
    check(&narrowed(tiny_int8()), 7);
}

#[test]
fn a_dense_layer_and_a_first_layer() {
    let grid = whole_grid(7);
    for (side, inputs, outputs, kernel, stride) in [(6, 37, 45, 6, 1), (35, 3, 16, 11, 4), (1, 300, 7, 1, 1)]
    {
        let mut net = Net::new(side, side, inputs, 3);
        let from = net.quantized(0.01, 128);
        let w = common::window(kernel, stride, 0);
        let (rows, columns) = w.outputs(side, side);
        let to = net.bytes_buffer(rows, columns, outputs);
        let conv = net.qconv(w, 1, net.whole(from), net.whole(to), grid);
        net.step(Op::QConv(conv), net.whole(from), net.whole(to));
        net.shown(to);
        check(&net, 5);
    }
}

/// The digest of the bytes of a model's output.
fn digest(nets: impl Iterator<Item = Net>, run: impl Fn(&[u8], &[f32]) -> Vec<f32>) -> String {
    let mut hash = Sha256::new();
    for net in nets {
        for value in run(&net.bytes(), &input(&net, 11)) {
            hash.update(value.to_le_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Written down once, on x86-64; what every other machine must give.
#[test]
fn outputs_are_these_on_every_machine() {
    for isa in isas() {
        let of = |nets: &mut dyn Iterator<Item = Net>| digest(nets, |file, input| run(file, isa, input));
        assert_eq!(
            of(&mut core::iter::once(tiny_int8())),
            "5a2f3290a460c24e73ef928aaebcb773f257313e1ffff1036c05b096356007f4",
            "{isa}"
        );
        assert_eq!(
            of(&mut (0..32).map(|seed| random_net(seed * 0x9e37_79b9))),
            "1706bc1ffe1be04c9cd12d8aef9a72332bd9428ff0df69628a7e6c6b459514ab",
            "{isa}"
        );
    }
}
