//! The choice between memory and time, and what it may change: `f32` results within a tolerance, nothing else.

mod common;

use common::{Net, Random, difference, isas, run_as, windows};
use proptest::prelude::*;
use wisp::format::{Clamp, Conv, Op, Window};
use wisp::{Algorithm, Engine, Isa, Model, Optimize, Options, PrepareError, Requirements};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/squeezenet1.1.wisp");

fn size(isa: Isa) -> Options {
    Options::default().with_isa(isa).with_optimize(Optimize::Size)
}

/// Speed, whatever it takes.
fn speed(isa: Isa) -> Options {
    Options::default().with_isa(isa).with_memory_budget(1 << 30)
}

fn bytes(need: &Requirements) -> usize {
    need.prepared_bytes + need.arena_bytes
}

fn algorithms(model: &Model<'_>, options: &Options) -> Vec<Algorithm> {
    let need = model.requirements(options).unwrap();
    model.steps().map(|step| model.algorithm(&step, &need)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 30 } else { 150 }))]

    /// A max-pool that is part of a convolution gives what it gives behind one, to the bit, whichever algorithm
    /// computes the convolution.
    #[test]
    fn convolution_with_max_pool(
        height in 5u32..24, width in 5u32..24, tiles: bool, w in windows(4, 1), pool in windows(4, 0), ceil: bool,
        inputs in 1u32..12, outputs in 1u32..20, seed: u64,
    ) {
        let three = Window { kernel: (3, 3), stride: (1, 1), pad_start: (1, 0), pad_end: (0, 1) };
        let w = if tiles { three } else { w };
        let (rows, columns) = w.outputs(height, width);
        prop_assume!(rows > 0 && columns > 0);
        let (mut down, mut across) = pool.outputs(rows, columns);
        prop_assume!(down > 0 && across > 0);
        if ceil {
            down += u32::from(down * u32::from(pool.stride.0) < rows + u32::from(pool.pad_start.0));
            across += u32::from(across * u32::from(pool.stride.1) < columns + u32::from(pool.pad_start.1));
        }
        let file = |fused: bool| {
            let mut net = Net::new(height, width, inputs, seed);
            let map = if fused { 0 } else { net.buffer(rows, columns, outputs) };
            let to = net.buffer(down, across, outputs);
            let (from, pooled) = (net.whole(0), net.whole(to));
            let view = wisp::format::View { channels: outputs, ..pooled };
            let conv = net.conv(w, 1, Clamp::RELU, from, view);
            if fused {
                net.step(Op::Conv(Conv { pool: Some(pool), ..conv }), from, pooled);
            } else {
                net.step(Op::Conv(conv), from, net.whole(map));
                net.step(Op::MaxPool(pool), net.whole(map), pooled);
            }
            net.bytes()
        };
        let (fused, apart) = (file(true), file(false));
        let input = Random(seed ^ 1).values((height * width * inputs) as usize);
        for isa in isas() {
            for options in [size(isa), speed(isa)] {
                let models = [&fused, &apart].map(|file| Model::from_bytes(file).unwrap());
                prop_assert_eq!(algorithms(&models[0], &options)[0], algorithms(&models[1], &options)[0]);
                let expected = run_as(&apart, &options, &input);
                prop_assert_eq!(run_as(&fused, &options, &input), expected, "{}", isa);
            }
        }
    }
}

#[test]
fn less_memory_gives_the_same_answers() {
    let isa = Isa::detect();
    let mut engines = [size(isa), speed(isa)].map(|options| Engine::from_file(MODEL, &options).unwrap());
    let input = Random(3).values(224 * 224 * 3);
    let [small, fast] = engines.each_mut().map(|engine| {
        engine.run(&input).unwrap();
        engine.logits().unwrap().to_vec()
    });
    let off = difference(&fast, &small.iter().map(|&logit| logit.into()).collect::<Vec<f64>>());
    assert!(off > 0.0 && off < 1e-4, "off by {off}");
}

#[test]
fn a_budget_is_spent_and_never_exceeded() {
    let file = std::fs::read(MODEL).unwrap();
    let model = Model::from_bytes(&file).unwrap();
    let isa = Isa::detect();
    let least = bytes(&model.requirements(&size(isa)).unwrap());
    let most = bytes(&model.requirements(&speed(isa)).unwrap());
    assert!(least < most);
    assert!(algorithms(&model, &size(isa)).iter().all(|algorithm| *algorithm == Algorithm::Direct));
    let within =
        |budget: usize| model.requirements(&Options::default().with_isa(isa).with_memory_budget(budget));
    let mut before = 0;
    for budget in (least..most + (1 << 19)).step_by(1 << 19).chain([most]) {
        let need = bytes(&within(budget).unwrap());
        assert!(need <= budget, "{need} bytes of {budget}");
        before = before.max(need);
    }
    assert_eq!(before, most);
    assert_eq!(bytes(&within(least).unwrap()), least);
    assert_eq!(within(least - 1), Err(PrepareError::OverBudget { needed: least, given: least - 1 }));
    assert_eq!(
        model.requirements(&size(isa).with_memory_budget(least - 1)),
        Err(PrepareError::OverBudget { needed: least, given: least - 1 })
    );
}

#[test]
fn what_saves_most_time_for_its_memory_comes_first() {
    let file = std::fs::read(MODEL).unwrap();
    let model = Model::from_bytes(&file).unwrap();
    let isa = Isa::detect();
    // The first expansions have few weights and large maps.
    let least = bytes(&model.requirements(&size(isa)).unwrap());
    let options = Options::default().with_isa(isa).with_memory_budget(least + (1 << 20));
    let chosen = algorithms(&model, &options);
    let of = |name: &str| {
        let index =
            (0..chosen.len()).find(|&index| model.step_name(index).is_some_and(|step| step.contains(name)));
        chosen[index.unwrap()]
    };
    assert_eq!(of("fire2/expand3x3"), Algorithm::Winograd4);
    assert_eq!(of("fire9/expand3x3"), Algorithm::Direct);
    assert_eq!(of("fire9/squeeze1x1"), Algorithm::Direct);
}
