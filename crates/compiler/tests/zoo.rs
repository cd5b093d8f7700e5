//! Every network of the zoo, compiled and run, against tract on the same file and input.
//!
//! Small inputs here, so that it takes seconds; full size is a campaign of its own (`.ci/long zoo`, which
//! runs the ignored tests).

mod common;

use common::{noise, options};
use std::time::Instant;
use wisp::Engine;
use wisp_compiler::{Compiled, Reference, compile_bytes};

/// The smallest input at which no map of the network is empty, or a little more.
const SMALL: &[(&str, u32)] = &[
    ("alexnet", 67),
    ("alexnet-2048", 67),
    ("vgg16", 32),
    ("vgg19", 32),
    ("resnet18", 48),
    ("resnet34", 33),
    ("resnet50", 33),
    ("resnet101", 33),
    ("resnet152", 33),
    ("plain20", 16),
    ("plain56", 8),
    ("resnet20", 16),
    ("resnet56", 8),
    ("squeezenet1.0", 57),
    ("squeezenet1.0-simple-bypass", 57),
    ("squeezenet1.0-complex-bypass", 57),
    ("squeezenet1.1", 55),
];

/// Compiles a network up to its logits, since a softmax hides differences.
fn compile(name: &str, size: Option<u32>) -> (Vec<u8>, Compiled) {
    let onnx = wisp_zoo::build(name, size).expect("the network is built").without_softmax().to_onnx();
    let compiled = compile_bytes(&onnx, &options()).unwrap_or_else(|error| panic!("{name}: {error}"));
    (onnx, compiled)
}

fn engine(compiled: Compiled) -> Engine {
    Engine::from_vec(compiled.bytes, &wisp::Options::default()).expect("the engine loads")
}

/// The largest difference between native and tract, as a share of the range of tract's logits.
fn difference(name: &str, size: Option<u32>) -> f32 {
    let (onnx, compiled) = compile(name, size);
    let mut engine = engine(compiled);
    let mut reference = Reference::from_bytes(&onnx, &options()).expect("tract loads it");
    drop(onnx);
    let [h, w, c] = reference.input();
    let spread = if size.unwrap_or(224) < 64 { 64.0 } else { 128.0 };
    let input: Vec<f32> = noise(5, h * w * c).iter().map(|value| value * spread).collect();
    let expected = reference.run(&input).expect("tract runs it").scores;
    let found = engine.run(&input).expect("the engine runs it");
    assert_eq!(found.len(), expected.len());
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    assert!(low.is_finite() && high > low, "{name}: tract's logits are in {low}..{high}");
    let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    largest / (high - low)
}

#[test]
fn small_sizes_are_as_in_tract() {
    for &(name, size) in SMALL {
        let difference = difference(name, Some(size));
        assert!(difference <= 1e-3, "{name} at {size}: {difference:e} of the logits' range");
    }
}

#[test]
fn no_network_is_forgotten() {
    let names = wisp_zoo::list().iter().map(|entry| entry.name);
    let rest: Vec<&str> = names.filter(|name| SMALL.iter().all(|(small, _)| small != name)).collect();
    // tract takes minutes to load that one: `.ci/long zoo`.
    assert_eq!(rest, ["resnet1202"]);
}

#[test]
fn depth_costs_no_memory() {
    let arena = |name| {
        let (_, compiled) = compile(name, None);
        let mut engine = engine(compiled);
        let input = vec![0.5; engine.model().input().values().unwrap_or(0) as usize];
        assert!(engine.run(&input).expect("it runs").iter().all(|logit| logit.is_finite()));
        engine.requirements().arena_bytes
    };
    let shallow = arena("resnet56");
    assert_eq!(arena("resnet1202"), shallow);
}

/// Prints a line a network; `.ci/long zoo` puts them into the table of docs/.
#[test]
#[ignore = "minutes and gigabytes: .ci/long zoo"]
fn full_sizes_are_as_in_tract() {
    let wanted = std::env::var("WISP_ZOO").ok();
    for entry in wisp_zoo::list() {
        if wanted.as_deref().is_some_and(|wanted| wanted != entry.name) {
            continue;
        }
        let start = Instant::now();
        let difference = difference(entry.name, None);
        println!(
            "{} {} {difference:.1e} {:.1}",
            entry.name,
            entry.default_size,
            start.elapsed().as_secs_f32()
        );
        assert!(difference <= 1e-3, "{}: {difference:e} of the logits' range", entry.name);
    }
}
