//! `compile --precision int8`: from pictures to a file, from its ranges to the same file, and what is refused.
#![cfg(feature = "compile")]

mod common;

use common::{Folder, fails, lines, root, wisp};

const ONNX: &str = "models/squeezenet1.1.onnx";

fn compile<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["compile", ONNX, "-o", out, "--precision", "int8"], more].concat()
}

#[test]
fn pictures_give_ranges_and_ranges_the_same_file() {
    let folder = Folder::new("quantise");
    let (one, other, ranges) = (folder.path("one.wisp"), folder.path("other.wisp"), folder.path("r.json"));
    let more = ["--calibrate", "models/samples", "--method", "mse", "--ranges", &ranges, "--json"];
    let done = &lines(&compile(&one, &more))[0];
    assert_eq!((&done["convs"], &done["convs_int8"]), (&26.into(), &26.into()));
    let run = wisp(&compile(&other, &["--ranges", &ranges]));
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.starts_with("quantised worst: fire"), "{}", run.err);
    assert!(std::fs::read(&one).unwrap() == std::fs::read(&other).unwrap());
    let answer = &lines(&["classify", "--model", &one, "--json", "models/samples/chelsea.png"])[0];
    assert_eq!(answer["top"][0]["index"], 285);
    let table = wisp(&["inspect", &ranges]).out;
    assert!(table.starts_with("squeezenet1.1 · ranges from 4 pictures"), "{table}");
    assert!(table.contains("mse") && table.contains(" dB"), "{table}");
    assert_eq!(lines(&["inspect", &ranges, "--json"])[0]["pictures"], 4);
}

#[test]
fn what_is_missing_is_said() {
    let folder = Folder::new("quantise-errors");
    let out = folder.path("out.wisp");
    let line = "--precision int8 needs to know how large the values of each tensor get: give --calibrate DIR with \
                some pictures, or --ranges FILE from an earlier calibration";
    fails(&wisp(&compile(&out, &[])), 2, line);
    let line = "--method: unknown method best, known are: auto minmax percentile kl mse";
    fails(&wisp(&compile(&out, &["--calibrate", "models/samples", "--method", "best"])), 2, line);
    let run = wisp(&["compile", ONNX, "-o", &out, "--ranges", "models/squeezenet1.1.ranges.json"]);
    fails(&run, 2, "--calibrate, --ranges and --keep-f32 are for --precision int8");
    let run = wisp(&["compile", ONNX, "-o", &out, "--calibrate", "models/samples", "--max-bytes", "470588"]);
    fails(&run, 2, "--max-bytes is for --precision int8");
    let run =
        wisp(&compile(&out, &["--ranges", "models/squeezenet1.1.ranges.json", "--max-bytes", "470588"]));
    assert!(run.code == Some(2) && run.err.contains("--calibrate <DIR>"), "{}", run.err);
    let docs = root().join("docs");
    let line = format!("{} holds no JPEG or PNG pictures", docs.display());
    fails(&wisp(&compile(&out, &["--calibrate", &docs.display().to_string()])), 1, &line);
    let run = wisp(&compile(&out, &["--ranges", "models/checksums.txt"]));
    assert!(run.err.starts_with("wisp: option --ranges: no ranges file: "), "{}", run.err);
    assert_eq!((run.code, run.err.lines().count()), (Some(1), 1));
    let more = ["--ranges", "models/squeezenet1.1.ranges.json", "--keep-f32", "fire99"];
    let run = wisp(&compile(&out, &more));
    assert!(run.err.ends_with("option --keep-f32: the model has no layer \"fire99\"\n"), "{}", run.err);
    assert!(!std::path::Path::new(&out).exists());
}
