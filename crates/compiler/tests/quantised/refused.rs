//! What each file in `tests/data/quantised/refused` is answered: `expected.txt` there has a line `NAME: TEXT` for
//! each. In it, `{supported}` stands for the list of operators that some errors end in.

const EXPECTED: &str = include_str!("../data/quantised/refused/expected.txt");

/// Name of the file without its ending, and the text of the error as `brief` gives it.
pub fn table() -> Vec<(&'static str, &'static str)> {
    let line = |line: &'static str| line.split_once(": ").unwrap_or_else(|| panic!("not NAME: TEXT: {line}"));
    EXPECTED.lines().map(line).collect()
}

/// The text without the list of operators.
pub fn brief(text: &str) -> String {
    const BEFORE: &str = "(supported: ";
    match (text.find(BEFORE), text.rfind(')')) {
        (Some(start), Some(end)) => {
            format!("{}{{supported}}{}", &text[..start + BEFORE.len()], &text[end..])
        }
        _ => text.into(),
    }
}
