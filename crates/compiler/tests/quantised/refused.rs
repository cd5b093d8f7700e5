//! What each file in `tests/data/quantised/refused` is answered: `expected.txt` there has a line `NAME: TEXT` for
//! each.

const EXPECTED: &str = include_str!("../data/quantised/refused/expected.txt");

/// Name of the file without its ending, and the whole text of the error.
pub fn table() -> Vec<(&'static str, &'static str)> {
    let line = |line: &'static str| line.split_once(": ").unwrap_or_else(|| panic!("not NAME: TEXT: {line}"));
    EXPECTED.lines().map(line).collect()
}
