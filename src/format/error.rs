//! Why a file was refused.

use super::Section;
use core::fmt;

/// Why [`Model::from_bytes`](crate::Model::from_bytes) refused a file.
///
/// Byte positions count from the start of the file.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file does not begin with the magic bytes: it is not a Wisp model.
    Magic,
    /// The file ends before its fixed part does.
    TooShort {
        /// Bytes that the fixed part takes.
        needed: u64,
        /// Bytes in the file.
        given: u64,
    },
    /// The file was written in a format that this runtime does not read.
    Version {
        /// Version in the file.
        found: u32,
        /// Version that this runtime reads.
        supported: u32,
    },
    /// The file is shorter or longer than it says.
    Length {
        /// Length that the file declares.
        declared: u64,
        /// Bytes given.
        given: u64,
    },
    /// The SHA-256 at the end of the file is not that of its contents.
    Digest,
    /// A value breaks a rule of the format.
    Invalid {
        /// The section that holds the value.
        section: Section,
        /// Position of the value, or of the record that holds it.
        at: u64,
        /// The value's name in `docs/format.md`.
        field: &'static str,
        /// What the file holds there.
        found: u64,
        /// What the format asks for.
        rule: &'static str,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic => f.write_str("not a Wisp model: the magic bytes are missing"),
            Self::TooShort { needed, given } => {
                write!(f, "the model is cut off: its fixed part takes {needed} bytes, {given} are there")
            }
            Self::Version { found, supported } => {
                write!(f, "the model has format version {found}, this runtime reads version {supported}")
            }
            Self::Length { declared, given } => {
                write!(f, "the model says that it has {declared} bytes, {given} are there")
            }
            Self::Digest => f.write_str("the model is damaged: its SHA-256 does not match its contents"),
            Self::Invalid { section, at, field, found, rule } => {
                write!(f, "{section} section, byte {at}: {field} is {found}, must be {rule}")
            }
        }
    }
}

impl core::error::Error for LoadError {}
