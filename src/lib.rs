//! Wisp runs small image classifiers on the device itself: no server, no heap, an answer before the
//! next frame.
//!
//! A model is a `.wisp` file, made ahead of time from ONNX by `wisp-compiler`. It takes three memories,
//! each known before it is used:
//!
//! | memory | who gives it | what it holds |
//! |---|---|---|
//! | the file | borrowed by [`Model::from_bytes`], which checks it once | the plan and the weights |
//! | prepared weights | the caller, for [`Model::prepare`] | the weights as this CPU's kernels want them |
//! | the arena | the caller, for [`Session::new`] | activations and scratch, reused at every step |
//!
//! [`Model::requirements`] gives the size of the last two. After that nothing is allocated and nothing
//! can fail. With feature `std`, `Engine` owns all three.
//!
//! # Which way in
//!
//! | your program | takes | see |
//! |---|---|---|
//! | has a heap | `Engine`: a `.wisp` file in, scores out | `examples/classify.rs` |
//! | places every byte itself | [`Session`] over its own memory | below, `examples/static_arena.rs` |
//! | has no system at all | [`include_wisp!`] and a [`Session`] | `examples/bare-metal` |
//! | may carry tract | `wisp_compiler::load_onnx`: ONNX in, an `Engine` out | `crates/compiler` |
//! | is not Rust | `wisp.h` and `libwisp.so` or `libwisp.a` | `docs/c.md` |
//!
//! A camera's frame goes in as a [`vision::Frame`], in its own pixel format; [`vision::top_k`] takes the best
//! of the scores.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "std")] {
//! use wisp::{Model, Options, Session};
//!
//! let file = include_bytes!("../tests/data/tiny.wisp");
//! let model = Model::from_bytes(file)?;
//! let options = Options::default();
//! let need = model.requirements(&options)?;
//! // Two aligned buffers; a program without a heap uses statics.
//! let mut weights = wisp::AlignedBytes::zeroed(need.prepared_bytes)?;
//! let mut arena = wisp::AlignedBytes::zeroed(need.arena_bytes)?;
//!
//! let prepared = model.prepare(&options, weights.as_mut_slice())?;
//! let mut session = Session::new(&prepared, arena.as_mut_slice())?;
//! session.input_mut().fill(0.5);
//! let scores = session.run()?;
//! assert_eq!(scores.len(), model.info().class_count as usize);
//! # }
//! # Ok(())
//! # }
//! ```
#![no_std]
#![deny(unsafe_code)]
#![warn(clippy::std_instead_of_core)]

#[cfg(feature = "std")]
extern crate std;

mod algorithm;
mod arena;
mod costs;
mod crew;
#[cfg(feature = "std")]
mod engine;
pub mod format;
mod include;
mod isa;
mod kernels;
mod model;
mod ops;
#[cfg(feature = "std")]
mod pool;
mod prepare;
mod session;
pub mod vision;

pub use algorithm::{Algorithm, Optimize};
#[cfg(feature = "std")]
pub use arena::AlignedBytes;
pub use crew::MAX_THREADS;
#[cfg(feature = "std")]
pub use engine::{Engine, EngineError, read_model};
pub use format::LoadError;
pub use isa::Isa;
pub use model::Model;
#[cfg(feature = "std")]
pub use pool::Pool;
pub use prepare::{Options, PrepareError, Prepared, Requirements};
pub use session::{RunError, Session};

// What may move to another thread and be shared by several: everything; a run borrows its session alone.
const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Model<'_>>();
    send_and_sync::<Prepared<'_>>();
    send_and_sync::<Session<'_>>();
    send_and_sync::<vision::Frame<'_>>();
    send_and_sync::<vision::Resampler<'_>>();
    #[cfg(feature = "std")]
    send_and_sync::<Engine>();
    #[cfg(feature = "std")]
    send_and_sync::<EngineError>();
};
