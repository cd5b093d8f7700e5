//! The same ONNX file, run whole in tract.
//!
//! The oracle of the tests and the engine behind `--engine tract`. It runs operators that the compiler
//! refuses, so it allocates as the file asks: for files from strangers, compile instead.

mod layout;
mod run;

pub use run::{Reference, Scores};
