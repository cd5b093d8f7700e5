//! The outside of the file: fixed part, section table, padding and digest.
//!
//! ```text
//! 0    magic            8 bytes
//! 8    version          u32
//! 12   required flags   u32      none is defined: must be 0
//! 16   total length     u64      of the whole file
//! 24   section count    u32      SECTIONS
//! 28   reserved         u32
//! 32   table            SECTIONS × { kind u32, reserved u32, offset u64, length u64 }
//! 256  sections         in the order of the table, each at a multiple of 64, gaps zero
//! end  SHA-256          32 bytes over everything before
//! ```

use super::{
    ALIGN, Buffer, Info, LoadError, Provenance, Reader, Step, align_up, header, parameters, plan, provenance,
    strings,
};
use core::fmt;
use core::ops::Range;
use sha2::{Digest, Sha256};

/// The first eight bytes. The line ends catch transfers that treat the file as text.
pub const MAGIC: [u8; 8] = *b"WISP\r\n\x1a\n";
/// The format version that this crate reads and writes.
pub const VERSION: u32 = 1;
/// Bytes of the SHA-256 that ends the file.
pub const DIGEST: usize = 32;
/// Where the section table stands.
pub const TABLE: usize = 32;
/// Bytes of one entry of the section table.
pub const ENTRY: usize = 24;
const SECTIONS: usize = Section::ALL.len();

/// The parts of a file, in the order in which they stand there. Weights come last, so that an owner
/// can drop them after preparation and keep the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Section {
    /// The fixed part and the section table themselves; only errors name it.
    Table = 0,
    /// See [`header`].
    Header = 1,
    /// See [`plan`].
    Plan = 2,
    /// One name a step, see [`strings`].
    Names = 3,
    /// See [`parameters`].
    Parameters = 4,
    /// One label a class, or none at all, see [`strings`].
    Labels = 5,
    /// See [`provenance`].
    Provenance = 6,
    /// See [`weights`](super::weights).
    Weights = 7,
}

impl Section {
    const ALL: [Self; 7] = [
        Self::Header,
        Self::Plan,
        Self::Names,
        Self::Parameters,
        Self::Labels,
        Self::Provenance,
        Self::Weights,
    ];
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Header => "header",
            Self::Plan => "plan",
            Self::Names => "names",
            Self::Parameters => "parameters",
            Self::Labels => "labels",
            Self::Provenance => "provenance",
            Self::Weights => "weights",
        })
    }
}

/// Where each section stands in a checked file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sections {
    start: [usize; SECTIONS],
    end: [usize; SECTIONS],
}

impl Sections {
    /// The range of bytes of `section`.
    pub fn range(&self, section: Section) -> Range<usize> {
        let at = (section as usize).wrapping_sub(1);
        match (self.start.get(at), self.end.get(at)) {
            (Some(&start), Some(&end)) => start..end,
            _ => 0..0,
        }
    }

    /// A cursor over `section`.
    pub fn reader<'a>(&self, section: Section, file: &'a [u8]) -> Reader<'a> {
        let range = self.range(section);
        Reader::new(section, range.start, file.get(range).unwrap_or_default())
    }
}

/// The length that the start of a file declares, if it is the start of a model.
#[cfg(feature = "std")]
pub(crate) fn declared_length(start: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(Section::Table, 0, start);
    (reader.take(MAGIC.len(), "magic").ok()? == MAGIC).then_some(())?;
    reader.take(8, "version and flags").ok()?;
    reader.u64("total length").ok()
}

/// Checks everything about the file that does not need a section's contents.
pub(crate) fn parse(file: &[u8]) -> Result<Sections, LoadError> {
    if !file.starts_with(&MAGIC) {
        return Err(LoadError::Magic);
    }
    let given = file.len() as u64;
    let fixed = TABLE + SECTIONS * ENTRY;
    let needed = (fixed + DIGEST) as u64;
    if given < needed {
        return Err(LoadError::TooShort { needed, given });
    }
    let mut reader = Reader::new(Section::Table, 0, file);
    reader.take(MAGIC.len(), "magic")?;
    let found = reader.u32("version")?;
    if found != VERSION {
        return Err(LoadError::Version { found, supported: VERSION });
    }
    let flags = reader.u32("required flags")?;
    if flags != 0 {
        return Err(reader.invalid("required flags", flags.into(), "0: this runtime knows none"));
    }
    let declared = reader.u64("total length")?;
    if declared != given {
        return Err(LoadError::Length { declared, given });
    }
    let count = reader.u32("section count")?;
    if count as usize != SECTIONS {
        return Err(reader.invalid("section count", count.into(), "7"));
    }
    reader.reserved(4)?;

    let mut sections = Sections::default();
    let body = file.len() - DIGEST;
    let mut end = fixed;
    for (at, section) in Section::ALL.into_iter().enumerate() {
        let kind = reader.u32("section kind")?;
        if kind != section as u32 {
            return Err(reader.invalid("section kind", kind.into(), "the next in order"));
        }
        reader.reserved(4)?;
        let offset = reader.u64("section offset")?;
        let start = align_up(end).filter(|&start| start as u64 == offset).ok_or_else(|| {
            reader.invalid("section offset", offset, "the end of the section before, rounded up to 64")
        })?;
        if file.get(end..start).is_none_or(|gap| gap.iter().any(|&byte| byte != 0)) {
            return Err(reader.invalid("padding before section", offset, "inside the file and zero"));
        }
        let length = reader.u64("section length")?;
        end = usize::try_from(length)
            .ok()
            .and_then(|length| start.checked_add(length))
            .filter(|&end| end <= body)
            .ok_or_else(|| reader.invalid("section length", length, "inside the file"))?;
        sections.start[at] = start;
        sections.end[at] = end;
    }
    if end != body {
        return Err(reader.invalid("end of the last section", end as u64, "where the digest begins"));
    }
    Ok(sections)
}

/// Compares the digest at the end of the file with its contents.
pub(crate) fn check_digest(file: &[u8]) -> Result<(), LoadError> {
    let (body, digest) = file.split_at_checked(file.len().saturating_sub(DIGEST)).ok_or(LoadError::Digest)?;
    if Sha256::digest(body).as_slice() == digest { Ok(()) } else { Err(LoadError::Digest) }
}

/// Everything that goes into a file. Offsets in `steps` count from the start of `weights` (bytes)
/// and of `parameters` (values); see [`append`](super::weights::append) and [`parameters`].
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Header section.
    pub info: &'a Info,
    /// Index of the buffer that takes the input.
    pub input: u32,
    /// Index of the buffer that holds the answer.
    pub output: u32,
    /// The buffers of the arena.
    pub buffers: &'a [Buffer],
    /// The steps in order of execution.
    pub steps: &'a [Step],
    /// One name a step.
    pub names: &'a [&'a str],
    /// Biases.
    pub parameters: &'a [u32],
    /// One label a class, or none.
    pub labels: &'a [&'a str],
    /// Where the model came from.
    pub provenance: Provenance<'a>,
    /// The weights section.
    pub weights: &'a [u8],
}

/// Writes a file to `out` (a `Vec<u8>`, say). Whether it is a valid one is for
/// [`Model::from_bytes`](crate::Model::from_bytes) to say.
pub fn emit(parts: &Parts<'_>, out: &mut impl Extend<u8>) {
    let lengths = [
        header::LENGTH,
        plan::length(parts.buffers.len(), parts.steps.len()),
        strings::length(parts.names),
        parameters::length(parts.parameters),
        strings::length(parts.labels),
        provenance::length(&parts.provenance),
        parts.weights.len(),
    ];
    let mut sink = Sink { out, hash: Sha256::new(), written: 0 };
    let fixed = TABLE + SECTIONS * ENTRY;
    let pad = |bytes: usize| bytes.next_multiple_of(ALIGN);
    let body = lengths.iter().fold(fixed, |end, length| pad(end) + length);
    sink.extend(MAGIC);
    sink.extend(VERSION.to_le_bytes());
    sink.extend(0u32.to_le_bytes());
    sink.extend(((body + DIGEST) as u64).to_le_bytes());
    sink.extend((SECTIONS as u32).to_le_bytes());
    sink.extend(0u32.to_le_bytes());
    let mut end = fixed;
    for (section, length) in Section::ALL.into_iter().zip(lengths) {
        sink.extend((section as u32).to_le_bytes());
        sink.extend(0u32.to_le_bytes());
        sink.extend((pad(end) as u64).to_le_bytes());
        sink.extend((length as u64).to_le_bytes());
        end = pad(end) + length;
    }
    for section in Section::ALL {
        sink.pad();
        match section {
            Section::Table => {}
            Section::Header => header::emit(parts.info, &mut sink),
            Section::Plan => plan::emit(parts, &mut sink),
            Section::Names => strings::emit(parts.names, &mut sink),
            Section::Parameters => parameters::emit(parts.parameters, &mut sink),
            Section::Labels => strings::emit(parts.labels, &mut sink),
            Section::Provenance => provenance::emit(&parts.provenance, &mut sink),
            Section::Weights => sink.extend(parts.weights.iter().copied()),
        }
    }
    sink.finish();
}

/// Hashes and counts what passes through to `out`.
struct Sink<'a, E> {
    out: &'a mut E,
    hash: Sha256,
    written: usize,
}

impl<E: Extend<u8>> Sink<'_, E> {
    fn pad(&mut self) {
        let gap = self.written.next_multiple_of(ALIGN) - self.written;
        self.extend(core::iter::repeat_n(0, gap));
    }

    fn finish(self) {
        self.out.extend(self.hash.finalize());
    }
}

impl<E: Extend<u8>> Extend<u8> for Sink<'_, E> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        // In pieces: hashing byte by byte takes seconds for the weights of a large model.
        let mut piece = heapless::Vec::<u8, 1024>::new();
        let mut bytes = bytes.into_iter();
        loop {
            piece.clear();
            piece.extend(bytes.by_ref().take(piece.capacity()));
            if piece.is_empty() {
                break;
            }
            self.hash.update(&piece);
            self.written += piece.len();
            self.out.extend(piece.iter().copied());
        }
    }
}
