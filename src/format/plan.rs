//! The plan section: the buffers of the arena and the steps over them, as fixed-size records.
//!
//! ```text
//! 0   buffer count   u32
//! 4   step count     u32
//! 8   input buffer   u32
//! 12  output buffer  u32
//! 16  buffers        32 bytes each
//!     steps          120 bytes each
//! ```
//!
//! A step's record is in [`record`](super::record), what it means in [`step`](super::step).

use super::container::Parts;
use super::record::{STEP, emit_step};
use super::{Buffer, Element, LoadError, Reader};

/// Bytes before the first record.
pub const FIXED: usize = 16;
/// Bytes of a buffer's record.
pub const BUFFER: usize = 32;
/// Most buffers, and most steps, of a model.
pub const MAX_RECORDS: u32 = 8192;
/// Largest height or width of a buffer, of a kernel and of a stride or pad.
pub const MAX_SIDE: u32 = u16::MAX as u32;
/// Most channels of a buffer.
pub const MAX_CHANNELS: u32 = 1 << 20;

/// The counts at the start of the section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub buffers: u32,
    pub steps: u32,
    pub input: u32,
    pub output: u32,
}

pub(crate) fn parse_counts(reader: &mut Reader<'_>) -> Result<Counts, LoadError> {
    let buffers = reader.u32("buffer count")?;
    let steps = reader.u32("step count")?;
    for (count, field) in [(buffers, "buffer count"), (steps, "step count")] {
        if count == 0 || count > MAX_RECORDS {
            return Err(reader.invalid(field, count.into(), "1..=8192"));
        }
    }
    let input = reader.u32("input buffer")?;
    let output = reader.u32("output buffer")?;
    for (index, field) in [(input, "input buffer"), (output, "output buffer")] {
        if index >= buffers {
            return Err(reader.invalid(field, index.into(), "below the buffer count"));
        }
    }
    Ok(Counts { buffers, steps, input, output })
}

pub(crate) fn parse_buffer(reader: &mut Reader<'_>) -> Result<Buffer, LoadError> {
    let buffer = Buffer {
        height: reader.u32("height")?,
        width: reader.u32("width")?,
        channels: reader.u32("channels")?,
        first_step: reader.u32("first step")?,
        last_step: reader.u32("last step")?,
        element: match reader.u32("element")? {
            0 => Element::F32,
            1 => Element::U8,
            other => return Err(reader.invalid("element", other.into(), "0 (f32) or 1 (u8)")),
        },
        offset: reader.u64("arena offset")?,
    };
    Ok(buffer)
}

pub(crate) fn length(buffers: usize, steps: usize) -> usize {
    FIXED + buffers * BUFFER + steps * STEP
}

pub(crate) fn emit(parts: &Parts<'_>, out: &mut impl Extend<u8>) {
    for count in [parts.buffers.len() as u32, parts.steps.len() as u32, parts.input, parts.output] {
        out.extend(count.to_le_bytes());
    }
    for buffer in parts.buffers {
        emit_buffer(buffer, out);
    }
    for step in parts.steps {
        emit_step(step, out);
    }
}

fn emit_buffer(buffer: &Buffer, out: &mut impl Extend<u8>) {
    let element = match buffer.element {
        Element::F32 => 0,
        Element::U8 => 1,
    };
    for value in [buffer.height, buffer.width, buffer.channels, buffer.first_step, buffer.last_step, element]
    {
        out.extend(value.to_le_bytes());
    }
    out.extend(buffer.offset.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Section;

    #[test]
    fn buffers_come_back_as_they_went_in() {
        let buffer = Buffer {
            height: 13,
            width: 12,
            channels: 512,
            element: Element::U8,
            offset: 640,
            first_step: 3,
            last_step: 9,
        };
        let mut bytes = heapless::Vec::<u8, BUFFER>::new();
        emit_buffer(&buffer, &mut bytes);
        assert_eq!(parse_buffer(&mut Reader::new(Section::Plan, 0, &bytes)), Ok(buffer));
        assert_eq!(buffer.values(), Some(13 * 12 * 512));
    }
}
