//! The ahead-of-time compiler: from an ONNX file to the file that the [`wisp`] runtime runs.
//!
//! ```text
//! model.onnx ─ import (tract: shapes, types, constants) ─ graph ─ passes ─ schedule ─ memory ─ encode ─ model.wisp
//! ```
//!
//! | room | job |
//! |---|---|
//! | `import` | check the protobuf, let tract infer shapes and fold constants, build our own graph |
//! | `graph` | that graph, and the rules it obeys |
//! | `passes` | rewrite it: one file a pass |
//! | `quantise` | floating point to integers, from the ranges of tensors |
//! | `schedule`, `memory` | the order of the steps, and where each buffer lies in the arena |
//! | `encode` | the bytes of the `.wisp` file |
//! | `reference` | the same ONNX run whole in tract: oracle in tests, and `--engine tract` |
//!
//! ```no_run
//! use wisp_compiler::{Options, compile, load_onnx};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Ahead of time: the file for the device.
//! let compiled = compile("squeezenet1.1.onnx", &Options::default())?;
//! std::fs::write("squeezenet1.1.wisp", &compiled.bytes)?;
//!
//! // Or both journeys in one call, for a program that may carry tract.
//! let engine = load_onnx("squeezenet1.1.onnx", &Options::default())?;
//! println!("{} runs on {}", engine.model().info().name(), engine.isa());
//! # Ok(())
//! # }
//! ```
//!
//! Types of tract stay inside `import` and `reference`. The compiler runs on a host and takes files that
//! it did not make: every refusal is a [`CompileError`] that names the node, tensor or key.

#![forbid(unsafe_code)]

mod coded;
mod compile;
mod encode;
mod error;
mod graph;
mod guard;
mod import;
mod memory;
mod options;
mod passes;
mod quantise;
mod reference;
mod schedule;

pub use compile::{Compiled, Report, compile, compile_bytes, load_onnx};
pub use error::CompileError;
pub use options::{Options, Precision};
pub use quantise::{Calibration, Compression, Method, Progress, Range, Ranges, calibrate, compress};
pub use reference::{Reference, Scores};
