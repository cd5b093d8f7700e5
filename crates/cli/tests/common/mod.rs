//! Runs the real binary, as a user does, from the root of the repository.
#![allow(dead_code)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run of `wisp` gave.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wisp"));
    command.current_dir(root()).env_remove("WISP_ISA").env_remove("RUST_LOG");
    command
}

pub fn finish(mut command: Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Run { code: status.code(), out: text(stdout), err: text(stderr) }
}

pub fn wisp(arguments: &[&str]) -> Run {
    let mut command = command();
    command.args(arguments);
    finish(command)
}

/// A run that ended with one line on standard error, and nothing on standard output.
#[track_caller]
pub fn fails(run: &Run, code: i32, line: &str) {
    assert_eq!(run.code, Some(code), "{run:?}");
    assert_eq!(run.out, "", "nothing on standard output");
    assert_eq!(run.err, format!("wisp: {line}\n"));
}

/// The trained ONNX file without the keys that say how its pictures are prepared: they are renamed in place,
/// so that nothing else in the file moves.
pub fn without_preprocessing() -> Vec<u8> {
    let mut onnx = std::fs::read(root().join("models/squeezenet1.1.onnx")).expect("read");
    for at in 0..onnx.len() - 5 {
        if &onnx[at..at + 5] == b"wisp." {
            onnx[at..at + 5].copy_from_slice(b"wasp.");
        }
    }
    onnx
}

/// The JSON objects that a successful run prints, one a line.
#[track_caller]
pub fn lines(arguments: &[&str]) -> Vec<Value> {
    let run = wisp(arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    run.out.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

#[track_caller]
pub fn has_fields(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "{field} is missing in {value}");
    }
}

/// A folder that goes away with the value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wisp-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_string()
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("write");
        path
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("list");
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
