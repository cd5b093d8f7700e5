//! Statuses, and which error of the runtime has which.

use crate::error::{Failure, fail};
use runtime::vision::{ImageError, PreprocessError};
use runtime::{EngineError, LoadError, PrepareError, RunError};

/// Done.
pub const WISP_OK: i32 = 0;
/// A pointer is null.
pub const WISP_NULL: i32 = 1;
/// The `size` field of a struct is not one that this library knows.
pub const WISP_STRUCT_SIZE: i32 = 2;
/// An option, a pixel format or a length is none that there is.
pub const WISP_ARGUMENT: i32 = 3;
/// A file cannot be read.
pub const WISP_READ: i32 = 4;
/// The bytes are not a valid model.
pub const WISP_MODEL: i32 = 5;
/// This CPU, or this build, lacks the instruction set.
pub const WISP_ISA: i32 = 6;
/// The number of threads is not allowed.
pub const WISP_THREADS: i32 = 7;
/// The system has no memory left, or the model needs more than can be addressed.
pub const WISP_OUT_OF_MEMORY: i32 = 8;
/// The model needs more than the memory budget.
pub const WISP_OVER_BUDGET: i32 = 9;
/// A memory or a struct begins at an address that is not a multiple of its alignment.
pub const WISP_MISALIGNED: i32 = 10;
/// The memory for prepared weights is too small.
pub const WISP_PREPARED_TOO_SMALL: i32 = 11;
/// The arena is too small.
pub const WISP_ARENA_TOO_SMALL: i32 = 12;
/// The scratch memory for frames is too small.
pub const WISP_SCRATCH_TOO_SMALL: i32 = 13;
/// Two memories share bytes.
pub const WISP_OVERLAP: i32 = 14;
/// The width or height of a frame is zero, negative, too large, or not the one that was announced.
pub const WISP_FRAME_SIZE: i32 = 15;
/// A stride is negative or smaller than a row.
pub const WISP_STRIDE: i32 = 16;
/// A plane has fewer bytes than width, height and stride take.
pub const WISP_FRAME_TOO_SHORT: i32 = 17;
/// The model takes no pictures, or no picture of this size.
pub const WISP_PICTURE: i32 = 18;
/// An input tensor has the wrong number of values.
pub const WISP_INPUT: i32 = 19;
/// An array for results, scores or a text is too small, or larger than there are results.
pub const WISP_RESULTS: i32 = 20;
/// There is no such class, or the model has no labels.
pub const WISP_LABEL: i32 = 21;
/// A fault of the library: please report it with the text.
pub const WISP_INTERNAL: i32 = 22;

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        fail(WISP_MODEL, format_args!("{error}"))
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        let status = match error {
            PrepareError::Isa(_) => WISP_ISA,
            PrepareError::OverBudget { .. } => WISP_OVER_BUDGET,
            PrepareError::Threads(_) => WISP_THREADS,
            PrepareError::TooLarge => WISP_OUT_OF_MEMORY,
            PrepareError::PreparedTooSmall { .. } => WISP_PREPARED_TOO_SMALL,
            PrepareError::ArenaTooSmall { .. } => WISP_ARENA_TOO_SMALL,
            PrepareError::Misaligned => WISP_MISALIGNED,
            _ => WISP_INTERNAL,
        };
        fail(status, format_args!("{error}"))
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let status = match error {
            ImageError::Size { .. } => WISP_FRAME_SIZE,
            ImageError::Stride { .. } => WISP_STRIDE,
            ImageError::TooShort { .. } => WISP_FRAME_TOO_SHORT,
            _ => WISP_INTERNAL,
        };
        fail(status, format_args!("{error}"))
    }
}

impl From<PreprocessError> for Failure {
    fn from(error: PreprocessError) -> Self {
        let status = match error {
            PreprocessError::Size | PreprocessError::Frame { .. } => WISP_FRAME_SIZE,
            PreprocessError::ScratchTooSmall { .. } => WISP_SCRATCH_TOO_SMALL,
            PreprocessError::TooLarge { .. } => WISP_OUT_OF_MEMORY,
            PreprocessError::Isa(_) => WISP_ISA,
            PreprocessError::Spec(_) | PreprocessError::CropTooLarge { .. } => WISP_PICTURE,
            _ => WISP_INTERNAL,
        };
        fail(status, format_args!("{error}"))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        fail(WISP_INTERNAL, format_args!("{error}"))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let status = match error {
            EngineError::Read { ref source, .. } => {
                return fail(WISP_READ, format_args!("{error}: {source}"));
            }
            EngineError::Load(error) => return error.into(),
            EngineError::Prepare(error) => return error.into(),
            EngineError::Preprocess(error) => return error.into(),
            EngineError::TooLarge { .. } => WISP_MODEL,
            EngineError::OutOfMemory { .. } => WISP_OUT_OF_MEMORY,
            EngineError::Input { .. } => WISP_INPUT,
            EngineError::Channels { .. } => WISP_PICTURE,
            _ => WISP_INTERNAL,
        };
        fail(status, format_args!("{error}"))
    }
}
