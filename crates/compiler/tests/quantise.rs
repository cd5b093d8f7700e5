//! Post-training quantisation of whole networks: what the integers cost at the output, and what is refused.

mod common;

use common::{chain, noise, options};
use std::path::PathBuf;
use wisp::Engine;
use wisp::format::Element;
use wisp_compiler::{Calibration, Method, Options, Precision, Progress, Ranges, calibrate, compile};

/// An ONNX file of a network of the zoo, up to its logits, that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, size: Option<u32>) -> Self {
        let file = format!("wisp-quantise-{}-{name}-{}.onnx", std::process::id(), size.unwrap_or(0));
        let path = std::env::temp_dir().join(file);
        let network = wisp_zoo::build(name, size).expect("the network is built").without_softmax();
        std::fs::write(&path, network.to_onnx()).expect("the file is written");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Inputs that a seeded network can take for pictures: smooth, with colours of their own.
fn inputs(side: usize, seeds: std::ops::Range<u64>) -> Vec<Vec<f32>> {
    let picture = |seed| {
        let waves = noise(seed, 18);
        let value = |y: usize, x: usize, c: usize| {
            let wave = |k: usize| waves[(3 * c + k) % 18] * 6.0;
            let (y, x) = (y as f32 / side as f32, x as f32 / side as f32);
            110.0 * (wave(0) * y + wave(1) * x + wave(2)).sin() + 25.0 * (wave(4) * 7.0 * x * y).cos()
        };
        (0..side * side * 3).map(|at| value(at / 3 / side, at / 3 % side, at % 3)).collect()
    };
    seeds.map(picture).collect()
}

fn calibration(inputs: Vec<Vec<f32>>, method: Method) -> Calibration {
    Calibration { inputs, method, equalise: false, keep_f32: vec![] }
}

fn engine(file: &File, precision: Precision) -> Engine {
    let compiled = compile(&file.0, &Options { precision, ..options() });
    let compiled = compiled.unwrap_or_else(|error| panic!("{}", chain(&error)));
    Engine::from_vec(compiled.bytes, &wisp::Options::default()).expect("the engine loads")
}

/// Signal through noise of the quantised logits on inputs that calibration has not seen, in decibels.
fn snr(name: &str, size: Option<u32>, pictures: u64) -> f64 {
    let file = File::new(name, size);
    let side = wisp_zoo::build(name, size).expect("it is built").input().width as usize;
    let calibration = calibration(inputs(side, 1..pictures + 1), Method::Mse);
    let ranges = calibrate(&file.0, &options(), &calibration, &mut |_| {}).expect("it calibrates");
    let (mut original, mut integers) = (
        engine(&file, Precision::F32),
        engine(&file, Precision::Int8 { ranges: Box::new(ranges), keep_f32: vec![] }),
    );
    let model = integers.model();
    assert!(model.steps().all(|step| step.op.conv().is_none()), "{name}: a layer is left in f32");
    let (mut signal, mut noise) = (0.0, 0.0);
    for input in inputs(side, 101..105) {
        let expected = original.run(&input).expect("it runs").to_vec();
        let found = integers.run(&input).expect("it runs");
        let mean = expected.iter().map(|&value| f64::from(value)).sum::<f64>() / expected.len() as f64;
        for (expected, found) in expected.iter().zip(found) {
            signal += (f64::from(*expected) - mean).powi(2);
            noise += (f64::from(*expected) - f64::from(*found)).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn networks_keep_their_logits() {
    for (name, size) in [
        ("alexnet", 67),
        ("vgg16", 32),
        ("resnet18", 48),
        ("resnet50", 33),
        ("resnet20", 16),
        ("squeezenet1.0-simple-bypass", 57),
        ("squeezenet1.0-complex-bypass", 57),
    ] {
        let snr = snr(name, Some(size), 6);
        assert!(snr >= 20.0, "{name}: {snr:.1} dB");
    }
}

/// Prints a row a network.
#[test]
#[ignore = "minutes: .ci/long quantise"]
fn full_sizes_keep_their_logits() {
    for name in [
        "alexnet",
        "vgg16",
        "resnet18",
        "resnet50",
        "squeezenet1.0-simple-bypass",
        "squeezenet1.0-complex-bypass",
    ] {
        let snr = snr(name, None, 8);
        println!("| {name} | {snr:.1} |");
        assert!(snr >= 20.0, "{name}: {snr:.1} dB");
    }
}

#[test]
fn ranges_give_the_same_bytes_and_report_progress() {
    let file = File::new("squeezenet1.1", Some(64));
    let mut stages = Vec::new();
    let mut progress = |progress: Progress| {
        assert!(progress.done < progress.total);
        if stages.last() != Some(&progress.stage) {
            stages.push(progress.stage);
        }
    };
    let calibration = calibration(inputs(64, 1..4), Method::Auto);
    let ranges = calibrate(&file.0, &options(), &calibration, &mut progress).expect("it calibrates");
    assert_eq!(stages, ["extremes", "histograms", "methods", "narrow weights"]);
    assert_eq!(ranges.pictures, 3);
    // A pool has the bytes of what it reads, and no noise of its own.
    let known: Vec<f32> = ranges.tensors.iter().filter_map(|range| range.snr).collect();
    assert!(known.len() > 30 && known.iter().all(|snr| *snr > 15.0), "{known:?}");
    let read = Ranges::parse(&ranges.to_json()).expect("it reads back");
    let compiled = |ranges: Ranges| {
        let precision = Precision::Int8 { ranges: Box::new(ranges), keep_f32: vec![] };
        compile(&file.0, &Options { precision, ..options() }).expect("it compiles")
    };
    assert!(compiled(ranges).bytes == compiled(read).bytes);
}

#[test]
fn layers_can_stay_in_floating_point() {
    let file = File::new("squeezenet1.1", Some(64));
    let keep_f32 = vec!["fire5/squeeze1x1".to_string(), "conv10".to_string()];
    let calibration =
        Calibration { keep_f32: keep_f32.clone(), ..calibration(inputs(64, 1..4), Method::Mse) };
    let ranges = calibrate(&file.0, &options(), &calibration, &mut |_| {}).expect("it calibrates");
    let engine = engine(&file, Precision::Int8 { ranges: Box::new(ranges), keep_f32 });
    let model = engine.model();
    let kept: Vec<_> = model.steps().filter(|step| step.op.conv().is_some()).collect();
    assert!(kept.iter().all(|step| model.buffer(step.input.buffer).element == Element::F32));
    assert_eq!(kept.len(), 2);
}

#[test]
fn what_does_not_fit_is_refused() {
    let file = File::new("resnet20", Some(16));
    let text = |calibration: &Calibration| {
        chain(&calibrate(&file.0, &options(), calibration, &mut |_| {}).expect_err("it is refused"))
    };
    assert_eq!(text(&calibration(vec![], Method::Mse)), "option --calibrate: there are no pictures");
    assert_eq!(
        text(&calibration(vec![vec![0.0; 5]], Method::Mse)),
        "option --calibrate: an input has 5 values, the model takes 768"
    );
    let unknown =
        Calibration { keep_f32: vec!["conv99".into()], ..calibration(inputs(16, 1..2), Method::Mse) };
    assert_eq!(text(&unknown), "option --keep-f32: the model has no layer \"conv99\"");
    let ranges = calibrate(&file.0, &options(), &calibration(inputs(16, 1..2), Method::MinMax), &mut |_| {});
    let other = File::new("squeezenet1.1", Some(64));
    let precision = Precision::Int8 { ranges: Box::new(ranges.expect("it calibrates")), keep_f32: vec![] };
    let error = compile(&other.0, &Options { precision, ..options() }).expect_err("other tensors");
    assert_eq!(
        chain(&error),
        "option --ranges: it has no range for tensor \"relu_conv1\": it was made for another model"
    );
}
