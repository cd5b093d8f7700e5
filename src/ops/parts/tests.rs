//! Every operation that is cut, of any geometry, in any number of parts.

use super::*;
use crate::Isa;
use crate::format::{Clamp, Conv, Element, Grid, Lrn, QConv, View, Window};
use crate::ops::{offers, prepared_floats, scratch_bytes};
use proptest::prelude::*;
use std::vec::Vec;

/// Numbers in −1..1; as integers and bytes they are anything.
fn random(seed: &mut u64, count: usize) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn buffer(height: u32, width: u32, channels: u32, element: Element) -> Buffer {
    Buffer { height, width, channels, element, ..Buffer::default() }
}

fn floats(buffer: &Buffer) -> usize {
    (buffer.bytes().unwrap() as usize).div_ceil(4)
}

/// Every operation that is cut, with the types of its buffers; `single` makes the output one pixel.
fn operation(kind: usize, w: Window, whole: Window, groups: u32) -> (Op, Element, Element, Option<Window>) {
    use Element::{F32, U8};
    let grid = Grid { zero: 7, lo: 3, hi: 250 };
    let conv = |window| Conv { window, groups, clamp: Clamp::RELU, weight_offset: 0, bias: 0, pool: None };
    let qconv = |window, pool, output| QConv {
        window,
        groups,
        weight_offset: 0,
        coded: 0,
        parameters: 0,
        input_zero: 9,
        output,
        pool,
        table: None,
        narrow: false,
    };
    let none = Grid::default();
    let second = View::default();
    match kind {
        0 => (Op::Conv(conv(w)), F32, F32, Some(w)),
        1 => (Op::Conv(conv(whole)), F32, F32, Some(whole)),
        2 => (Op::ConvGlobalAverage(conv(w)), F32, F32, Some(whole)),
        3 => (Op::QConv(qconv(w, None, grid)), U8, U8, Some(w)),
        4 => (Op::QConv(qconv(whole, None, grid)), U8, U8, Some(whole)),
        5 => (Op::QConv(qconv(w, None, none)), U8, F32, Some(w)),
        6 => (Op::QConvGlobalAverage { conv: qconv(w, None, none), relu: true }, U8, F32, Some(whole)),
        7 => {
            (Op::QConv(qconv(Window { kernel: (1, 1), stride: (1, 1), ..w }, Some(w), grid)), U8, U8, Some(w))
        }
        8 => (Op::MaxPool(w), F32, F32, Some(w)),
        9 => (Op::MaxPool(w), U8, U8, Some(w)),
        10 => (Op::AveragePool { window: w, include_pad: true }, F32, F32, Some(w)),
        11 => {
            let op =
                Op::QAveragePool { window: w, include_pad: false, input_zero: 9, factor: 1.2, output: grid };
            (op, U8, U8, Some(w))
        }
        12 => (Op::Add { second, clamp: Clamp::NONE }, F32, F32, None),
        13 => (Op::QAdd { second, zeros: [3, 4], factors: [0.5, 0.75], output: grid }, U8, U8, None),
        14 => (Op::Lrn(Lrn { size: 3, alpha: 0.9, beta: 0.75, bias: 1.5 }), F32, F32, None),
        15 => (Op::Copy, U8, U8, None),
        16 => (Op::Clamp(Clamp::RELU), F32, F32, None),
        17 => (Op::Quantize { scale: 0.01, zero: 100 }, F32, U8, None),
        18 => (Op::Dequantize { scale: 0.5, zero: 7 }, U8, F32, None),
        _ => (Op::Lookup { table: 0 }, U8, U8, None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 1000 }))]

    /// A step in parts writes the very bytes that it writes as a whole, and leaves the neighbours alone.
    #[test]
    fn parts_are_the_whole(
        kind in 0..20usize, height in 1u32..12, width in 1u32..12, inputs in 1u32..7, outputs in 1u32..40,
        left in 0u32..4, right in 0u32..4, kernel in (1u16..4, 1u16..4), stride in (1u16..3, 1u16..3), pad: bool,
        grouped: bool, three: bool, threads in 1..6usize, mut seed: u64,
    ) {
        let pads = |kernel: u16| if pad { kernel - 1 } else { 0 };
        let (kernel, stride) = if three { ((3, 3), (1, 1)) } else { (kernel, stride) };
        let kernel = (kernel.0.min(height as u16), kernel.1.min(width as u16));
        let pad = (pads(kernel.0), pads(kernel.1));
        let w = Window { kernel, stride, pad_start: pad, pad_end: pad };
        let image = Window { kernel: (height as u16, width as u16), stride: (1, 1), ..Window::default() };
        let groups = if grouped { inputs } else { 1 };
        let (mut op, from, to, window) = operation(kind, w, image, groups);
        if let Op::QConv(QConv { window, pool: Some(_), .. }) = &mut op {
            (window.pad_start, window.pad_end) = ((0, 0), (0, 0));
        }
        let outputs = if op.layer().is_some() { outputs.next_multiple_of(groups) } else { inputs };
        let (rows, columns) = window.map_or((height, width), |window| window.outputs(height, width));
        let input = buffer(height, width, left + inputs + right, from);
        let output = buffer(rows, columns, right + outputs + left, to);
        let step = Step {
            op,
            input: View { buffer: 0, channel: left, channels: inputs },
            output: View { buffer: 1, channel: right, channels: outputs },
        };
        let algorithms = |isa| Algorithm::ALL.iter().map(move |&algorithm| (isa, algorithm));
        for (isa, algorithm) in Isa::ALL.iter().flat_map(algorithms) {
            let offered = |kernels: &&Kernels| offers(&step, algorithm, kernels);
            let Some(kernels) = Kernels::of(*isa).filter(offered) else { continue };
            if algorithm != Algorithm::Direct && !three {
                continue;
            }
            let data = random(&mut seed, floats(&input));
            let packed = random(&mut seed, prepared_floats(&step, algorithm, kernels).unwrap());
            let table = core::array::from_fn::<u8, 256, _>(|index| (index * 7) as u8);
            let before = random(&mut seed, floats(&output));
            let line = scratch_bytes(&step, &input, algorithm, kernels).unwrap().next_multiple_of(ALIGN);
            let compute = |count: usize| {
                let mut memory = crate::AlignedBytes::zeroed(line * count).unwrap();
                let scratch = crate::arena::floats(memory.as_mut_slice(), line * count).unwrap();
                let mut written = before.clone();
                let view = Input::new(&data, &input, &step.input);
                let means = Means { packed: &packed, table: &table, scratch, algorithm, kernels };
                let target = Target::new(&mut written, &output, &step.output);
                let cut = cut(&step, &output, algorithm, kernels);
                run_parts(&step, cut, count, [view, view], target, means, &mut Crew::Alone);
                written.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            let units = match cut(&step, &output, algorithm, kernels) {
                Cut::Nowhere => 1,
                Cut::Pixels(unit) => ((rows * columns) as usize).div_ceil(unit),
                Cut::Channels(unit) => (outputs as usize).div_ceil(unit),
            };
            prop_assert_eq!(compute(threads.min(units)), compute(1), "{} on {} {}", step.op.name(), isa, algorithm.name());
        }
    }
}
