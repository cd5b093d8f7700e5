//! What can be wrong with a picture or its preparation.

use crate::Isa;
use core::fmt;

/// Why a [`Preprocess`](super::Preprocess) is not valid.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// A mean is infinite or not a number.
    Mean,
    /// A standard deviation is zero, infinite or not a number.
    Std,
    /// The shorter side of a crop is zero or above 65535.
    Shorter,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "a mean must be a finite number",
            Self::Std => "a standard deviation must be a finite number other than 0",
            Self::Shorter => "the shorter side must be 1..=65535",
        })
    }
}

impl core::error::Error for SpecError {}

/// Why some bytes are not a picture.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// Width or height is zero or above 65535.
    Size {
        /// Pixels a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The format has another number of planes.
    Planes {
        /// Planes of the format.
        needed: usize,
        /// Planes given.
        given: usize,
    },
    /// The distance between two rows of a plane is smaller than a row.
    Stride {
        /// Which plane, from 0.
        plane: usize,
        /// Bytes a row.
        needed: usize,
        /// The stride.
        given: usize,
    },
    /// A plane has fewer bytes than the size takes.
    TooShort {
        /// Which plane, from 0.
        plane: usize,
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { width, height } => {
                write!(f, "a picture of {width}×{height} pixels: each side must be 1..=65535")
            }
            Self::Planes { needed, given } => {
                write!(f, "the pixel format has {needed} planes, {given} were given")
            }
            Self::Stride { plane, needed, given } => {
                write!(f, "a row of plane {plane} takes {needed} bytes, its stride is {given}")
            }
            Self::TooShort { plane, needed, given } => {
                write!(f, "plane {plane} of the picture takes {needed} bytes, {given} were given")
            }
        }
    }
}

impl core::error::Error for ImageError {}

/// Why a picture cannot become an input tensor.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreprocessError {
    /// The description of the preparation is not valid.
    Spec(SpecError),
    /// A side of the frame or of the input is zero or above 65535.
    Size,
    /// The resized frame is smaller than the part to be cut out of its centre.
    CropTooLarge {
        /// Width and height of the part.
        needed: (u32, u32),
        /// Width and height of the resized frame.
        given: (u32, u32),
    },
    /// Scratch or tensor would be larger than this CPU can address.
    TooLarge {
        /// Bytes of the larger.
        needed: u64,
    },
    /// The scratch memory is too small.
    ScratchTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The frame has another size than the resampler was made for.
    Frame {
        /// Width and height that the resampler was made for.
        needed: (u32, u32),
        /// Width and height of the frame.
        given: (u32, u32),
    },
    /// The tensor has the wrong number of values.
    Output {
        /// Values needed.
        needed: usize,
        /// Values given.
        given: usize,
    },
    /// This CPU, or this build, does not have the instruction set.
    Isa(Isa),
}

impl fmt::Display for PreprocessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(error) => error.fmt(f),
            Self::Size => f.write_str("each side of frame and input must be 1..=65535"),
            Self::CropTooLarge { needed, given } => write!(
                f,
                "the frame is {}×{} after resizing, too small to cut {}×{} out of it: give a larger shorter side",
                given.0, given.1, needed.0, needed.1
            ),
            Self::TooLarge { needed } => {
                write!(
                    f,
                    "scratch or tensor takes {needed} bytes, more than this CPU can address: give smaller sizes"
                )
            }
            Self::ScratchTooSmall { needed, given } => {
                write!(f, "resampling needs {needed} bytes of scratch, {given} were given")
            }
            Self::Frame { needed, given } => write!(
                f,
                "the frame is {}×{}, the resampler was made for {}×{}",
                given.0, given.1, needed.0, needed.1
            ),
            Self::Output { needed, given } => {
                write!(f, "the input tensor has {needed} values, room for {given} was given")
            }
            Self::Isa(isa) => write!(f, "this CPU, or this build, cannot run the {isa} kernels"),
        }
    }
}

impl core::error::Error for PreprocessError {}

impl From<SpecError> for PreprocessError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}
