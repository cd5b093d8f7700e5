//! One subcommand a file.

pub mod bench;
pub mod classify;
#[cfg(feature = "compile")]
pub mod compile;
pub mod eval;
pub mod inspect;
pub mod memory;
mod profile;
#[cfg(feature = "compile")]
pub mod ranges;
#[cfg(feature = "compile")]
pub mod zoo;
