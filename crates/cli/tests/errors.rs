//! Every way in which a user gets it wrong: one line that names the thing and the remedy, the right exit
//! code, nothing on standard output.

mod common;

use common::{Folder, command, fails, finish, root, wisp};

const CHELSEA: &str = "models/samples/chelsea.png";

#[test]
fn missing_picture() {
    let run = wisp(&["classify", "no/such.png"]);
    fails(&run, 1, "cannot read no/such.png: No such file or directory (os error 2)");
}

#[test]
fn not_a_picture() {
    let run = wisp(&["classify", "README.md"]);
    fails(&run, 1, "cannot decode README.md: it is neither a JPEG nor a PNG picture");
}

#[test]
fn truncated_jpeg() {
    let folder = Folder::new("truncated");
    let whole = std::fs::read(root().join("models/samples/rocket.jpg")).unwrap();
    for length in [whole.len() / 2, whole.len() - 2, 2000] {
        let path = folder.file("cut.jpg", &whole[..length]);
        let line = format!(
            "cannot decode {path}: the JPEG is cut off: its end marker is missing after {length} bytes"
        );
        fails(&wisp(&["classify", &path]), 1, &line);
    }
}

#[test]
fn truncated_png() {
    let folder = Folder::new("truncated-png");
    let whole = std::fs::read(root().join(CHELSEA)).unwrap();
    let path = folder.file("cut.png", &whole[..whole.len() / 2]);
    let run = wisp(&["classify", &path]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.starts_with(&format!("wisp: cannot decode {path}: ")), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

/// The checksum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_header_that_claims_60000_by_60000() {
    let folder = Folder::new("huge");
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(60_000u32.to_be_bytes());
    png.extend(60_000u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&png[12..]);
    png.extend(crc.to_be_bytes());
    let mut data = b"IDAT\x78\x9c\x03\0\0\0\0\x01".to_vec();
    data.extend(crc32(&data).to_be_bytes());
    png.extend(8u32.to_be_bytes());
    png.extend(data);
    let png = folder.file("huge.png", &png);

    let mut jpeg = std::fs::read(root().join("models/samples/rocket.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a baseline JPEG");
    jpeg[frame + 5..frame + 7].copy_from_slice(&60_000u16.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&60_000u16.to_be_bytes());
    let jpeg = folder.file("huge.jpg", &jpeg);
    for path in [png, jpeg] {
        let line = format!("cannot decode {path}: it is 60000×60000 pixels, the limit is 100 megapixels");
        fails(&wisp(&["classify", &path]), 1, &line);
    }
}

#[test]
fn one_bad_picture_does_not_hide_the_others() {
    let run = wisp(&["classify", "no/such.png", CHELSEA, "README.md", "--json"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.out.lines().count(), 1);
    assert!(run.out.contains("\"label\":\"Egyptian cat\""));
    let err: Vec<&str> = run.err.lines().collect();
    assert_eq!(err[0], "wisp: cannot read no/such.png: No such file or directory (os error 2)");
    assert_eq!(err[1], "wisp: cannot decode README.md: it is neither a JPEG nor a PNG picture");
}

#[test]
fn unknown_model_name() {
    let run = wisp(&["classify", "--model", "squeezenet9", CHELSEA]);
    if cfg!(feature = "compile") {
        assert_eq!((run.code, run.out.as_str(), run.err.lines().count()), (Some(1), "", 1), "{run:?}");
        let line = "wisp: unknown model squeezenet9: it is no .wisp or .onnx file, and there is no network \
                    `squeezenet9` (there are: alexnet, alexnet-2048, ";
        assert!(run.err.starts_with(line), "{}", run.err);
    } else {
        let line = "unknown model squeezenet9: it is neither a .wisp file nor squeezenet1.1, and this program \
                    was built without the zoo; build it with feature `compile`";
        fails(&run, 2, line);
    }
    let run = wisp(&["inspect", "README.md"]);
    fails(&run, 1, "README.md is no model: a model's name ends in .wisp or .onnx");
}

#[test]
fn missing_and_damaged_models() {
    let run = wisp(&["inspect", "no.wisp"]);
    fails(&run, 1, "cannot read no.wisp: No such file or directory (os error 2)");
    let folder = Folder::new("damaged");
    let mut model = std::fs::read(root().join("tests/data/tiny.wisp")).unwrap();
    let length = model.len();
    let cut = folder.file("cut.wisp", &model[..1000]);
    let line = format!("{cut}: the model says that it has {length} bytes, 1000 are there");
    fails(&wisp(&["inspect", &cut]), 1, &line);
    fails(&wisp(&["classify", "--model", &cut, CHELSEA]), 1, &line);
    model[2000] ^= 1;
    let flipped = folder.file("flipped.wisp", &model);
    let line = format!("{flipped}: the model is damaged: its SHA-256 does not match its contents");
    fails(&wisp(&["bench", &flipped]), 1, &line);
    let text = folder.file("text.wisp", b"hello");
    fails(&wisp(&["inspect", &text]), 1, &format!("{text}: not a Wisp model: the magic bytes are missing"));
    // A file without end, and one that claims to be larger than any model.
    #[cfg(unix)]
    {
        let endless = folder.path("endless.wisp");
        std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
        let line = format!("{endless}: not a Wisp model: the magic bytes are missing");
        fails(&wisp(&["inspect", &endless]), 1, &line);
    }
    model[16..24].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let huge = folder.file("huge.wisp", &model);
    fails(&wisp(&["inspect", &huge]), 1, "the file is larger than any model (1073741824 bytes)");
}

#[test]
fn random_weights_are_not_shown_as_answers() {
    let arguments = ["classify", "--model", "tests/data/tiny.wisp", CHELSEA];
    let line = "tests/data/tiny.wisp has random weights, its answers mean nothing: \
                give --allow-seeded to run it all the same";
    fails(&wisp(&arguments), 1, line);
    let run = wisp(&[&arguments[..], &["--allow-seeded", "--json"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("\"weights\":\"seeded\""), "{}", run.out);
}

#[test]
fn flags_that_contradict_the_model() {
    let run = wisp(&["classify", "--order", "rgb", CHELSEA]);
    let line =
        "squeezenet1.1: the preprocessing of a compiled model is part of it; the flags are for .onnx files";
    fails(&run, 2, line);
}

#[test]
fn numbers_of_threads_that_no_engine_runs_on() {
    let eval = ["eval", "--images", "models/samples", "--labels", "labels.txt"];
    for arguments in [&["classify", CHELSEA][..], &["bench"], &["inspect"], &eval] {
        let run = wisp(&[arguments, &["--threads", "0"]].concat());
        fails(&run, 2, "--threads 0: the number of threads must be 1 to 16");
    }
    fails(&wisp(&["bench", "--threads", "17"]), 2, "--threads 17: the number of threads must be 1 to 16");
    let run = wisp(&["bench", "--engine", "native,tract", "--threads", "2"]);
    fails(&run, 2, "--threads 2: tract runs on 1 thread here");
}

#[test]
fn memory_that_is_too_little() {
    let run = wisp(&["bench", "--memory-budget", "1000"]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("bytes of memory, the budget is 1000"), "{}", run.err);
    let run = wisp(&["bench", "--engine", "tract", "--memory-budget", "1000"]);
    fails(&run, 2, "--memory-budget: tract takes what it takes");
}

#[test]
fn an_instruction_set_that_is_not_there() {
    let mut with = command();
    with.env("WISP_ISA", "mmx").args(["classify", CHELSEA]);
    fails(
        &finish(with),
        2,
        "WISP_ISA=mmx: unknown instruction set, known are: generic avx2 vnni neon dotprod",
    );
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["classify"][..], &["classify", "--top", "0", CHELSEA], &["nonsense"], &[]] {
        let run = wisp(arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(run.err.contains("--help"), "{}", run.err);
    }
    fails(&wisp(&["bench", "--seconds", "0"]), 2, "nothing to measure: --runs and --seconds must be above 0");
}

#[test]
fn labels_that_do_not_fit() {
    let folder = Folder::new("labels");
    let short = folder.file("labels.txt", b"cat\ndog\n");
    let run = wisp(&["classify", "--labels", &short, CHELSEA]);
    fails(&run, 1, &format!("{short} has 2 labels, the model has 1000 classes"));
    let bad = folder.file("truth.txt", b"chelsea.png 285\ncoffee.png\n");
    let run = wisp(&["eval", "--images", "models/samples", "--labels", &bad]);
    fails(&run, 1, &format!("{bad}, line 2: a file name and a class index are needed, found \"coffee.png\""));
    let bad = folder.file("truth.txt", b"chelsea.png 1000\n");
    let run = wisp(&["eval", "--images", "models/samples", "--labels", &bad]);
    fails(&run, 1, &format!("{bad}: chelsea.png has class 1000, the model has 1000 classes"));
}

#[cfg(feature = "compile")]
mod compile {
    use super::*;
    use common::without_preprocessing;

    #[test]
    fn tract_runs_onnx_only() {
        let line = "--engine tract runs .onnx files and networks of the zoo, and tests/data/tiny.wisp is a \
                    compiled model: name its .onnx file";
        let run = wisp(&["classify", "--engine", "tract", "--model", "tests/data/tiny.wisp", CHELSEA]);
        fails(&run, 2, line);
        let run = wisp(&["bench", "tests/data/tiny.wisp", "--engine", "native,tract"]);
        assert_eq!(run.code, Some(2));
        assert!(run.err.contains("tests/data/tiny.wisp is a compiled model"), "{}", run.err);
    }

    #[test]
    fn onnx_that_does_not_say_how_pictures_are_prepared() {
        let folder = Folder::new("unknown");
        let path = folder.file("plain.onnx", &without_preprocessing());
        let out = folder.path("plain.wisp");
        for arguments in [&["classify", "--model", &path, CHELSEA][..], &["compile", &path, "-o", &out]] {
            let run = wisp(arguments);
            assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{run:?}");
            assert_eq!(run.err.lines().count(), 1, "{}", run.err);
            for part in ["--preset torchvision|caffe", "--resize", "--order", "--range", "--mean", "--std"] {
                assert!(run.err.contains(part), "{part}: {}", run.err);
            }
        }
        assert_eq!(folder.names(), ["plain.onnx"], "nothing is written");
        let run = wisp(&["classify", "--model", &path, "--preset", "caffe", "--json", CHELSEA]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.out.contains("\"index\":285"));
        let run = wisp(&["classify", "--model", &path, "--order", "bgr", CHELSEA]);
        let line =
            "preprocessing flags without --preset: give all of --resize, --order, --range, --mean and --std";
        fails(&run, 2, line);
        let run = wisp(&["classify", "--model", &path, "--preset", "caffe", "--shorter", "256", CHELSEA]);
        fails(&run, 2, "--shorter needs --resize crop: a warp has no shorter side");
    }

    #[test]
    fn not_an_onnx_file() {
        let folder = Folder::new("not-onnx");
        let path = folder.file("text.onnx", b"hello, world");
        let run = wisp(&["classify", "--model", &path, CHELSEA]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{run:?}");
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        let run = wisp(&["inspect", "no/such.onnx"]);
        fails(&run, 1, "cannot read no/such.onnx: No such file or directory (os error 2)");
    }

    #[test]
    fn networks_that_cannot_be_exported() {
        let folder = Folder::new("no-export");
        let out = folder.path("out.onnx");
        let export = |arguments: &[&str]| wisp(&[&["zoo", "export"], arguments].concat());
        let run = export(&["lenet", "-o", &out]);
        assert_eq!((run.code, run.out.as_str(), run.err.lines().count()), (Some(1), "", 1), "{run:?}");
        let line = "wisp: there is no network `lenet` (there are: alexnet, ";
        assert!(run.err.starts_with(line), "{}", run.err);
        let line =
            "alexnet: pool5: a kernel of 3×3 does not fit on a map of 1×1×256; choose a larger input size";
        fails(&export(&["alexnet", "--size", "32", "-o", &out]), 1, line);
        let line = "alexnet: an input of 4097×4097 is not within 1 to 4096";
        fails(&export(&["alexnet", "--size", "4097", "-o", &out]), 1, line);
        let line = "out.wisp: the output's name must end in .onnx";
        fails(&export(&["resnet20", "-o", "out.wisp"]), 2, line);
        let line = "cannot write no/such/out.onnx: No such file or directory (os error 2)";
        fails(&export(&["resnet20", "-o", "no/such/out.onnx"]), 1, line);
        for arguments in [&["resnet20"][..], &["-o", &out], &["resnet20", "--size", "0", "-o", &out]] {
            assert_eq!(export(arguments).code, Some(2), "{arguments:?}");
        }
        assert!(folder.names().is_empty(), "nothing is written");
    }

    #[test]
    fn names_at_sizes_that_do_not_work() {
        let run = wisp(&["inspect", "alexnet", "--size", "16"]);
        let line =
            "alexnet: pool2: a kernel of 3×3 does not fit on a map of 1×1×256; choose a larger input size";
        fails(&run, 1, line);
        let run = wisp(&["bench", "squeezenet1.1", "--size", "3"]);
        let line = "squeezenet1.1: pool1: a kernel of 3×3 does not fit on a map of 1×1×64; choose a larger input size";
        fails(&run, 1, line);
    }

    #[test]
    fn random_weights_of_the_zoo_are_not_shown_as_answers() {
        // No remark of the compiler before the line: nothing was compiled.
        for engine in ["native", "tract"] {
            let run = wisp(&["classify", "--model", "SqueezeNet-1.0", "--engine", engine, CHELSEA]);
            let line = "squeezenet1.0 has random weights, its answers mean nothing: \
                        give --allow-seeded to run it all the same";
            fails(&run, 1, line);
        }
    }

    #[test]
    fn output_that_cannot_be_written() {
        let onnx = "models/squeezenet1.1.onnx";
        let run = wisp(&["compile", onnx, "-o", "no/such/folder/out.wisp"]);
        fails(&run, 1, "cannot write no/such/folder/out.wisp: No such file or directory (os error 2)");
        let run = wisp(&["compile", onnx, "-o", "out.bin"]);
        fails(&run, 2, "out.bin: the output's name must end in .wisp");
    }
}

#[cfg(not(feature = "compile"))]
#[test]
fn without_tract_onnx_is_refused() {
    let run = wisp(&["inspect", "models/squeezenet1.1.onnx"]);
    let line =
        "models/squeezenet1.1.onnx: this program was built without ONNX; build it with feature `compile`";
    fails(&run, 2, line);
    let line = "--engine tract: this program was built without tract; build it with feature `compile`";
    fails(&wisp(&["classify", "--engine", "tract", CHELSEA]), 2, line);
    let line = "unknown model resnet20: it is neither a .wisp file nor squeezenet1.1, and this program was built \
                without the zoo; build it with feature `compile`";
    fails(&wisp(&["bench", "resnet20"]), 2, line);
    let run = wisp(&["inspect", "--size", "160"]);
    let line =
        "squeezenet1.1: the preprocessing of a compiled model is part of it; the flags are for .onnx files";
    fails(&run, 2, line);
}
