//! The `.wisp` file: what it holds and how it is checked.
//!
//! `docs/format.md` describes the file byte by byte. Each section has a file here with its `parse`,
//! its `emit` and a round-trip test:
//!
//! | file | job |
//! |---|---|
//! | [`container`] | magic, version, length, section table, digest |
//! | [`header`] | model name, preprocessing, class count, whether the weights were trained |
//! | [`tensor`] | buffers, views of them, windows |
//! | [`op`] | operations: what a step does |
//! | [`step`] | an operation with what it reads and writes |
//! | [`plan`], [`record`] | buffers and steps as fixed-size records |
//! | [`strings`] | step names and class labels |
//! | [`parameters`] | biases, factors and tables |
//! | [`provenance`] | where the model came from |
//! | [`weights`] | the weights, in one canonical order |
//! | [`coded`] | the weights of an integer convolution in fewer bits |
//! | `check` | what no section can check alone: geometry, live ranges, coverage |
//!
//! Everything is checked once, in [`Model::from_bytes`](crate::Model::from_bytes); after that no
//! accessor can fail. Nothing here allocates: records are decoded where they are used.

mod bytes;
pub(crate) mod check;
pub mod coded;
pub mod container;
mod error;
pub mod header;
pub mod op;
pub mod parameters;
pub mod plan;
pub mod provenance;
pub mod record;
pub mod step;
pub mod strings;
pub mod tensor;
pub mod weights;

pub(crate) use bytes::Reader;
pub use container::{Section, VERSION, emit};
pub use error::LoadError;
pub use header::{Info, Weights};

pub use op::{Conv, Grid, Layer, Lrn, Op, QConv};
pub use provenance::Provenance;
pub use step::Step;
pub use tensor::{Buffer, Clamp, Element, View, Window};

/// Alignment in bytes of sections in the file, of buffers in the arena and of packed weights.
pub const ALIGN: usize = 64;

/// The next multiple of [`ALIGN`], or `None` when it does not fit in a `usize`.
pub const fn align_up(bytes: usize) -> Option<usize> {
    match bytes.checked_add(ALIGN - 1) {
        Some(padded) => Some(padded & !(ALIGN - 1)),
        None => None,
    }
}
