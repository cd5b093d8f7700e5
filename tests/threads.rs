//! More threads: the same bits, no thread left behind.

mod common;

use common::integers::random_net;
use common::{Net, Random, isas, window};
use std::path::Path;
use std::thread;
use wisp::format::{Clamp, Grid, Op, View};
use wisp::{AlignedBytes, Engine, Isa, MAX_THREADS, Model, Options, Pool, PrepareError, Session};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The bytes of every buffer that the last step leaves, and the scores.
fn run(file: &[u8], isa: Isa, threads: usize, input: &[f32]) -> (Vec<u32>, Vec<u8>) {
    let options = Options::default().with_isa(isa).with_threads(threads);
    let mut engine = Engine::from_bytes(file, &options).unwrap();
    assert_eq!((engine.threads(), engine.requirements().threads), (threads, threads));
    let first = bits(engine.run(input).unwrap());
    let again = bits(engine.run(input).unwrap());
    assert_eq!(first, again, "{isa}, {threads} threads");
    let model = engine.model();
    let last = model.steps().len() as u32 - 1;
    let buffers = model.buffers().enumerate().filter(|(_, buffer)| buffer.last_step == last);
    let left = buffers.flat_map(|(index, _)| engine.buffer(index as u32).unwrap().to_vec()).collect();
    (first, left)
}

fn check(file: &[u8], isa: Isa) {
    let values = Model::from_bytes(file).unwrap().input().values().unwrap();
    let input: Vec<f32> = Random(3).values(values as usize).iter().map(|value| value * 2.0).collect();
    let alone = run(file, isa, 1, &input);
    // Without optimisation a run takes seconds.
    let counts: &[usize] = if cfg!(debug_assertions) { &[3] } else { &[2, 3, 4, MAX_THREADS] };
    for &threads in counts {
        assert!(run(file, isa, threads, &input) == alone, "{isa}: {threads} threads give other bits");
    }
}

#[test]
fn the_shipped_models_give_the_same_bits() {
    for name in ["squeezenet1.1.wisp", "squeezenet1.1-int8.wisp"] {
        let file = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)).unwrap();
        // Plain Rust takes seconds; small models are tried on it below.
        check(&file, Isa::detect());
    }
}

/// Layers that are worth a share of the work, of odd sizes: a concat, fewer rows than threads, one pixel.
fn large() -> Net {
    let mut net = Net::new(37, 41, 5, 11);
    let (first, wide) = (net.buffer(37, 41, 24), net.buffer(19, 21, 61));
    let (pooled, flat) = (net.buffer(2, 21, 61), net.buffer(2, 21, 40));
    let (dense, fused) = (net.buffer(1, 1, 515), net.buffer(1, 1, 515));
    let output = net.buffer(1, 1, 515);
    let conv = |net: &mut Net, window, from, to: View| {
        let conv = net.conv(window, 1, Clamp::RELU, from, to);
        net.step(Op::Conv(conv), from, to);
    };
    let whole = |net: &Net, buffer| net.whole(buffer);
    let (from, to) = (whole(&net, 0), whole(&net, first));
    conv(&mut net, window(3, 1, 1), from, to);
    let from = to;
    for (channel, channels) in [(0, 30), (31, 30), (30, 1)] {
        conv(&mut net, window(3, 2, 1), from, View { buffer: wide, channel, channels });
    }
    let tall = wisp::format::Window { kernel: (10, 1), stride: (9, 1), ..window(1, 1, 0) };
    net.step(Op::MaxPool(tall), net.whole(wide), net.whole(pooled));
    let (from, to) = (whole(&net, pooled), whole(&net, flat));
    conv(&mut net, window(1, 1, 0), from, to);
    let (from, to) = (to, whole(&net, dense));
    let all = wisp::format::Window { kernel: (2, 21), ..window(1, 1, 0) };
    conv(&mut net, all, from, to);
    let (from, to) = (whole(&net, first), whole(&net, fused));
    let average = net.conv(window(1, 1, 0), 1, Clamp::RELU, from, to);
    net.step(Op::ConvGlobalAverage(average), from, to);
    let add = Op::Add { second: net.whole(fused), clamp: Clamp::NONE };
    net.step(add, net.whole(dense), net.whole(output));
    net
}

/// The same in integers, with a max-pool in a convolution.
fn large_int8() -> Net {
    let mut net = Net::new(37, 41, 5, 12);
    let grid = Grid { zero: 30, lo: 30, hi: 250 };
    let input = net.quantized(1.0 / 60.0, 120);
    let (first, wide) = (net.bytes_buffer(18, 20, 70), net.bytes_buffer(18, 20, 61));
    let (dense, fused, output) = (net.buffer(1, 1, 515), net.buffer(1, 1, 515), net.buffer(1, 1, 515));
    let (from, to) = (net.whole(input), net.whole(first));
    let mut conv = net.qconv(window(3, 1, 1), 1, from, to, grid);
    conv.pool = Some(window(3, 2, 0));
    net.step(Op::QConv(conv), from, to);
    for (channel, channels) in [(0, 30), (31, 30), (30, 1)] {
        let (from, to) = (to, View { buffer: wide, channel, channels });
        let mut conv = net.qconv(window(3, 1, 1), 1, from, to, grid);
        conv.table = (channel == 31).then(|| net.table());
        net.step(Op::QConv(conv), from, to);
    }
    let (from, to) = (net.whole(wide), net.whole(dense));
    let all = wisp::format::Window { kernel: (18, 20), ..window(1, 1, 0) };
    let conv = net.qconv(all, 1, from, to, Grid::default());
    net.step(Op::QConv(conv), from, to);
    let (from, to) = (net.whole(first), net.whole(fused));
    let average = net.qconv(window(1, 1, 0), 1, from, to, Grid::default());
    net.step(Op::QConvGlobalAverage { conv: average, relu: true }, from, to);
    let add = Op::Add { second: net.whole(fused), clamp: Clamp::NONE };
    net.step(add, net.whole(dense), net.whole(output));
    net
}

#[test]
fn odd_shapes_give_the_same_bits() {
    for isa in isas() {
        for net in [large(), large_int8()] {
            check(&net.bytes(), isa);
        }
        (0..20).for_each(|seed| check(&random_net(seed).bytes(), isa));
    }
}

#[test]
fn a_session_takes_a_pool_or_runs_alone() {
    let file = large().bytes();
    let model = Model::from_bytes(&file).unwrap();
    let options = Options::default().with_threads(3);
    let (one, three) =
        (model.requirements(&Options::default()).unwrap(), model.requirements(&options).unwrap());
    assert!(three.arena_bytes > one.arena_bytes, "each thread has scratch of its own");
    let mut weights = AlignedBytes::zeroed(three.prepared_bytes).unwrap();
    let mut arena = AlignedBytes::zeroed(three.arena_bytes).unwrap();
    let prepared = model.prepare(&options, weights.as_mut_slice()).unwrap();
    let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
    session.input_mut().fill(0.5);
    let alone = session.run().unwrap().to_vec();
    // A pool may have more threads than the arena serves, or fewer.
    for threads in 1..6 {
        let mut pool = Pool::new(threads);
        let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap().with_pool(&mut pool);
        session.input_mut().fill(0.5);
        assert_eq!(bits(session.run().unwrap()), bits(&alone), "{threads} threads");
    }
}

#[test]
fn refuses_a_number_of_threads_out_of_range() {
    let file = common::tiny();
    for threads in [0, MAX_THREADS + 1, usize::MAX] {
        let options = Options::default().with_threads(threads);
        let refused = Model::from_bytes(&file).unwrap().requirements(&options).unwrap_err();
        assert_eq!(refused, PrepareError::Threads(threads));
        assert_eq!(refused.to_string(), format!("the number of threads must be 1 to 16, not {threads}"));
        let prepared = Model::from_bytes(&file).unwrap().prepare(&options, &mut []).map(|_| ());
        assert_eq!(prepared, Err(PrepareError::Threads(threads)));
        assert!(Engine::from_bytes(&file, &options).is_err());
    }
}

#[test]
fn engines_with_pools_run_side_by_side() {
    let file = large().bytes();
    let input = Random(5).values(37 * 41 * 5);
    let alone = run(&file, Isa::detect(), 1, &input).0;
    thread::scope(|scope| {
        for threads in [2, 3] {
            let (file, input, alone) = (&file, &input, &alone);
            scope.spawn(move || {
                let mut engine = Engine::from_bytes(file, &Options::default().with_threads(threads)).unwrap();
                for _ in 0..100 {
                    assert!(bits(engine.run(input).unwrap()) == *alone, "{threads} threads give other bits");
                }
            });
        }
    });
}

#[test]
fn an_engine_moves_between_threads() {
    let file = large().bytes();
    let input = Random(5).values(37 * 41 * 5);
    let mut engine = Engine::from_bytes(&file, &Options::default().with_threads(2)).unwrap();
    let here = engine.run(&input).unwrap().to_vec();
    for _ in 0..10 {
        let there =
            thread::scope(|scope| scope.spawn(|| engine.run(&input).unwrap().to_vec()).join()).unwrap();
        assert_eq!(bits(&there), bits(&here));
    }
}
