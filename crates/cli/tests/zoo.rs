//! The networks of the zoo: listed and exported.
#![cfg(feature = "compile")]

mod common;

use common::{Folder, has_fields, lines, wisp};
use serde_json::Value;

const CHELSEA: &str = "models/samples/chelsea.png";
const ROW: [&str; 7] = ["name", "title", "size", "params", "macs", "weights", "source"];

#[test]
fn list_shows_every_network() {
    let rows = lines(&["zoo", "list", "--json"]);
    for row in &rows {
        has_fields(row, &ROW);
        // Trained weights are shown only where this program has them.
        let weights = if row["name"] == "squeezenet1.1" { "trained" } else { "seeded" };
        assert_eq!(row["weights"], weights, "{row}");
    }
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    for name in ["alexnet", "vgg16", "resnet50", "plain20", "squeezenet1.0-complex-bypass", "squeezenet1.1"] {
        assert!(names.contains(&name), "{name}");
    }
    let row = rows.iter().find(|row| row["name"] == "squeezenet1.0").unwrap();
    assert_eq!(
        (&row["size"], &row["params"], &row["macs"]),
        (&227.into(), &1_248_424.into(), &832_667_936_u64.into())
    );
    let run = wisp(&["zoo", "list"]);
    assert_eq!((run.code, run.err.as_str(), run.out.lines().count()), (Some(0), "", 1 + rows.len()));
    for (line, name) in run.out.lines().skip(1).zip(names) {
        assert!(line.starts_with(&format!("{name} ")), "{line}");
    }
}

#[test]
fn an_export_is_a_model() {
    let folder = Folder::new("export");
    let out = folder.path("small.onnx");
    let run = wisp(&["zoo", "export", "SqueezeNet-1.0", "--size", "48", "-o", &out, "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.starts_with("squeezenet1.0: seeded weights, random numbers"), "{}", run.err);
    let done: Value = serde_json::from_str(&run.out).unwrap();
    has_fields(&done, &ROW);
    assert_eq!((&done["out"], &done["size"]), (&out.as_str().into(), &48.into()));
    assert_eq!(done["bytes"], std::fs::metadata(&out).unwrap().len());
    assert_eq!(folder.names(), ["small.onnx"], "no temporary file stays");

    let report = &lines(&["inspect", &out, "--json"])[0];
    for field in ["params", "macs", "weights"] {
        assert_eq!(report[field], done[field], "{field}");
    }
    assert_eq!(report["model"], "squeezenet1.0");
    let figures = lines(&["bench", &out, "--engine", "native,tract", "--runs", "2", "--json"]);
    assert_eq!((&figures[1]["engine"], &figures[1]["n"]), (&"tract".into(), &2.into()));
    assert_eq!(figures[1]["file_bytes"], done["bytes"]);
}

#[test]
fn an_export_takes_trained_weights_unless_told_otherwise() {
    let folder = Folder::new("trained");
    let (trained, seeded) = (folder.path("trained.onnx"), folder.path("seeded.onnx"));
    let run = wisp(&["zoo", "export", "squeezenet1.1", "-o", &trained]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), "squeezenet1.1: trained weights\n"), "{run:?}");
    let answer = &lines(&["classify", "--model", &trained, "--json", CHELSEA])[0];
    assert_eq!((&answer["weights"], &answer["top"][0]["index"]), (&"trained".into(), &285.into()));
    assert!((answer["top"][0]["score"].as_f64().unwrap() - 0.639).abs() < 6e-4, "{answer}");
    let run = wisp(&["zoo", "export", "squeezenet1.1", "--seeded", "--size", "64", "-o", &seeded]);
    assert!(run.err.starts_with("squeezenet1.1: seeded weights"), "{run:?}");
    let run = wisp(&["classify", "--model", &seeded, CHELSEA]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{run:?}");
}
