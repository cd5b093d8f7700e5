//! The committed models are what the emitter writes today: the format has not moved unnoticed.

mod common;

/// `WISP_BLESS=1 cargo test --test fixture` writes the files anew, after a change that is meant.
#[test]
fn the_committed_files_are_what_the_emitter_writes() {
    for (name, bytes) in [
        ("tiny.wisp", common::tiny()),
        ("tiny-int8.wisp", common::integers::tiny_int8().bytes()),
        ("tiny-coded.wisp", common::integers::tiny_coded()),
    ] {
        let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("WISP_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(
            std::fs::read(path).unwrap() == bytes,
            "the format has changed: bless {name} and raise VERSION"
        );
    }
}
