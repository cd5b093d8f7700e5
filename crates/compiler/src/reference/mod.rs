//! The same ONNX file, run whole in tract.
//!
//! The oracle of the tests and the engine behind `--engine tract`. It runs operators that the compiler
//! refuses, so it allocates as the file asks: for files from strangers, compile instead.
//!
//! A file of floats runs in tract as it comes, so that the oracle is not of our making. Of a quantised one
//! `rewrite` says the operators in integers, and `ops` computes those.

mod layout;
mod ops;
mod rewrite;
mod run;

pub use run::{Reference, Scores};
