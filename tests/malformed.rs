//! Files that nobody should be able to break the loader with.
//!
//! Two kinds of damage: as it happens (the digest finds it, always), and as an attacker does it, who
//! repairs length and digest afterwards. The second kind must end in a typed error, or in a model that
//! is valid in its own right: such a model is prepared and run.

mod common;

use common::{Net, Random, isas, tiny};
use sha2::{Digest, Sha256};
use wisp::format::{ALIGN, Clamp, Op, Section, Window};
use wisp::{AlignedBytes, LoadError, Model, Options, PrepareError, Session};

const DIGEST: usize = 32;
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
        let prepared = model.prepare(&options, weights.as_mut_slice()).unwrap();
        let mut session = Session::new(&prepared, arena.as_mut_slice()).unwrap();
        session.input_mut().fill(0.25);
        session.run().unwrap();
    }
    Ok(())
}

fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
    let mut bad = file.to_vec();
    bad[bit / 8] ^= 1 << (bit % 8);
    bad
}

#[test]
fn the_whole_file_loads() {
    assert_eq!(survive(&tiny()), Ok(()));
    assert_eq!(repaired(tiny()), tiny());
}

#[test]
fn truncated_at_every_byte() {
    let file = tiny();
    for length in 0..file.len() {
        assert!(Model::from_bytes(&file[..length]).is_err(), "{length} bytes");
        let bad = repaired(file[..length].to_vec());
        assert!(survive(&bad).is_err(), "{length} bytes, repaired");
    }
}

#[test]
fn every_bit_flipped() {
    let file = tiny();
    let weights = section(&file, Section::Weights).0;
    for bit in 0..file.len() * 8 {
        assert!(Model::from_bytes(&flipped(&file, bit)).is_err(), "bit {bit}");
    }
    let mut loaded = 0;
    for bit in 0..weights * 8 {
        loaded += usize::from(survive(&repaired(flipped(&file, bit))).is_ok());
    }
    // Names, labels, biases, bounds and the preprocessing have many valid values; the plan has few.
    assert!(loaded < weights * 4, "{loaded} of {} flips load", weights * 8);
}

#[test]
fn ten_thousand_flips_in_the_weights() {
    let file = tiny();
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

#[test]
fn every_field_set_to_the_values_that_break_parsers() {
    let file = tiny();
    let weights = section(&file, Section::Weights).0;
    for at in 0..weights - 8 {
        for width in [1, 2, 4, 8] {
            if at % width != 0 {
                continue;
            }
            for value in [0, 1, u64::MAX, u64::MAX - 1, 1 << 31, 1 << 63, 1 << 15, 0x7f80_0000, 0x7fc0_0000] {
                let mut bad = file.clone();
                bad[at..at + width].copy_from_slice(&u64::to_le_bytes(value)[..width]);
                if bad != file {
                    assert!(Model::from_bytes(&bad).is_err(), "byte {at}: {value}");
                    let _ = survive(&repaired(bad));
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

/// The file with other bytes at a place of its plan.
fn patched(at: usize, value: &[u8]) -> Vec<u8> {
    let mut file = tiny();
    let at = section(&file, Section::Plan).0 + at;
    file[at..at + value.len()].copy_from_slice(value);
    repaired(file)
}

/// Each rule of `docs/format.md` that needs several fields to break, by name.
#[test]
fn each_rule_is_named() {
    const BUFFER: usize = 32;
    const STEP: usize = 120;
    let buffer = |index: usize| 16 + index * BUFFER;
    let step = |index: usize| 16 + 7 * BUFFER + index * STEP;
    let u16 = |value: u16| value.to_le_bytes().to_vec();
    let u32 = |value: u32| value.to_le_bytes().to_vec();
    let u64 = |value: u64| value.to_le_bytes().to_vec();
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
        ("arena offset", buffer(1) + 24, u64(4)),
        ("arena offset", buffer(1) + 24, u64(1 << 40)),
        ("shares memory with buffer", buffer(1) + 24, u64(0)),
        ("operation", step(0), vec![99]),
        ("reserved", step(0) + 2, u16(1)),
        ("kernel", step(0) + 4, u16(0)),
        ("stride", step(0) + 8, u16(0)),
        ("pad", step(1) + 12, u16(3)),
        ("output height", step(0) + 12, u16(1)),
        ("groups", step(0) + 20, u32(0)),
        ("groups", step(0) + 20, u32(2)),
        ("lower bound", step(0) + 24, f32::NAN.to_le_bytes().to_vec()),
        ("buffer", step(0) + 32, u32(7)),
        ("channels of a view", step(0) + 40, u32(4)),
        ("channels of a view", step(0) + 36, u32(u32::MAX)),
        ("output buffer", step(1) + 44, u32(1)),
        ("weight offset", step(0) + 56, u64(64)),
        ("weight bytes", step(5) + 4, u16(3)),
        ("first parameter", step(0) + 64, u32(1)),
        ("record", step(0) + 70, vec![1]),
        ("record", step(6) + 4, u16(1)),
    ];
    for (expected, at, value) in cases {
        match Model::from_bytes(&patched(*at, value)) {
            Err(LoadError::Invalid { section: Section::Plan, field, .. }) => {
                assert_eq!(field, *expected, "at {at}")
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn memory_one_byte_short_is_refused_with_both_figures() {
    let file = tiny();
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
    let at = |index: usize| plan + 16 + 7 * 32 + index * 120;
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
    let steps = |buffer: usize| plan + 16 + buffer * 32 + 12;
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
