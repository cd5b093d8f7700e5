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

/// What a comparison found.
struct Comparison {
    /// The largest difference between native and tract, as a share of the range of tract's logits.
    difference: f32,
    compile_seconds: f32,
    arena_bytes: usize,
}

fn compare(name: &str, size: Option<u32>) -> Comparison {
    let start = Instant::now();
    let (onnx, compiled) = compile(name, size);
    let compile_seconds = start.elapsed().as_secs_f32();
    let mut engine = engine(compiled);
    let arena_bytes = engine.requirements().arena_bytes;
    let mut reference = Reference::from_bytes(&onnx, &options()).expect("tract loads it");
    drop(onnx);
    let [h, w, c] = reference.input();
    // About what pixels less their mean are.
    let input: Vec<f32> = noise(5, h * w * c).iter().map(|value| value * 100.0).collect();
    let expected = reference.run(&input).expect("tract runs it").scores;
    let found = engine.run(&input).expect("the engine runs it");
    assert_eq!(found.len(), expected.len());
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    assert!(low.is_finite() && high > low, "{name}: tract's logits are in {low}..{high}");
    let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    Comparison { difference: largest / (high - low), compile_seconds, arena_bytes }
}

#[test]
fn small_sizes_are_as_in_tract() {
    for &(name, size) in SMALL {
        let difference = compare(name, Some(size)).difference;
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

/// Prints a row a network for the table of docs/zoo.md; `WISP_ZOO` names one, else it is all of them.
#[test]
#[ignore = "minutes and gigabytes: .ci/long zoo"]
fn full_sizes_are_as_in_tract() {
    let wanted = std::env::var("WISP_ZOO").ok();
    for entry in wisp_zoo::list() {
        if wanted.as_deref().is_some_and(|wanted| wanted != entry.name) {
            continue;
        }
        let Comparison { difference, compile_seconds, arena_bytes } = compare(entry.name, None);
        let (name, size) = (entry.name, entry.default_size);
        println!("| {name} | {size} | {difference:.1e} | {arena_bytes} | {compile_seconds:.1} |");
        assert!(difference <= 1e-3, "{name}: {difference:e} of the logits' range");
    }
}

/// Prints the most memory that this process has had after VGG-19 is compiled and run.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "gigabytes, and the only test of its process: .ci/long zoo"]
fn vgg19_takes_less_than_3_5_gb() {
    let (onnx, compiled) = compile("vgg19", None);
    drop(onnx);
    let mut engine = engine(compiled);
    let input = vec![0.5; engine.model().input().values().unwrap_or(0) as usize];
    engine.run(&input).expect("it runs");
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let peak: u64 = peak.and_then(|kilobytes| kilobytes.parse().ok()).expect("a number of kilobytes");
    println!("{} MB", peak / 1000);
    assert!(peak < 3_500_000, "{peak} kB");
}
