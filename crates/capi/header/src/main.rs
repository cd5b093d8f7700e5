//! Writes `include/wisp.h` from the sources of the C interface; with `--check`, says whether it is what they give.
//!
//! `cargo run --manifest-path crates/capi/header/Cargo.toml [-- --check]`

use std::error::Error;
use std::path::Path;

const SOURCES: &[&str] = &[
    "lib.rs",
    "status.rs",
    "error.rs",
    "options.rs",
    "frame.rs",
    "results.rs",
    "model.rs",
    "engine.rs",
    "session.rs",
];

/// The names in Rust and in C.
const NAMES: &[(&str, &str)] = &[
    ("Options", "wisp_options"),
    ("Plane", "wisp_plane"),
    ("Frame", "wisp_frame"),
    ("ClassScore", "wisp_result"),
    ("ModelInfo", "wisp_model_info"),
    ("Requirements", "wisp_requirements"),
    ("Engine", "wisp_engine"),
    ("Session", "wisp_session"),
];

const INTRODUCTION: &str = "\
/* Wisp for C: small image classifiers on the device itself. Made from crates/capi/src; do not edit.
 *
 * Each function that can fail gives a status: WISP_OK (0), or what went wrong, of which wisp_last_error() is the
 * text. Nothing is written to a result unless the status is WISP_OK; a new handle is then null.
 *
 * A pointer must lead to what the function's text says, and stay for the call. Null, misaligned addresses and
 * wrong sizes are statuses; an address that leads nowhere cannot be seen from here. A handle takes one call at a
 * time; different handles are independent, on any threads.
 *
 * See docs/c.md for an example of each way in. */";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(INTRODUCTION.into()),
        include_guard: Some("WISP_H".into()),
        cpp_compat: true,
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        usize_is_size_t: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        documentation_length: cbindgen::DocumentationLength::Full,
        style: cbindgen::Style::Both,
        line_length: 110,
        ..Default::default()
    };
    config.export.rename = NAMES.iter().map(|&(rust, c)| (rust.into(), c.into())).collect();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join("src").join(source));
    }
    let mut header = Vec::new();
    builder.generate()?.write(&mut header);
    let header = for_c(&String::from_utf8(header)?);

    let path = root.join("include/wisp.h");
    match std::env::args().nth(1).as_deref() {
        None => std::fs::write(path, header)?,
        Some("--check") if std::fs::read_to_string(&path)? == header => {}
        Some("--check") => {
            return Err("include/wisp.h is not what the sources give: run without --check".into());
        }
        Some(_) => return Err("usage: wisp-header [--check]".into()),
    }
    Ok(())
}

/// Without the headings of Rust's documentation: what is the caller's duty is simply said.
fn for_c(header: &str) -> String {
    header.lines().filter(|line| line.trim() != "* # Safety").flat_map(|line| [line, "\n"]).collect()
}
