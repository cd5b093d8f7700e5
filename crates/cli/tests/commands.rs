//! What each command prints, by the fields that others rely on.

mod common;

use common::{has_fields, lines, wisp};

const SAMPLES: [(&str, u64, &str); 3] = [
    ("models/samples/chelsea.png", 285, "Egyptian cat"),
    ("models/samples/coffee.png", 967, "espresso"),
    ("models/samples/airliner.png", 404, "airliner"),
];

#[test]
fn classify_knows_the_samples() {
    let arguments = ["classify", "--json", SAMPLES[0].0, SAMPLES[1].0, SAMPLES[2].0];
    let answers = lines(&arguments);
    assert_eq!(answers.len(), 3);
    for (answer, (image, index, label)) in answers.iter().zip(SAMPLES) {
        has_fields(answer, &["image", "model", "engine", "isa", "weights", "top", "ms"]);
        assert_eq!(answer["image"], image);
        assert_eq!(answer["model"], "squeezenet1.1");
        assert_eq!(answer["weights"], "trained");
        assert_eq!((&answer["top"][0]["index"], &answer["top"][0]["label"]), (&index.into(), &label.into()));
        assert_eq!(answer["top"].as_array().map(Vec::len), Some(5));
    }
    let text = wisp(&["classify", "--top", "1", SAMPLES[0].0]);
    assert!(text.out.contains("Egyptian cat (285)"), "{}", text.out);
    assert_eq!((text.err.as_str(), text.out.lines().count()), ("", 3));
}

/// ONNX Runtime's scores for the samples, as `models/README.md` gives them.
#[test]
fn scores_are_the_published_ones() {
    // The built-in model is in eight bits.
    for (model, allowed) in [("models/squeezenet1.1.wisp", 6e-4), ("squeezenet1.1", 2e-2)] {
        let answers = lines(&["classify", "--model", model, "--json", SAMPLES[0].0, SAMPLES[2].0]);
        for (answer, expected) in answers.iter().zip([[0.639, 0.245, 0.113], [0.980, 0.006, 0.004]]) {
            for (class, expected) in answer["top"].as_array().unwrap().iter().zip(expected) {
                assert!((class["score"].as_f64().unwrap() - expected).abs() < allowed, "{answer}");
            }
        }
    }
}

#[test]
fn memory_is_spent_as_asked() {
    let inspect = |more: &[&str]| {
        let report = lines(&[&["inspect", "models/squeezenet1.1.wisp", "--json"], more].concat()).remove(0);
        let bytes = |field: &str| report[field].as_u64().unwrap();
        bytes("arena_bytes") + bytes("prepared_bytes")
    };
    let least = inspect(&["--optimize", "size"]);
    let budget = least + 200_000;
    let some = inspect(&["--memory-budget", &budget.to_string()]);
    assert!(some <= budget && least <= some && some <= inspect(&[]));
}

#[test]
fn inspect_counts_what_the_paper_counts() {
    let report = &lines(&["inspect", "--json"])[0];
    has_fields(report, &["layers", "params", "macs", "arena_bytes", "prepared_bytes", "file_bytes"]);
    let fields = [
        "name",
        "op",
        "in",
        "out",
        "kernel",
        "stride",
        "pad",
        "groups",
        "params",
        "macs",
        "weight_bytes",
        "precision",
        "algorithm",
    ];
    let layers = report["layers"].as_array().unwrap();
    for layer in layers {
        has_fields(layer, &fields);
    }
    assert_eq!(report["params"], 1_235_496);
    assert_eq!(report["macs"], 349_151_936);
    assert_eq!((&report["longest_path"], &report["shortest_path"]), (&18.into(), &18.into()));
    // The first pool is part of its convolution, whose map is not stored.
    let maps = [55, 27, 13];
    let pools = layers.iter().filter(|layer| layer["op"].as_str().unwrap().ends_with("max_pool"));
    assert!(pools.map(|layer| layer["out"][0].as_u64().unwrap()).eq(maps));
    assert_eq!(layers.iter().filter(|layer| layer["op"].as_str().unwrap().starts_with("qconv")).count(), 26);
    let bytes: u64 = layers.iter().map(|layer| layer["weight_bytes"].as_u64().unwrap()).sum();
    // A byte a weight; a bias and a factor an output channel; tables would be 256 bytes each.
    assert_eq!(bytes, 1_231_552 + 3_944 * 8);
    let shared = &lines(&["inspect", "--threads", "3", "--json"])[0];
    assert_eq!((&report["threads"], &shared["threads"]), (&1.into(), &3.into()));
    assert!(shared["arena_bytes"].as_u64() > report["arena_bytes"].as_u64(), "scratch for each thread");
    let text = wisp(&["inspect"]).out;
    assert!(text.contains("memory map") && text.contains("warp, BGR 0..255"), "{text}");
}

#[test]
fn bench_measures_without_allocating() {
    let figures = &lines(&["bench", "--runs", "3", "--json"])[0];
    let fields = [
        "engine",
        "load_ms",
        "first_ms",
        "n",
        "mean_ms",
        "min_ms",
        "p50_ms",
        "p90_ms",
        "p99_ms",
        "max_ms",
        "arena_bytes",
        "prepared_bytes",
        "file_bytes",
        "rss_added_bytes",
        "allocations_per_run",
        "isa",
        "threads",
    ];
    has_fields(figures, &fields);
    assert_eq!((&figures["n"], &figures["allocations_per_run"]), (&3.into(), &0.0.into()));
    let shared = &lines(&["bench", "--threads", "2", "--runs", "3", "--json"])[0];
    assert_eq!((&shared["threads"], &shared["allocations_per_run"]), (&2.into(), &0.0.into()));
    let profile = lines(&["bench", "tests/data/tiny.wisp", "--runs", "3", "--profile", "--json"]);
    assert_eq!(profile.len(), 1 + 7, "a line for the engine, a line a step");
    has_fields(&profile[1], &["step", "kernel", "ms", "share", "gmacs_per_second", "peak_share"]);
    assert!(profile[1]["gmacs_per_second"].as_f64().unwrap() > 0.0);
    assert!(profile[1]["peak_share"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    use std::io::{BufRead, BufReader};
    let mut command = common::command();
    let mut child = command.arg("inspect").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("squeezenet1.1"));
    assert!(child.wait().unwrap().success());
}

#[cfg(feature = "compile")]
mod compile {
    use super::*;
    use common::{Folder, root};
    use serde_json::Value;

    const ONNX: &str = "models/squeezenet1.1.onnx";

    #[test]
    fn the_shipped_model_is_what_the_compiler_makes() {
        let folder = Folder::new("compile");
        let out = folder.path("out.wisp");
        let done = &lines(&["compile", ONNX, "--labels", "models/imagenet1k.txt", "-o", &out, "--json"])[0];
        has_fields(done, &["out", "bytes", "steps", "arena_bytes", "prepared_bytes", "convs", "convs_int8"]);
        assert_eq!((&done["convs"], &done["convs_int8"]), (&26.into(), &0.into()));
        let shipped = std::fs::read(root().join("models/squeezenet1.1.wisp")).unwrap();
        assert!(std::fs::read(&out).unwrap() == shipped, "compile it again and commit it");
        assert_eq!(folder.names(), ["out.wisp"], "no temporary file stays");
    }

    #[test]
    fn the_same_answers_from_onnx_and_from_tract() {
        for engine in ["native", "tract"] {
            let arguments =
                ["classify", "--model", ONNX, "--engine", engine, "--json", SAMPLES[0].0, SAMPLES[1].0];
            let run = wisp(&arguments);
            assert!(
                run.err.contains("tract imported 67 nodes; 0 of 26 convolutions run in int8"),
                "{}",
                run.err
            );
            let answers: Vec<Value> =
                run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            for (answer, (_, index, label)) in answers.iter().zip(SAMPLES) {
                assert_eq!(answer["engine"], engine);
                assert_eq!(
                    (&answer["top"][0]["index"], &answer["top"][0]["label"]),
                    (&index.into(), &label.into())
                );
            }
        }
    }

    #[test]
    fn a_quantised_file_runs_in_integers_in_both_engines() {
        let model = ONNX.replace("squeezenet1.1.onnx", "squeezenet1.1-qdq.onnx");
        for engine in ["native", "tract"] {
            let run = wisp(&["classify", "--model", &model, "--engine", engine, "--json", SAMPLES[0].0]);
            assert!(run.err.contains("26 of 26 convolutions run in int8"), "{}", run.err);
            let answer: Value = serde_json::from_str(run.out.trim()).unwrap();
            assert_eq!(
                (&answer["engine"], &answer["top"][0]["index"]),
                (&engine.into(), &SAMPLES[0].1.into())
            );
        }
    }

    #[test]
    fn bench_runs_both_engines_in_turn() {
        let figures = lines(&["bench", ONNX, "--engine", "native,tract", "--runs", "2", "--json"]);
        assert_eq!((&figures[0]["engine"], &figures[1]["engine"]), (&"native".into(), &"tract".into()));
        assert_eq!(figures[0]["allocations_per_run"], 0.0);
        assert!(figures[1]["allocations_per_run"].as_f64().unwrap() > 100.0, "the counter counts tract");
        assert!(
            figures[1]["rss_added_bytes"].as_u64().unwrap() > figures[0]["rss_added_bytes"].as_u64().unwrap()
        );
    }
}
