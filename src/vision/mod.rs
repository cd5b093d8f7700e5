//! From camera pixels to the input tensor, and from scores to an answer.
//!
//! A model remembers how its pictures were prepared in training: a [`Preprocess`]. A [`Resampler`] is
//! made once for a frame size and then turns each [`Frame`] into the tensor in one pass, row by row:
//!
//! ```text
//! YUYV, NV12, I420 rows ─ colour ─┐
//! RGB8, BGR8 rows ────────────────┴ horizontal resize ─ ring of rows ─ vertical resize ─ input tensor
//!                                   8-bit rounding                     8-bit rounding    (x·scale − mean) / std
//! ```
//!
//! Resizing is that of Pillow before version 12.2, to the bit: the antialiased bilinear filter with which
//! published accuracies were measured. (Later versions run the vertical pass first for some sizes, which
//! moves single bytes by one.) Every instruction set gives the same bits. Decoding files is not done here.

mod colour;
mod error;
mod frame;
mod resample;
mod spec;
mod taps;
mod top_k;

pub use colour::Colour;
pub use error::{ImageError, PreprocessError, SpecError};
pub use frame::{Frame, PixelFormat, Plane, Rgb8};
#[cfg(feature = "std")]
pub(crate) use resample::Plan;
pub use resample::{Resampler, scratch_bytes};
pub use spec::{ChannelOrder, PixelRange, Preprocess, Resize};
pub use top_k::{Class, top_k};
