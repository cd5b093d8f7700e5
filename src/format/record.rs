//! A step's record: 120 bytes, of which each operation uses some; the others are zero, so that one step has
//! one encoding. `docs/format.md` has the fields byte by byte.

use super::{Clamp, Conv, Grid, LoadError, Lrn, Op, QConv, Reader, Section, Step, View, Window};

/// Bytes of a step's record.
pub const STEP: usize = 120;
/// The flag that an operation has for itself.
const FLAG: u8 = 1;
/// The flag of integer convolutions with narrow weights.
const NARROW: u8 = 2;

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
    let coded = reader.u32("coded bytes")?;

    let (parameters, [input_zero, _], [factor, _]) = (bias, zeros, factors);
    let narrow = flags & NARROW != 0;
    let (pool, to_table) = (pool(lrn_bits(lrn)), table.checked_sub(1));
    let conv = Conv { window, groups, clamp: bounds, weight_offset, bias, pool };
    let qconv = QConv {
        window,
        groups,
        weight_offset,
        coded,
        parameters,
        input_zero,
        output,
        pool,
        table: to_table,
        narrow,
    };
    let op = match code {
        1 => Op::Conv(conv),
        2 => Op::ConvGlobalAverage(conv),
        3 => Op::MaxPool(window),
        4 => Op::AveragePool { window, include_pad: flags & FLAG != 0 },
        5 => Op::Softmax,
        6 => Op::Copy,
        7 => Op::Clamp(bounds),
        8 => Op::Add { second, clamp: bounds },
        9 => Op::Lrn(lrn),
        10 => Op::Quantize { scale: factor, zero: output.zero },
        11 => Op::Dequantize { scale: factor, zero: input_zero },
        12 => Op::QConv(qconv),
        13 => Op::QConvGlobalAverage { conv: qconv, relu: flags & FLAG != 0 },
        14 => Op::QAveragePool { window, include_pad: flags & FLAG != 0, input_zero, factor, output },
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
        coded,
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
    coded: u32,
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
            let lrn = conv.pool.map_or([0; 4], pool_bits);
            Fields { groups, bounds: bits(clamp), weight_offset, parameters, lrn, ..none }
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
            let QConv { groups, weight_offset, coded, parameters, input_zero, output, table, .. } = conv;
            let lrn = conv.pool.map_or([0; 4], pool_bits);
            let (zeros, table) = ([input_zero, 0], table.map_or(0, |table| table.wrapping_add(1)));
            Fields { groups, weight_offset, coded, parameters, zeros, output, table, lrn, ..none }
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
    let own = match op {
        Op::AveragePool { include_pad: flag, .. }
        | Op::QAveragePool { include_pad: flag, .. }
        | Op::QConvGlobalAverage { relu: flag, .. } => *flag,
        _ => false,
    };
    let narrow = op.qconv().is_some_and(|conv| conv.narrow);
    (u8::from(own) * FLAG) | (u8::from(narrow) * NARROW)
}

fn emit_view(view: &View, out: &mut impl Extend<u8>) {
    for value in [view.buffer, view.channel, view.channels] {
        out.extend(value.to_le_bytes());
    }
}

pub(crate) fn emit_step(step: &Step, out: &mut impl Extend<u8>) {
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
    out.extend(fields.coded.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window { kernel: (3, 1), stride: (2, 1), pad_start: (1, 0), pad_end: (0, 2) }
    }

    #[test]
    fn steps_come_back_as_they_went_in() {
        let conv = Conv {
            window: window(),
            groups: 2,
            clamp: Clamp::RELU,
            weight_offset: 1 << 33,
            bias: 77,
            pool: Some(window()),
        };
        let average = |include_pad| Op::AveragePool { window: window(), include_pad };
        let (output, second) =
            (Grid { zero: 9, lo: 8, hi: 250 }, View { buffer: 7, channel: 8, channels: 9 });
        let qconv = QConv {
            window: window(),
            groups: 2,
            weight_offset: 1 << 33,
            coded: 0,
            parameters: 77,
            input_zero: 5,
            output,
            table: None,
            pool: Some(window()),
            narrow: false,
        };
        let qaverage = |include_pad| Op::QAveragePool {
            window: window(),
            include_pad,
            input_zero: 4,
            factor: 1.5,
            output,
        };
        for op in [
            Op::Conv(conv),
            Op::ConvGlobalAverage(conv),
            Op::MaxPool(window()),
            average(true),
            average(false),
            Op::Softmax,
            Op::Copy,
            Op::Clamp(Clamp { lo: 0.0, hi: 6.0 }),
            Op::Add { second, clamp: Clamp::RELU },
            Op::Lrn(Lrn { size: 5, alpha: 1e-4, beta: 0.75, bias: 2.0 }),
            Op::Quantize { scale: 0.5, zero: 3 },
            Op::Dequantize { scale: 0.5, zero: 3 },
            Op::QConv(qconv),
            Op::QConv(QConv { table: Some(99), ..qconv }),
            Op::QConv(QConv { narrow: true, ..qconv }),
            Op::QConvGlobalAverage { conv: QConv { narrow: true, ..qconv }, relu: true },
            Op::QConv(QConv { coded: 1 << 20, ..qconv }),
            Op::QConvGlobalAverage { conv: qconv, relu: true },
            Op::QConvGlobalAverage { conv: qconv, relu: false },
            qaverage(true),
            qaverage(false),
            Op::QAdd { second, zeros: [1, 2], factors: [0.5, 0.25], output },
            Op::Lookup { table: 0 },
            Op::Lookup { table: 99 },
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
