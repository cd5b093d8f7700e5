//! `tests/data/tiny.wisp` is what the emitter writes today: the format has not moved unnoticed.

mod common;

/// `WISP_BLESS=1 cargo test --test fixture` writes the file anew, after a change that is meant.
#[test]
fn the_committed_file_is_what_the_emitter_writes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.wisp");
    if std::env::var_os("WISP_BLESS").is_some() {
        std::fs::write(path, common::tiny()).unwrap();
    }
    assert!(
        std::fs::read(path).unwrap() == common::tiny(),
        "the format has changed: bless it and raise VERSION"
    );
}
