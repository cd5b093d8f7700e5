//! The networks of the zoo: listed, exported, and given by name wherever a model is.
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

#[test]
fn a_name_is_a_model() {
    let report = &lines(&["inspect", "squeezenet1.0", "--size", "48", "--json"])[0];
    assert_eq!((&report["model"], &report["weights"]), (&"squeezenet1.0".into(), &"seeded".into()));
    assert_eq!(report["layers"][0]["in"], serde_json::json!([48, 48, 3]));
    assert_eq!((&report["longest_path"], &report["shortest_path"]), (&18.into(), &18.into()));
    let arguments = ["bench", "squeezenet1.0", "--size", "48", "--engine", "native,tract", "--runs", "2"];
    for figures in lines(&[&arguments[..], &["--json"]].concat()) {
        assert_eq!(figures["model"], "squeezenet1.0");
        for bytes in ["file_bytes", "rss_added_bytes"] {
            assert!(figures[bytes].as_u64().unwrap() > 4_900_000, "{bytes}: {figures}");
        }
    }
    let text = wisp(&["inspect", "squeezenet1.0", "--size", "48"]).out;
    assert!(text.contains("\nmade in memory by wisp-compiler"), "{text}");
}

#[test]
fn the_built_in_network_is_one_of_them() {
    // Without --size it is the compiled file inside the program, however it is spelled.
    for name in ["squeezenet1.1", "SqueezeNet 1.1"] {
        let run = wisp(&["inspect", name, "--json"]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        assert!(run.out.contains("\"source\":\"squeezenet1.1.onnx\""), "{}", run.out);
    }
    // With --size it is built, with the same weights; and tract runs it.
    for engine in ["native", "tract"] {
        for size in [&[][..], &["--size", "160"]] {
            let arguments = ["classify", "--engine", engine, "--json", CHELSEA];
            let answer = &lines(&[&arguments[..], size].concat())[0];
            assert_eq!((&answer["model"], &answer["weights"]), (&"squeezenet1.1".into(), &"trained".into()));
            assert_eq!((&answer["engine"], &answer["top"][0]["index"]), (&engine.into(), &285.into()));
        }
    }
}

#[test]
fn engines_agree_on_a_name() {
    let folder = Folder::new("zoo-eval");
    let labels = folder.file("labels.txt", b"chelsea.png 285\ncoffee.png 967\nrocket.jpg 657\n");
    for model in [["squeezenet1.0", "--size", "64"], ["squeezenet1.1", "--size", "160"]] {
        let arguments =
            ["--images", "models/samples", "--labels", &labels, "--engine", "native,tract", "--json"];
        let figures = lines(&[&["eval"], &model[..], &arguments].concat());
        assert_eq!(figures[1]["agreement"], 1.0, "{figures:?}");
        assert!(figures[1]["max_logit_difference"].as_f64().unwrap() < 1e-3, "{figures:?}");
    }
}

#[test]
fn random_weights_run_where_that_is_wanted() {
    // tract runs all of the zoo.
    for model in [
        &["squeezenet1.0", "--size", "64"][..],
        &["squeezenet1.0", "--size", "64", "--engine", "tract"],
        &["resnet20", "--engine", "tract"],
    ] {
        let arguments = ["classify", "--allow-seeded", "--json", CHELSEA, "--model"];
        let answer = &lines(&[&arguments[..], model].concat())[0];
        assert_eq!((&answer["weights"], &answer["model"]), (&"seeded".into(), &model[0].into()));
    }
}

/// The depths of He et al. 2015 and of the SqueezeNet paper, and what the shortcuts lead around.
#[test]
fn depths_are_the_published_ones() {
    for (name, longest, shortest) in [
        ("plain20", 20, 20),
        ("plain56", 56, 56),
        ("resnet20", 20, 2),
        ("resnet56", 56, 2),
        ("squeezenet1.0-simple-bypass", 18, 10),
        ("squeezenet1.0-complex-bypass", 18, 6),
    ] {
        let report = &lines(&["inspect", name, "--json"])[0];
        assert_eq!(
            (&report["longest_path"], &report["shortest_path"]),
            (&longest.into(), &shortest.into()),
            "{name}"
        );
    }
    let answer = &lines(&["classify", "--model", "resnet20", "--allow-seeded", "--json", CHELSEA])[0];
    assert_eq!((&answer["weights"], &answer["top"].as_array().map(Vec::len)), (&"seeded".into(), &Some(5)));
    lines(&["bench", "resnet20", "--engine", "native,tract", "--runs", "2", "--json"]);
}
