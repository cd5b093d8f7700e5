//! The C ABI of Wisp: `include/wisp.h` is generated from these files and says what a caller must know.
//!
//! Every function checks what it is given, answers with a status and leaves a text for
//! [`wisp_last_error`](error::wisp_last_error). [`error::guard`] stands around each body, so that nothing
//! unwinds into C. Pointers become references in [`border`] only.
//!
//! | file | what it holds |
//! |---|---|
//! | `status.rs` | the statuses, and which error of the runtime has which |
//! | `error.rs` | the text of the last failure, the guard |
//! | `border.rs` | pointers and lengths into references |
//! | `options.rs`, `frame.rs`, `model.rs`, `results.rs` | the structs that cross the border |
//! | `engine.rs` | the handle that owns its memory |
//! | `session.rs` | the handle over the caller's memory |

mod border;
mod engine;
mod error;
mod frame;
mod model;
mod options;
mod results;
mod session;
mod status;

#[cfg(test)]
mod tests;

/// Version of this interface. It grows when a program that was compiled with an older header would break.
pub const WISP_ABI_VERSION: u32 = 1;

/// The version of the interface that the library was built with; compare it with `WISP_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn wisp_abi_version() -> u32 {
    WISP_ABI_VERSION
}
