//! Files that nobody should be able to break the loader with.
//!
//! Two kinds of damage: as it happens (the digest finds it, always), and as an attacker does it, who
//! repairs length and digest afterwards. The second kind must end in a typed error, or in a model that
//! is valid in its own right: such a model is prepared and run.

mod common;

use common::integers::{tiny_coded, tiny_int8};
use common::{Net, Random, isas, tiny};
use sha2::{Digest, Sha256};
use wisp::format::{ALIGN, Clamp, Grid, Op, Section, Window};
use wisp::{AlignedBytes, LoadError, Model, Options, PrepareError, Session};

const DIGEST: usize = 32;
/// How many kinds of damage there are for one that is tried: unoptimised, all of them would take minutes.
const SHARE: usize = if cfg!(debug_assertions) { 11 } else { 1 };
const TABLE_END: usize = 32 + 7 * 24;

/// The file with its length field and digest made right again.
fn repaired(mut file: Vec<u8>) -> Vec<u8> {
    if file.len() >= TABLE_END + DIGEST {
        let length = file.len() as u64;
        file[16..24].copy_from_slice(&length.to_le_bytes());
        let body = file.len() - DIGEST;
        let digest = Sha256::digest(&file[..body]);
        file[body..].copy_from_slice(&digest);
    }
    file
}

/// Loads a file that may be anything; what loads must run, in no more memory than it declares.
fn survive(file: &[u8]) -> Result<(), LoadError> {
    let model = Model::from_bytes(file)?;
    for step in 0..model.steps().len() {
        assert!(model.step_name(step).is_some());
    }
    for class in 0..model.info().class_count as usize + 1 {
        assert_eq!(
            model.label(class).is_some(),
            model.has_labels() && class < model.info().class_count as usize
        );
    }
    model.provenance();
    for isa in isas() {
        let options = Options::default().with_isa(isa).with_memory_budget(16 << 20);
        let need = match model.requirements(&options) {
            Ok(need) => need,
            Err(PrepareError::OverBudget { needed, given }) => {
                assert!(needed > given);
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        assert!(need.prepared_bytes + need.arena_bytes <= 16 << 20);
        let mut weights = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
        let mut arena = AlignedBytes::zeroed(need.arena_bytes).unwrap();
        let prepared = match model.prepare(&options, weights.as_mut_slice()) {
            Ok(prepared) => prepared,
            Err(PrepareError::Coded { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
        session.input_mut().fill(0.25);
        session.run().unwrap();
    }
    Ok(())
}

/// A model of floats, one of integers, and that with coded weights.
fn files() -> [Vec<u8>; 3] {
    [tiny(), tiny_int8().bytes(), tiny_coded()]
}

fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
    let mut bad = file.to_vec();
    bad[bit / 8] ^= 1 << (bit % 8);
    bad
}

#[test]
fn the_whole_file_loads() {
    for file in files() {
        assert_eq!(survive(&file), Ok(()));
        assert_eq!(repaired(file.clone()), file);
    }
}

#[test]
fn truncated_at_every_byte() {
    for file in files() {
        for length in 0..file.len() {
            assert!(Model::from_bytes(&file[..length]).is_err(), "{length} bytes");
            let bad = repaired(file[..length].to_vec());
            assert!(survive(&bad).is_err(), "{length} bytes, repaired");
        }
    }
}

#[test]
fn every_bit_flipped() {
    for file in files() {
        let weights = section(&file, Section::Weights).0;
        for bit in 0..file.len() * 8 {
            assert!(Model::from_bytes(&flipped(&file, bit)).is_err(), "bit {bit}");
        }
        let mut loaded = 0;
        for bit in (0..weights * 8).step_by(SHARE) {
            loaded += usize::from(survive(&repaired(flipped(&file, bit))).is_ok());
        }
        // Names, labels, biases, bounds and the preprocessing have many valid values; the plan has few.
        let flips = weights * 8 / SHARE;
        assert!(loaded < flips / 2, "{loaded} of {flips} flips load");
    }
}

#[test]
fn ten_thousand_flips_in_the_weights() {
    for file in files() {
        let (start, length) = section(&file, Section::Weights);
        let mut random = Random(42);
        for round in 0..10_000 {
            let bit = start * 8 + (random.value().abs() * (length * 8) as f32) as usize % (length * 8);
            let bad = flipped(&file, bit);
            assert_eq!(Model::from_bytes(&bad).err(), Some(LoadError::Digest), "bit {bit}");
            if round % 10 == 0 {
                // Repaired, it is another valid model, or has a weight that is no number, or dirty padding.
                match survive(&repaired(bad)) {
                    Ok(()) => {}
                    Err(LoadError::Invalid { section: Section::Weights | Section::Plan, .. }) => {}
                    Err(other) => panic!("bit {bit}: {other}"),
                }
            }
        }
    }
}

#[test]
fn every_field_set_to_the_values_that_break_parsers() {
    // Coded weights change one field of a step, of which `each_rule_of_integer_steps_is_named` has the values.
    for file in &files()[..2] {
        let weights = section(file, Section::Weights).0;
        for at in (0..weights - 8).step_by(SHARE) {
            for width in [1, 2, 4, 8] {
                if at % width != 0 {
                    continue;
                }
                for value in
                    [0, 1, u64::MAX, u64::MAX - 1, 1 << 31, 1 << 63, 1 << 15, 0x7f80_0000, 0x7fc0_0000]
                {
                    let mut bad = file.clone();
                    bad[at..at + width].copy_from_slice(&u64::to_le_bytes(value)[..width]);
                    if bad != *file {
                        assert!(Model::from_bytes(&bad).is_err(), "byte {at}: {value}");
                        let _ = survive(&repaired(bad));
                    }
                }
            }
        }
    }
}

#[test]
fn bytes_appended_and_files_glued() {
    let file = tiny();
    for extra in [1, 2, 63, 64, 65, 4096, 1 << 20] {
        let mut bad = file.clone();
        bad.resize(file.len() + extra, 0);
        let declared = file.len() as u64;
        let given = bad.len() as u64;
        assert_eq!(Model::from_bytes(&bad).err(), Some(LoadError::Length { declared, given }));
        assert!(survive(&repaired(bad)).is_err(), "{extra} bytes");
    }
    assert!(survive(&repaired([tiny(), tiny()].concat())).is_err());
    assert_eq!(survive(&[]), Err(LoadError::Magic));
    assert_eq!(survive(&vec![0; 1 << 16]), Err(LoadError::Magic));
    assert_eq!(survive(&vec![0xff; 1 << 16]), Err(LoadError::Magic));
}

/// Start and length of a section, read from the table.
fn section(file: &[u8], section: Section) -> (usize, usize) {
    let entry = 32 + (section as usize - 1) * 24;
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    (number(entry + 8), number(entry + 16))
}

/// The file with other bytes at a place of a section.
fn patched(mut file: Vec<u8>, into: Section, at: usize, value: &[u8]) -> Vec<u8> {
    let at = section(&file, into).0 + at;
    file[at..at + value.len()].copy_from_slice(value);
    repaired(file)
}

/// Where a buffer's record stands in the plan.
fn buffer(index: usize) -> usize {
    16 + index * 32
}

/// Where a step's record stands in a plan of so many buffers.
fn step(buffers: usize, index: usize) -> usize {
    buffer(buffers) + index * 120
}

/// The field that the loader names when it refuses the plan.
fn refused(file: &[u8]) -> &'static str {
    match Model::from_bytes(file) {
        Err(LoadError::Invalid { section: Section::Plan, field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

fn u16(value: u16) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn u32(value: u32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn u64(value: u64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn f32(value: f32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

/// Each rule of `docs/format.md` that one field can break, by name.
#[test]
fn each_rule_is_named() {
    let step = |index| step(7, index);
    let cases: &[(&str, usize, Vec<u8>)] = &[
        ("buffer count", 0, u32(0)),
        ("step count", 4, u32(9000)),
        ("input buffer", 8, u32(7)),
        ("output buffer", 12, u32(7)),
        ("height", buffer(1), u32(0)),
        ("width", buffer(1) + 4, u32(70_000)),
        ("channels", buffer(1) + 8, u32(1 << 21)),
        ("last step", buffer(1) + 16, u32(7)),
        ("first step of the input buffer", buffer(0) + 12, u64(1 | 1 << 32)),
        ("element", buffer(1) + 20, u32(2)),
        ("element", buffer(1) + 20, u32(1)),
        ("arena offset", buffer(1) + 24, u64(4)),
        ("arena offset", buffer(1) + 24, u64(1 << 40)),
        ("shares memory with buffer", buffer(1) + 24, u64(0)),
        ("operation", step(0), vec![0]),
        ("operation", step(0), vec![17]),
        ("reserved", step(0) + 2, u16(1)),
        ("kernel", step(0) + 4, u16(0)),
        ("stride", step(0) + 8, u16(0)),
        ("pad", step(1) + 12, u16(3)),
        ("output height", step(0) + 12, u16(1)),
        ("groups", step(0) + 20, u32(0)),
        ("groups", step(0) + 20, u32(2)),
        ("lower bound", step(0) + 24, f32(f32::NAN)),
        ("buffer", step(0) + 32, u32(7)),
        ("channels of a view", step(0) + 40, u32(4)),
        ("channels of a view", step(0) + 36, u32(u32::MAX)),
        ("output buffer", step(1) + 44, u32(1)),
        ("weight offset", step(0) + 56, u64(64)),
        ("weight bytes", step(5) + 4, u16(3)),
        ("first parameter", step(0) + 64, u32(1)),
        ("record", step(0) + 70, vec![1]),
        ("record", step(0) + 96, vec![1]),
        ("record", step(6) + 4, u16(1)),
    ];
    for (expected, at, value) in cases {
        assert_eq!(refused(&patched(tiny(), Section::Plan, *at, value)), *expected, "at {at}");
    }
}

#[test]
fn each_rule_of_integer_steps_is_named() {
    let step = |index| step(16, index);
    let file = tiny_int8().bytes();
    let plan = |at, value: &[u8]| refused(&patched(file.clone(), Section::Plan, at, value));
    // Quantize and dequantize.
    for value in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
        assert_eq!(plan(step(0) + 104, &f32(value)), "scale", "{value}");
        assert_eq!(plan(step(13) + 104, &f32(value)), "scale", "{value}");
    }
    // Factors of a sum (two) and of an average, and those of a convolution.
    let least = 2f32.powi(-32);
    for value in [0.0, -1.0, f32::NAN, f32::INFINITY, least / 2.0, least.next_down(), 257.0, 256f32.next_up()]
    {
        for at in [step(7) + 104, step(7) + 108, step(9) + 104] {
            assert_eq!(plan(at, &f32(value)), "factor", "{value}");
        }
        // Behind the eight biases of the first convolution.
        let bad = patched(file.clone(), Section::Parameters, 8 * 4, &f32(value));
        assert_eq!(refused(&bad), "bias or factor", "{value}");
    }
    for value in [least, 256.0] {
        assert_eq!(survive(&patched(file.clone(), Section::Plan, step(7) + 104, &f32(value))), Ok(()));
        assert_eq!(survive(&patched(file.clone(), Section::Parameters, 8 * 4, &f32(value))), Ok(()));
    }
    // Factors to f32, those of step 11, may be any finite number.
    let first = tiny_int8().steps[11].op.qconv().map_or(0, |conv| conv.parameters as usize + 10);
    for (value, loads) in [(0.0, true), (-1e30, true), (f32::NAN, false), (f32::INFINITY, false)] {
        let file = patched(file.clone(), Section::Parameters, first * 4, &f32(value));
        assert_eq!(Model::from_bytes(&file).is_ok(), loads, "{value}");
    }
    let cases: &[(&str, usize, Vec<u8>)] = &[
        ("operation", step(0), vec![17]),
        ("element", buffer(10) + 20, u32(1)),
        ("element", buffer(10) + 20, u32(u32::MAX)),
        ("record", step(0) + 1, vec![1]),
        ("record", step(0) + 96, vec![1]),
        ("record", step(0) + 99, vec![1]),
        ("record", step(0) + 108, f32(1.0)),
        ("record", step(1) + 97, vec![1]),
        ("record", step(1) + 104, f32(1.0)),
        ("record", step(2) + 98, vec![1]),
        ("record", step(8) + 112, u32(1)),
        ("record", step(10) + 1, vec![4]),
        ("record", step(13) + 98, vec![1]),
        ("reserved", step(1) + 101, vec![1]),
        ("reserved", step(1) + 103, vec![1]),
        ("record", step(0) + 116, u32(1)),
        ("coded bytes", step(1) + 116, u32(1)),
        ("weight bytes", step(1) + 116, u32(u32::MAX)),
        ("lower bound", step(1) + 99, vec![251]),
        ("lower bound", step(7) + 99, vec![1, 0]),
        ("lower bound", step(9) + 99, vec![255, 254]),
        ("grid of an f32 output", step(10) + 100, vec![1]),
        ("grid of an f32 output", step(11) + 98, vec![1]),
        ("grid of an f32 output", step(11) + 112, u32(1)),
        ("first parameter", step(1) + 64, u32(1)),
        ("first parameter", step(1) + 64, u32(u32::MAX)),
        ("first parameter", step(5) + 112, u32(1)),
        ("first parameter", step(5) + 112, u32(u32::MAX)),
        // Without its table, what follows begins too late.
        ("first parameter", step(5) + 112, u32(0)),
        ("first parameter", step(6) + 112, u32(0)),
        ("first parameter", step(6) + 112, u32(u32::MAX)),
        ("groups", step(1) + 20, u32(2)),
        ("weight offset", step(1) + 56, u64(64)),
        ("output channel with wide weights", step(1) + 1, vec![2]),
        ("output channel with wide weights", step(10) + 1, vec![3]),
        ("channels of what is added", step(7) + 76, u32(11)),
    ];
    for (expected, at, value) in cases {
        assert_eq!(plan(*at, value), *expected, "at {at}");
    }
    // A table for the last convolution would stand behind the parameters.
    let words = section(&file, Section::Parameters).1 / 4;
    assert_eq!(plan(step(12) + 112, &u32(words as u32 + 1)), "parameters");
}

/// Types that do not meet, in models that are right otherwise.
#[test]
fn steps_read_and_write_the_types_that_they_are_made_for() {
    let of = |bytes: bool, make: &dyn Fn(&mut Net) -> Op| {
        let mut net = Net::new(4, 4, 3, 1);
        let from = net.quantized(1.0, 0);
        let to = if bytes { net.bytes_buffer(4, 4, 3) } else { net.buffer(4, 4, 3) };
        let op = make(&mut net);
        net.step(op, net.whole(from), net.whole(to));
        if bytes {
            net.shown(to);
        }
        Model::from_bytes(&net.bytes()).map(|_| ()).map_err(|_| refused(&net.bytes()))
    };
    let window = common::window(1, 1, 0);
    let grid = Grid { zero: 0, lo: 0, hi: 1 };
    assert_eq!(of(true, &|_| Op::MaxPool(window)), Ok(()));
    assert_eq!(of(false, &|_| Op::MaxPool(window)), Err("element"));
    assert_eq!(of(true, &|_| Op::Copy), Ok(()));
    assert_eq!(of(false, &|_| Op::Copy), Err("element"));
    assert_eq!(of(false, &|_| Op::Softmax), Err("element"));
    assert_eq!(of(true, &|_| Op::Softmax), Err("element"));
    assert_eq!(of(true, &|_| Op::AveragePool { window, include_pad: false }), Err("element"));
    assert_eq!(of(true, &|_| Op::Quantize { scale: 1.0, zero: 0 }), Err("element"));
    assert_eq!(of(true, &|_| Op::Dequantize { scale: 1.0, zero: 0 }), Err("element"));
    let add = |second| Op::QAdd { second, zeros: [0; 2], factors: [1.0; 2], output: grid };
    assert_eq!(of(true, &|net| add(net.whole(1))), Ok(()));
    assert_eq!(of(true, &|net| add(net.whole(0))), Err("element of what is added"));
    assert_eq!(of(false, &|net| add(net.whole(1))), Err("element"));
    let conv = |net: &mut Net| Op::QConv(net.qconv(window, 1, net.whole(1), net.whole(2), grid));
    assert_eq!(of(true, &conv), Ok(()));
    assert_eq!(of(false, &conv), Err("grid of an f32 output"));
    let conv = |net: &mut Net| Op::Conv(net.conv(window, 1, Clamp::NONE, net.whole(1), net.whole(2)));
    assert_eq!(of(true, &conv), Err("element"));
    assert_eq!(of(false, &conv), Err("element"));
    // A model's input and output are f32.
    let mut net = Net::new(4, 4, 3, 1);
    net.quantized(1.0, 0);
    assert_eq!(refused(&net.bytes()), "element of input and output");
}

#[test]
fn memory_one_byte_short_is_refused_with_both_figures() {
    for file in files() {
        let model = Model::from_bytes(&file).unwrap();
        for isa in isas() {
            let options = Options::default().with_isa(isa);
            let need = model.requirements(&options).unwrap();
            let total = need.prepared_bytes + need.arena_bytes;
            assert_eq!(model.requirements(&options.with_memory_budget(total)), Ok(need));
            let short = PrepareError::OverBudget { needed: total, given: total - 1 };
            assert_eq!(model.requirements(&options.with_memory_budget(total - 1)), Err(short));
            assert_eq!(
                short.to_string(),
                format!("the model needs {total} bytes of memory, the budget is {}", total - 1)
            );

            let mut weights = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
            let mut arena = AlignedBytes::zeroed(need.arena_bytes + ALIGN).unwrap();
            let (needed, given) = (need.prepared_bytes, need.prepared_bytes - 1);
            let error = model.prepare(&options, &mut weights.as_mut_slice()[..given]).err();
            assert_eq!(error, Some(PrepareError::PreparedTooSmall { needed, given }));
            let prepared = model.prepare(&options, weights.as_mut_slice()).unwrap();
            let (needed, given) = (need.arena_bytes, need.arena_bytes - 1);
            let error = Session::new(&prepared, &mut arena.as_mut_slice()[..given]).err();
            assert_eq!(error, Some(PrepareError::ArenaTooSmall { needed, given }));
            let error = Session::new(&prepared, &mut arena.as_mut_slice()[4..]).err();
            assert_eq!(error, Some(PrepareError::Misaligned));
        }
    }
}

#[test]
fn an_instruction_set_that_the_cpu_lacks_is_refused() {
    let file = tiny();
    let model = Model::from_bytes(&file).unwrap();
    for &isa in wisp::Isa::ALL.iter().filter(|isa| !isa.is_available()) {
        let options = Options::default().with_isa(isa);
        assert_eq!(model.requirements(&options), Err(PrepareError::Isa(isa)));
    }
}

#[test]
fn channels_are_written_once_and_before_they_are_read() {
    let file = tiny();
    let plan = section(&file, Section::Plan).0;
    let at = |index| plan + step(7, index);
    // Both halves of the concat go to the first.
    let mut twice = file.clone();
    let output = twice[at(3) + 44..at(3) + 56].to_vec();
    twice[at(4) + 44..at(4) + 56].copy_from_slice(&output);
    match Model::from_bytes(&repaired(twice)) {
        Err(LoadError::Invalid { field: "output channels", .. }) => {}
        other => panic!("{other:?}"),
    }
    // The pool comes before the convolution whose output it reads.
    let mut unwritten = file.clone();
    let (first, second) = (file[at(0)..at(1)].to_vec(), file[at(1)..at(2)].to_vec());
    unwritten[at(0)..at(1)].copy_from_slice(&second);
    unwritten[at(1)..at(2)].copy_from_slice(&first);
    let steps = |index| plan + buffer(index) + 12;
    unwritten[steps(0)..steps(0) + 8].copy_from_slice(&u64::to_le_bytes(1 << 32));
    unwritten[steps(2)..steps(2) + 4].copy_from_slice(&[0; 4]);
    match Model::from_bytes(&repaired(unwritten)) {
        Err(LoadError::Invalid { field: "input buffer", .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pool_larger_than_its_image_takes_no_memory_for_it() {
    let mut net = Net::new(1, 1, 3, 1);
    let output = net.buffer(1, 1, 3);
    let side = u16::MAX;
    let window =
        Window { kernel: (side, side), stride: (1, 1), pad_start: (side - 1, side - 1), pad_end: (0, 0) };
    net.step(Op::MaxPool(window), net.whole(0), net.whole(output));
    let file = net.bytes();
    let model = Model::from_bytes(&file).unwrap();
    assert!(model.requirements(&Options::default()).unwrap().arena_bytes < 1024);
    assert_eq!(survive(&file), Ok(()));
}

#[test]
fn an_average_over_more_pixels_than_can_be_counted_is_refused() {
    let mut net = Net::new(65_535, 1, 1, 1);
    let output = net.buffer(1, 1, 1);
    let side = u16::MAX;
    let window = Window { kernel: (1, side), stride: (1, 1), pad_start: (0, side), pad_end: (1, side - 1) };
    let conv = net.conv(window, 1, Clamp::NONE, net.whole(0), net.whole(output));
    net.step(Op::ConvGlobalAverage(conv), net.whole(0), net.whole(output));
    match Model::from_bytes(&net.bytes()) {
        Err(LoadError::Invalid { section: Section::Plan, field: "pixels averaged", .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pool_rounds_down_or_up_and_gives_no_other_size() {
    for side in 1..=7 {
        let mut net = Net::new(6, 6, 2, 1);
        let output = net.buffer(side, side, 2);
        let window = Window { kernel: (3, 3), stride: (2, 2), ..Window::default() };
        net.step(Op::MaxPool(window), net.whole(0), net.whole(output));
        assert_eq!(Model::from_bytes(&net.bytes()).is_ok(), [2, 3].contains(&side), "{side}");
    }
}
