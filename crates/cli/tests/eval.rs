//! `wisp eval`: what it counts, which pictures it takes, and whom it compares with.

mod common;

use common::{Folder, fails, has_fields, lines, root, wisp};
use serde_json::Value;

/// Four of the samples, with labels of which the built-in model knows three at once and the fourth second.
const LABELS: &[u8] = b"chelsea.png 285\ncoffee.png 967\n\nrocket.jpg 657\nairliner.png 404\n";
const COMPILED: &str = "models/squeezenet1.1-tiny.wisp";
const FIELDS: [&str; 7] = ["n", "top1", "top5", "agreement", "top5_overlap", "mean_kl", "mcnemar_p"];

/// The arguments of an evaluation of the samples.
fn eval<'a>(labels: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["eval", "--images", "models/samples", "--labels", labels], more].concat()
}

#[test]
fn counts_and_writes_predictions() {
    let folder = Folder::new("eval");
    let labels = folder.file("labels.txt", LABELS);
    let predictions = folder.path("predictions.txt");
    let figures = &lines(&eval(&labels, &["--json", "--predictions", &predictions]))[0];
    has_fields(figures, &FIELDS);
    assert_eq!((&figures["n"], &figures["top1"], &figures["top5"]), (&4.into(), &0.75.into(), &1.0.into()));
    for field in ["reference", "agreement", "top5_overlap", "mean_kl", "mcnemar_p"] {
        assert_eq!(figures[field], Value::Null, "{field}");
    }
    let written = std::fs::read_to_string(predictions).unwrap();
    let rows: Vec<Vec<&str>> = written.lines().map(|line| line.split(' ').collect()).collect();
    let files: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(files, ["chelsea.png", "coffee.png", "rocket.jpg", "airliner.png"]);
    assert!(rows.iter().all(|row| row.len() == 7), "{written}");
    assert!(rows[0].starts_with(&["chelsea.png", "285", "285", "281", "282"]), "{written}");
    assert_eq!(folder.names().len(), 2, "no temporary file stays");
}

#[test]
fn predictions_that_cannot_be_written() {
    let folder = Folder::new("eval-write");
    let labels = folder.file("labels.txt", LABELS);
    let run = wisp(&eval(&labels, &["--predictions", "no/such/folder/out.txt"]));
    fails(&run, 1, "cannot write no/such/folder/out.txt: No such file or directory (os error 2)");
}

#[test]
fn only_the_pictures_that_a_list_names() {
    let folder = Folder::new("eval-only");
    let labels = folder.file("labels.txt", LABELS);
    let predictions = folder.path("predictions.txt");
    // By name and by index, in the order of the list.
    let list = folder.file("list.txt", b"# two of four\n3\n\n coffee.png \r\n");
    let arguments = ["--only", &list, "--json", "--predictions", &predictions];
    let figures = &lines(&eval(&labels, &arguments))[0];
    assert_eq!((&figures["n"], &figures["top1"]), (&2.into(), &1.0.into()));
    let written = std::fs::read_to_string(predictions).unwrap();
    assert!(written.starts_with("airliner.png 404 404 "), "{written}");
    assert!(written.lines().nth(1).unwrap().starts_with("coffee.png 967 967 "), "{written}");
}

#[test]
fn lists_that_do_not_fit() {
    let folder = Folder::new("eval-lists");
    let labels = folder.file("labels.txt", LABELS);
    let refused = |text: &str| {
        let list = folder.file("list.txt", text.as_bytes());
        let run = wisp(&eval(&labels, &["--only", &list]));
        assert_eq!((run.code, run.out.as_str(), run.err.lines().count()), (Some(1), "", 1), "{run:?}");
        run.err.replace(&list, "list.txt").replace("wisp: ", "")
    };
    let neither = "neither a file name of the labels nor an index below 4";
    assert_eq!(refused("0\n4\n"), format!("list.txt, line 2: {neither}: \"4\"\n"));
    assert_eq!(refused("-1\n"), format!("list.txt, line 1: {neither}: \"-1\"\n"));
    assert_eq!(refused("cat.png\n"), format!("list.txt, line 1: {neither}: \"cat.png\"\n"));
    assert_eq!(refused("0\nchelsea.png\n"), "list.txt, line 2: chelsea.png is listed twice\n");
    assert_eq!(refused("# none\n\n"), "list.txt lists no pictures\n");
    let run = wisp(&eval(&labels, &["--only", "no/such.txt"]));
    fails(&run, 1, "cannot read no/such.txt: No such file or directory (os error 2)");
}

/// The committed halves are complements, as `models/README.md` says.
#[test]
fn the_committed_split_has_two_halves() {
    let half = |name: &str| -> Vec<usize> {
        let text = std::fs::read_to_string(root().join("models").join(name)).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.parse().unwrap()).collect()
    };
    assert!(half("split-a.txt").into_iter().eq((0..400).step_by(2)));
    assert!(half("split-b.txt").into_iter().eq((1..400).step_by(2)));
}

#[test]
fn a_model_agrees_with_itself() {
    let folder = Folder::new("eval-itself");
    let labels = folder.file("labels.txt", LABELS);
    let figures = lines(&eval(&labels, &["--reference", COMPILED, "--json"]));
    assert_eq!(figures.len(), 1, "a line for the model, none for the reference");
    let figures = &figures[0];
    has_fields(figures, &FIELDS);
    assert_eq!(figures["reference"], COMPILED);
    for (field, expected) in [
        ("reference_top1", 0.75),
        ("agreement", 1.0),
        ("agreement_with_ties", 1.0),
        ("top5_overlap", 1.0),
        ("mean_kl", 0.0),
        ("mcnemar_p", 1.0),
        ("max_logit_difference", 0.0),
    ] {
        assert_eq!(figures[field], expected, "{field}");
    }
    assert_eq!((&figures["gained"], &figures["lost"]), (&0.into(), &0.into()));
    let text = wisp(&eval(&labels, &["--reference", COMPILED])).out;
    for part in [
        "squeezenet1.1 · native: 4 pictures, top-1 3 (75.0 %), top-5 4 (100.0 %)\n",
        "  reference models/squeezenet1.1-tiny.wisp: top-1 75.0 %, top-5 100.0 %\n",
        "  agreement with the reference 100.0 % (4 pictures; 100.0 % counting its ties), five best shared 100.0 %\n",
        "  mean KL 0.0000 nats; logits differ by at most 0.0e0 of their range\n",
        "  right where the reference is wrong 0, wrong where it is right 0: McNemar's exact p 1.0000\n",
    ] {
        assert!(text.contains(part), "{part}{text}");
    }
}

#[test]
fn references_that_do_not_fit() {
    let folder = Folder::new("eval-references");
    let labels = folder.file("labels.txt", LABELS);
    let tiny = "tests/data/tiny.wisp";
    let line = "the reference tests/data/tiny.wisp: tests/data/tiny.wisp has random weights, its answers mean \
                nothing: give --allow-seeded to run it all the same";
    fails(&wisp(&eval(&labels, &["--reference", tiny])), 1, line);
    let line = "the reference tests/data/tiny.wisp has 10 classes, the model has 1000: name one that knows the \
                same classes";
    fails(&wisp(&eval(&labels, &["--reference", tiny, "--allow-seeded"])), 1, line);
    let line = "the reference no.wisp: cannot read no.wisp: No such file or directory (os error 2)";
    fails(&wisp(&eval(&labels, &["--reference", "no.wisp"])), 1, line);
    assert_eq!(wisp(&eval(&labels, &["--allow-seeded"])).code, Some(2), "it is for references");
}

#[cfg(feature = "compile")]
mod compile {
    use super::*;
    use common::without_preprocessing;

    const ONNX: &str = "models/squeezenet1.1.onnx";

    #[test]
    fn compares_engines() {
        let folder = Folder::new("engines");
        let labels = folder.file("labels.txt", LABELS);
        let arguments = eval(&labels, &["--engine", "native,tract", "--json", ONNX]);
        let figures = lines(&arguments);
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[0]["agreement"], Value::Null);
        assert_eq!((&figures[1]["agreement"], &figures[1]["agreement_count"]), (&1.0.into(), &4.into()));
        assert!(figures[1]["max_logit_difference"].as_f64().unwrap() < 1e-3);
        assert!(figures[1]["mean_kl"].as_f64().unwrap() < 1e-6);
        assert_eq!(figures[1]["reference"], Value::Null);
    }

    /// Each network gets the pictures at its own size. The figures are those of the same two networks in
    /// ONNX Runtime.
    #[test]
    fn compares_with_the_same_network_at_another_size() {
        let folder = Folder::new("eval-size");
        let labels = folder.file("labels.txt", LABELS);
        for engine in ["native", "tract"] {
            let more = ["squeezenet1.1", "--size", "96", "--reference", "squeezenet1.1", "--engine", engine];
            let figures = &lines(&eval(&labels, &[&more[..], &["--json"]].concat()))[0];
            for (field, expected) in [
                ("top1", 0.5),
                ("reference_top1", 0.75),
                ("agreement", 0.5),
                ("agreement_with_ties", 0.5),
                ("top5_overlap", 0.35),
                ("mcnemar_p", 1.0),
            ] {
                assert_eq!(figures[field], expected, "{engine}: {field}");
            }
            assert_eq!((&figures["gained"], &figures["lost"]), (&0.into(), &1.into()), "{engine}");
            let kl = figures["mean_kl"].as_f64().unwrap();
            // The built-in model has few bits, tract runs it in f32. One of the four is a JPEG, whose decoders differ.
            let expected = if engine == "native" { 2.493 } else { 2.563 };
            assert!((kl - expected).abs() < 0.02, "{engine}: {kl}");
        }
    }

    #[test]
    fn preprocessing_of_a_reference() {
        let folder = Folder::new("eval-unknown");
        let labels = folder.file("labels.txt", LABELS);
        let plain = folder.file("plain.onnx", &without_preprocessing());
        let run = wisp(&eval(&labels, &[COMPILED, "--reference", &plain]));
        let line = format!(
            "the reference {plain}: it does not say how a picture becomes its input: name a .wisp file that \
             `wisp compile` made of it with --preset torchvision|caffe or the flags that do"
        );
        fails(&run, 1, &line);
        // Flags are the model's; a reference takes them where it says nothing itself.
        let flags = [plain.as_str(), "--preset", "caffe", "--json"];
        for reference in [plain.as_str(), ONNX] {
            let figures = &lines(&eval(&labels, &[&flags[..], &["--reference", reference]].concat()))[0];
            assert_eq!((&figures["agreement"], &figures["mean_kl"]), (&1.0.into(), &0.0.into()));
        }
        let torchvision = [plain.as_str(), "--preset", "torchvision", "--json", "--reference", ONNX];
        let figures = &lines(&eval(&labels, &torchvision))[0];
        assert_eq!(figures["reference_top1"], 0.75, "the reference speaks for itself");
        assert!(figures["mean_kl"].as_f64().unwrap() > 1e-3, "{figures}");
    }

    #[test]
    fn tract_needs_references_that_it_can_run() {
        let folder = Folder::new("eval-tract");
        let labels = folder.file("labels.txt", LABELS);
        let run = wisp(&eval(&labels, &[ONNX, "--engine", "tract", "--reference", COMPILED]));
        let line = "the reference models/squeezenet1.1-tiny.wisp: --engine tract runs .onnx files and networks of the \
                    zoo, and models/squeezenet1.1-tiny.wisp is a compiled model: name its .onnx file";
        fails(&run, 2, line);
    }
}
