//! What each file in `tests/data/import/refused` is answered.

/// File and full text. NOT YET RUN: these are guesses, to be filled in from what the importer says.
pub const REFUSED: &[(&str, &str)] = &[];
