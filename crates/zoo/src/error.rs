//! Why a network cannot be built.

use std::error::Error;
use std::fmt;

use crate::shape::Shape;

/// Why a network cannot be built, in one line that names the layer and what would do.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum ZooError {
    /// The catalogue has no such network.
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The input is smaller or larger than any network takes.
    Size {
        /// The size asked for.
        size: u32,
        /// The largest.
        limit: u32,
    },
    /// A squeeze that does not squeeze: S1x1 must be less than e1x1 + e3x3.
    Fire {
        /// The module.
        layer: String,
        /// S1x1.
        squeeze: u32,
        /// e1x1.
        expand1x1: u32,
        /// e3x3.
        expand3x3: u32,
    },
    /// A kernel is larger than the padded map that it slides over.
    Window {
        /// The layer.
        layer: String,
        /// Side of the kernel.
        kernel: u32,
        /// What it reads.
        input: Shape,
    },
    /// A kernel, stride, number of maps or number of groups is zero, or the groups do not divide the maps.
    Layer {
        /// The layer.
        layer: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two maps that are added or set side by side do not fit each other.
    Join {
        /// The layer.
        layer: String,
        /// One.
        left: Shape,
        /// The other.
        right: Shape,
    },
    /// The file would be larger than a protobuf may be.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The largest.
        limit: u64,
    },
    /// Given weights are not those of this network.
    Weights {
        /// The tensor, or the file as a whole.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for ZooError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                let known: Vec<_> = crate::list().iter().map(|entry| entry.name).collect();
                write!(f, "there is no network `{name}` (there are: {})", known.join(", "))
            }
            Self::Size { size, limit } => write!(f, "an input of {size}×{size} is not within 1 to {limit}"),
            Self::Fire { layer, squeeze, expand1x1, expand3x3 } => write!(
                f,
                "{layer}: a squeeze to {squeeze} maps in front of {expand1x1} + {expand3x3} squeezes nothing; \
                 S1x1 must be less than e1x1 + e3x3"
            ),
            Self::Window { layer, kernel, input } => write!(
                f,
                "{layer}: a kernel of {kernel}×{kernel} does not fit on a map of {input}; choose a larger input size"
            ),
            Self::Layer { layer, problem } => write!(f, "{layer}: {problem}"),
            Self::Join { layer, left, right } => {
                write!(f, "{layer}: maps of {left} and of {right} do not fit together")
            }
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "the file would have {bytes} bytes, protobuf ends at {limit}; choose a smaller input size"
                )
            }
            Self::Weights { tensor, problem } => write!(f, "{tensor}: {problem}"),
        }
    }
}

impl Error for ZooError {}
