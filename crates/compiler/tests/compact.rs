//! Files of a given size: that they have it, what they still answer, and what is refused.

mod common;

use common::{Onnx, chain, noise, options, window};
use std::path::PathBuf;
use wisp::Engine;
use wisp_compiler::{
    Calibration, CompileError, Compiled, Method, Options, Ranges, calibrate, compile, compress,
};

const SIDE: usize = 12;

/// A fire module between two convolutions, in a file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let onnx = Onnx::new(3, SIDE, SIDE)
            .conv("conv1", "data", [32, 3, 3, 3], window([3, 3], [1, 1], [1, 1, 1, 1]))
            .node("Relu", &["conv1"], &["a"], vec![])
            .conv("squeeze", "a", [16, 32, 1, 1], vec![])
            .node("Relu", &["squeeze"], &["s"], vec![])
            .conv("left", "s", [32, 16, 1, 1], vec![])
            .conv("right3x3", "s", [32, 16, 3, 3], window([3, 3], [1, 1], [1, 1, 1, 1]))
            .node("Relu", &["left"], &["l"], vec![])
            .node("Relu", &["right3x3"], &["r"], vec![])
            .node("Concat", &["l", "r"], &["joined"], vec![common::int("axis", 1)])
            .conv("last", "joined", [20, 64, 1, 1], vec![])
            .node("GlobalAveragePool", &["last"], &["out"], vec![])
            .output("out");
        let path = std::env::temp_dir().join(format!("wisp-compact-{}-{name}.onnx", std::process::id()));
        std::fs::write(&path, onnx.bytes()).expect("the file is written");
        Self(path)
    }

    fn compress(
        &self,
        pictures: Vec<Vec<f32>>,
        max_bytes: u64,
        threads: usize,
    ) -> Result<Compiled, CompileError> {
        let options = Options { threads: Some(threads), ..options() };
        let (calibration, ranges) = (calibration(pictures), self.ranges());
        compress(&self.0, &options, &calibration, &ranges, max_bytes, &mut |progress| {
            assert!(progress.done < progress.total);
        })
    }

    fn ranges(&self) -> Ranges {
        calibrate(&self.0, &options(), &calibration(pictures(8)), &mut |_| {}).expect("it calibrates")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn calibration(inputs: Vec<Vec<f32>>) -> Calibration {
    Calibration { inputs, method: Method::MinMax, equalise: false, keep_f32: vec![] }
}

fn pictures(count: u64) -> Vec<Vec<f32>> {
    (1..=count).map(|seed| noise(seed, SIDE * SIDE * 3)).collect()
}

/// Signal through noise of the answers to pictures that nobody has seen, in decibels.
fn snr(file: &File, compiled: &Compiled) -> f64 {
    let load = |bytes| Engine::from_vec(bytes, &wisp::Options::default()).expect("it loads");
    let original = compile(&file.0, &options()).expect("it compiles");
    let (mut original, mut small) = (load(original.bytes), load(compiled.bytes.clone()));
    let (mut signal, mut lost) = (0.0, 0.0);
    for seed in 101..109 {
        let picture = noise(seed, SIDE * SIDE * 3);
        let expected = original.run(&picture).expect("it runs").to_vec();
        for (expected, found) in expected.iter().zip(small.run(&picture).expect("it runs")) {
            signal += f64::from(*expected).powi(2);
            lost += f64::from(expected - found).powi(2);
        }
    }
    10.0 * (signal / lost).log10()
}

#[test]
fn budgets_are_met_and_used() {
    let file = File::new("budget");
    let mut last = 0.0;
    for max_bytes in [7_000, 8_500] {
        let compiled =
            file.compress(pictures(24), max_bytes, 2).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let bytes = compiled.bytes.len() as u64;
        assert!(bytes <= max_bytes && bytes * 100 >= max_bytes * 99, "{bytes} of {max_bytes}");
        assert_eq!(compiled.report.convs_int8, 5);
        let snr = snr(&file, &compiled);
        assert!(snr > last + 1.0, "{snr:.1} dB at {max_bytes}");
        last = snr;
    }
    assert!(last > 20.0, "{last:.1} dB");
}

#[test]
fn threads_do_not_show() {
    let file = File::new("threads");
    let [one, two] =
        [1, 2].map(|threads| file.compress(pictures(20), 8_000, threads).expect("it compresses"));
    assert!(one.bytes == two.bytes);
}

#[test]
fn what_cannot_be_is_said() {
    let file = File::new("refused");
    let problem =
        |pictures, max_bytes| file.compress(pictures, max_bytes, 1).expect_err("it is refused").to_string();
    assert_eq!(problem(vec![], 8_000), "option --calibrate: there are no pictures");
    let line = "option --calibrate: an input has 5 values, the model takes 432";
    assert_eq!(problem(vec![vec![0.0; 5]], 8_000), line);
    let found = problem(pictures(8), 1_000);
    let start = "option --max-bytes: 1000 bytes are too few: with the coarsest steps the file takes about ";
    let smallest: u64 = found.strip_prefix(start).expect(start).parse().expect("a number");
    assert!((2_000..7_000).contains(&smallest), "{smallest}");
}
