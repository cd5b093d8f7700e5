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
//! What the records mean is in [`step`](super::step).

use super::container::Parts;
use super::{
    Buffer, Clamp, Conv, Element, Grid, LoadError, Lrn, Op, QConv, Reader, Section, Step, View, Window,
};

/// Bytes before the first record.
pub const FIXED: usize = 16;
/// Bytes of a buffer's record.
pub const BUFFER: usize = 32;
/// Bytes of a step's record.
pub const STEP: usize = 120;
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

fn parse_view(reader: &mut Reader<'_>) -> Result<View, LoadError> {
    Ok(View {
        buffer: reader.u32("buffer")?,
        channel: reader.u32("channel")?,
        channels: reader.u32("channels")?,
    })
}

pub(crate) fn parse_step(reader: &mut Reader<'_>) -> Result<Step, LoadError> {
    let start = reader.position();
    let code = reader.u8("operation")?;
    let flags = reader.u8("flags")?;
    reader.reserved(2)?;
    let mut pair = |field| Ok((reader.u16(field)?, reader.u16(field)?));
    let window = Window {
        kernel: pair("kernel")?,
        stride: pair("stride")?,
        pad_start: pair("pad before")?,
        pad_end: pair("pad after")?,
    };
    let groups = reader.u32("groups")?;
    let bounds = Clamp { lo: reader.f32("lower bound")?, hi: reader.f32("upper bound")? };
    let input = parse_view(reader)?;
    let to = parse_view(reader)?;
    let weight_offset = reader.u64("weight offset")?;
    let bias = reader.u32("bias index")?;
    let second = parse_view(reader)?;
    let lrn = Lrn {
        size: reader.u32("size")?,
        alpha: reader.f32("alpha")?,
        beta: reader.f32("beta")?,
        bias: reader.f32("bias")?,
    };

    let zeros = [reader.u8("zero point")?, reader.u8("zero point")?];
    let output = Grid { zero: reader.u8("zero point")?, lo: reader.u8("bound")?, hi: reader.u8("bound")? };
    reader.reserved(3)?;
    let factors = [reader.f32("factor")?, reader.f32("factor")?];
    let table = reader.u32("table")?;
    reader.reserved(4)?;

    let conv = Conv { window, groups, clamp: bounds, weight_offset, bias };
    let (parameters, [input_zero, _], [factor, _]) = (bias, zeros, factors);
    let (pool, to_table) = (pool(lrn_bits(lrn)), table.checked_sub(1));
    let qconv =
        QConv { window, groups, weight_offset, parameters, input_zero, output, pool, table: to_table };
    let op = match code {
        1 => Op::Conv(conv),
        2 => Op::ConvGlobalAverage(conv),
        3 => Op::MaxPool(window),
        4 => Op::AveragePool { window, include_pad: flags == 1 },
        5 => Op::Softmax,
        6 => Op::Copy,
        7 => Op::Clamp(bounds),
        8 => Op::Add { second, clamp: bounds },
        9 => Op::Lrn(lrn),
        10 => Op::Quantize { scale: factor, zero: output.zero },
        11 => Op::Dequantize { scale: factor, zero: input_zero },
        12 => Op::QConv(qconv),
        13 => Op::QConvGlobalAverage { conv: qconv, relu: flags == 1 },
        14 => Op::QAveragePool { window, include_pad: flags == 1, input_zero, factor, output },
        15 => Op::QAdd { second, zeros, factors, output },
        16 => Op::Lookup { table: table.wrapping_sub(1) },
        other => return Err(reader.invalid("operation", other.into(), "1..=16")),
    };
    let step = Step { op, input, output: to };
    // What an operation does not use must be zero, so that one step has one encoding.
    let found = Fields {
        window,
        groups,
        bounds: bits(bounds),
        weight_offset,
        parameters,
        second,
        lrn: lrn_bits(lrn),
        zeros,
        output,
        factors: factors.map(f32::to_bits),
        table,
    };
    if (fields(&step), flags) != (found, flags_of(&op)) {
        let rule = "zero where the operation does not use it";
        return Err(LoadError::Invalid {
            section: Section::Plan,
            at: start,
            field: "record",
            found: code.into(),
            rule,
        });
    }
    Ok(step)
}

/// The fields of a record that only some operations use.
#[derive(Default, PartialEq)]
struct Fields {
    window: Window,
    groups: u32,
    bounds: [u32; 2],
    weight_offset: u64,
    parameters: u32,
    second: View,
    lrn: [u32; 4],
    zeros: [u8; 2],
    output: Grid,
    factors: [u32; 2],
    /// One more than the table's first word; 0 is none.
    table: u32,
}

fn bits(bounds: Clamp) -> [u32; 2] {
    [bounds.lo.to_bits(), bounds.hi.to_bits()]
}

fn lrn_bits(lrn: Lrn) -> [u32; 4] {
    [lrn.size, lrn.alpha.to_bits(), lrn.beta.to_bits(), lrn.bias.to_bits()]
}

/// The window of a pool behind a convolution stands where a normalisation has its numbers.
fn pool_bits(pool: Window) -> [u32; 4] {
    let word = |(rows, columns): (u16, u16)| u32::from(rows) | u32::from(columns) << 16;
    [pool.kernel, pool.stride, pool.pad_start, pool.pad_end].map(word)
}

fn pool(words: [u32; 4]) -> Option<Window> {
    let pair = |word: u32| (word as u16, (word >> 16) as u16);
    let [kernel, stride, pad_start, pad_end] = words.map(pair);
    (words != [0; 4]).then_some(Window { kernel, stride, pad_start, pad_end })
}

fn fields(step: &Step) -> Fields {
    let window = step.op.window().copied().unwrap_or_default();
    let none = Fields { window, ..Fields::default() };
    match step.op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => {
            let Conv { groups, clamp, weight_offset, bias: parameters, .. } = conv;
            Fields { groups, bounds: bits(clamp), weight_offset, parameters, ..none }
        }
        Op::Clamp(bounds) => Fields { bounds: bits(bounds), ..none },
        Op::Add { second, clamp } => Fields { bounds: bits(clamp), second, ..none },
        Op::Lrn(lrn) => Fields { lrn: lrn_bits(lrn), ..none },
        Op::Quantize { scale, zero } => {
            let output = Grid { zero, ..Grid::default() };
            Fields { factors: [scale.to_bits(), 0], output, ..none }
        }
        Op::Dequantize { scale, zero } => Fields { factors: [scale.to_bits(), 0], zeros: [zero, 0], ..none },
        Op::QConv(conv) | Op::QConvGlobalAverage { conv, .. } => {
            let QConv { groups, weight_offset, parameters, input_zero, output, table, .. } = conv;
            let lrn = conv.pool.map_or([0; 4], pool_bits);
            let (zeros, table) = ([input_zero, 0], table.map_or(0, |table| table.wrapping_add(1)));
            Fields { groups, weight_offset, parameters, zeros, output, table, lrn, ..none }
        }
        Op::QAveragePool { input_zero, factor, output, .. } => {
            Fields { zeros: [input_zero, 0], factors: [factor.to_bits(), 0], output, ..none }
        }
        Op::QAdd { second, zeros, factors, output } => {
            Fields { second, zeros, factors: factors.map(f32::to_bits), output, ..none }
        }
        Op::Lookup { table } => Fields { table: table.wrapping_add(1), ..none },
        Op::MaxPool(_) | Op::AveragePool { .. } | Op::Softmax | Op::Copy => none,
    }
}

fn flags_of(op: &Op) -> u8 {
    match op {
        Op::AveragePool { include_pad: flag, .. }
        | Op::QAveragePool { include_pad: flag, .. }
        | Op::QConvGlobalAverage { relu: flag, .. } => (*flag).into(),
        _ => 0,
    }
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

fn emit_view(view: &View, out: &mut impl Extend<u8>) {
    for value in [view.buffer, view.channel, view.channels] {
        out.extend(value.to_le_bytes());
    }
}

fn emit_step(step: &Step, out: &mut impl Extend<u8>) {
    let code = match step.op {
        Op::Conv(_) => 1,
        Op::ConvGlobalAverage(_) => 2,
        Op::MaxPool(_) => 3,
        Op::AveragePool { .. } => 4,
        Op::Softmax => 5,
        Op::Copy => 6,
        Op::Clamp(_) => 7,
        Op::Add { .. } => 8,
        Op::Lrn(_) => 9,
        Op::Quantize { .. } => 10,
        Op::Dequantize { .. } => 11,
        Op::QConv(_) => 12,
        Op::QConvGlobalAverage { .. } => 13,
        Op::QAveragePool { .. } => 14,
        Op::QAdd { .. } => 15,
        Op::Lookup { .. } => 16,
    };
    out.extend([code, flags_of(&step.op), 0, 0]);
    let fields = fields(step);
    let window = fields.window;
    for (rows, columns) in [window.kernel, window.stride, window.pad_start, window.pad_end] {
        out.extend(rows.to_le_bytes());
        out.extend(columns.to_le_bytes());
    }
    out.extend(fields.groups.to_le_bytes());
    for bound in fields.bounds {
        out.extend(bound.to_le_bytes());
    }
    emit_view(&step.input, out);
    emit_view(&step.output, out);
    out.extend(fields.weight_offset.to_le_bytes());
    out.extend(fields.parameters.to_le_bytes());
    emit_view(&fields.second, out);
    for value in fields.lrn {
        out.extend(value.to_le_bytes());
    }
    let Grid { zero, lo, hi } = fields.output;
    out.extend(fields.zeros.into_iter().chain([zero, lo, hi, 0, 0, 0]));
    for factor in fields.factors {
        out.extend(factor.to_le_bytes());
    }
    out.extend(fields.table.to_le_bytes());
    out.extend([0; 4]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window { kernel: (3, 1), stride: (2, 1), pad_start: (1, 0), pad_end: (0, 2) }
    }

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

    #[test]
    fn steps_come_back_as_they_went_in() {
        let conv = Conv { window: window(), groups: 2, clamp: Clamp::RELU, weight_offset: 1 << 33, bias: 77 };
        let average = |include_pad| Op::AveragePool { window: window(), include_pad };
        for op in [
            Op::Conv(conv),
            Op::ConvGlobalAverage(conv),
            Op::MaxPool(window()),
            average(true),
            average(false),
            Op::Softmax,
            Op::Copy,
            Op::Clamp(Clamp { lo: 0.0, hi: 6.0 }),
            Op::Add { second: View { buffer: 7, channel: 8, channels: 9 }, clamp: Clamp::RELU },
            Op::Lrn(Lrn { size: 5, alpha: 1e-4, beta: 0.75, bias: 2.0 }),
        ] {
            let step = Step {
                op,
                input: View { buffer: 1, channel: 2, channels: 3 },
                output: View { buffer: 4, channel: 5, channels: 6 },
            };
            let mut bytes = heapless::Vec::<u8, STEP>::new();
            emit_step(&step, &mut bytes);
            assert_eq!(bytes.len(), STEP);
            assert_eq!(parse_step(&mut Reader::new(Section::Plan, 0, &bytes)), Ok(step));
        }
    }

    #[test]
    fn one_step_has_one_encoding() {
        let view = View { buffer: 0, channel: 0, channels: 1 };
        let mut bytes = heapless::Vec::<u8, STEP>::new();
        emit_step(&Step { op: Op::Softmax, input: view, output: view }, &mut bytes);
        for at in (1..32).chain(56..STEP) {
            let mut other = bytes.clone();
            other[at] = 1;
            assert!(parse_step(&mut Reader::new(Section::Plan, 0, &other)).is_err(), "byte {at}");
        }
    }
}
