//! Coded weights: they come back as they went in, and no damage to them does harm.

mod common;

use common::integers::{random_net, tiny_int8, whole_grid};
use common::{Net, Random, isas, run, window};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use wisp::format::coded::{CodedError, Decoder, NotCoded, Shape, Trellis, bits, encode};
use wisp::format::{Op, Section};
use wisp::{AlignedBytes, LoadError, Model, Options, PrepareError};

/// How many kinds of damage there are for one that is tried: unoptimised, all of them would take minutes.
const SHARE: usize = if cfg!(debug_assertions) { 20 } else { 1 };
const DIGEST: usize = 32;

fn decode(block: &[u8], shape: Shape) -> Result<Vec<i8>, CodedError> {
    let mut decoder = Decoder::new(block, shape)?;
    let mut means = vec![0xa5; shape.depth()];
    let mut weights = vec![0x5a; shape.depth() * shape.rows];
    for row in weights.chunks_exact_mut(shape.depth()) {
        decoder.row(row, &mut means)?;
    }
    decoder.finish()?;
    Ok(weights)
}

/// Weights on a path through a trellis: about `spread` large, now and then of any size; those of one channel
/// are alike, as real ones are.
fn weights(shape: Shape, trellis: Trellis, spread: f32, seed: u64) -> Vec<i8> {
    let mut random = Random(seed);
    let mut weights = Vec::new();
    for _ in 0..shape.rows {
        let (centres, mut state) = (random.values(shape.channels), 0);
        for _ in 0..shape.taps() {
            for centre in &centres {
                let value = (centre + random.value() + random.value()) * spread;
                let any = random.below(100) == 0;
                let weight = if any { random.below(253) as f32 - 126.0 } else { value.clamp(-126.0, 126.0) };
                let k = trellis.index(weight as i32);
                weights.push(trellis.weight(state, k) as i8);
                state = trellis.next(state, k);
            }
        }
    }
    weights
}

fn shape(rows: usize, kernel: usize, channels: usize) -> Shape {
    Shape { rows, kernel: (kernel, kernel), channels }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 300 }))]
    #[test]
    fn weights_come_back_as_they_went_in(
        rows in 1..20usize, height in 1..5usize, width in 1..5usize, channels in 1..150usize,
        states in prop::sample::select(&Trellis::ALL[..]), spread in 0..40u32, seed: u64,
    ) {
        let shape = Shape { rows, kernel: (height, width), channels };
        let weights = weights(shape, states, spread as f32, seed);
        let block = encode(&weights, shape, states).unwrap();
        prop_assert_eq!(decode(&block, shape), Ok(weights.clone()));
        let estimate = bits(&weights, shape, states).unwrap() / 8.0;
        prop_assert!((estimate - block.len() as f64).abs() < 8.0, "{} bytes, estimated {}", block.len(), estimate);
    }
}

#[test]
fn all_there_is_of_everything() {
    for trellis in Trellis::ALL {
        for kernel in [1, 3, 4] {
            let shape = shape(4, kernel, 70);
            for value in [0, 1, -1, 7, 8, -14, 15, 126, 127, -127] {
                // On a trellis, the nearest that each state reaches.
                let mut weights = vec![];
                for _ in 0..shape.rows {
                    let mut state = 0;
                    for _ in 0..shape.depth() {
                        let mut k = trellis.index(value);
                        k -= i32::from(trellis.weight(state, k) > 127)
                            - i32::from(trellis.weight(state, k) < -127);
                        weights.push(trellis.weight(state, k) as i8);
                        state = trellis.next(state, k);
                    }
                }
                let block = encode(&weights, shape, trellis).unwrap();
                assert_eq!(decode(&block, shape), Ok(weights), "{trellis:?} {kernel} {value}");
            }
        }
    }
}

#[test]
fn says_what_cannot_be_coded() {
    let shape = shape(2, 1, 3);
    assert_eq!(encode(&[0; 5], shape, Trellis::Plain), Err(NotCoded::Shape));
    assert_eq!(encode(&[0, 0, 0, 0, -128, 0], shape, Trellis::Plain), Err(NotCoded::Weight { row: 1 }));
    // A row begins with the even quantiser.
    assert_eq!(encode(&[3, 0, 0, 0, 0, 0], shape, Trellis::Four), Err(NotCoded::Weight { row: 0 }));
    assert!(encode(&[2, 3, 0, 0, 0, 0], shape, Trellis::Four).is_ok());
}

/// The bytes are the format: a change here is a change of the format.
#[test]
fn a_stream_is_what_it_was() {
    let shape = shape(24, 3, 40);
    let digests = Trellis::ALL.map(|trellis| {
        let block = encode(&weights(shape, trellis, 2.5, 7), shape, trellis).unwrap();
        let digest = Sha256::digest(&block);
        format!("{} {:02x}{:02x}{:02x}{:02x}", block.len(), digest[0], digest[1], digest[2], digest[3])
    });
    assert_eq!(digests, ["3517 281896c5", "2815 3a51e702", "2813 92f53071"]);
}

#[test]
fn truncated_at_every_byte_and_with_one_more() {
    for trellis in Trellis::ALL {
        let shape = shape(6, 3, 20);
        let block = encode(&weights(shape, trellis, 3.0, 3), shape, trellis).unwrap();
        for length in 0..block.len() {
            assert!(decode(&block[..length], shape).is_err(), "{length} bytes");
        }
        let longer = |more: &[u8]| decode(&[&block, more].concat(), shape);
        assert_eq!(longer(&[0]), Err(CodedError::Header));
        assert_eq!(longer(&[0, 0]), Err(CodedError::Long));
    }
}

/// An integer convolution in a model of its own.
fn one_layer(trellis: Trellis) -> (Net, Vec<u8>) {
    let mut net = Net::new(4, 4, 6, 5);
    let input = net.quantized(0.01, 100);
    let map = net.bytes_buffer(4, 4, 7);
    let conv = net.qconv(window(3, 1, 1), 1, net.whole(input), net.whole(map), whole_grid(90));
    net.step(Op::QConv(conv), net.whole(input), net.whole(map));
    net.shown(map);
    for weight in &mut net.weights {
        *weight = (weight.cast_signed() / 24).cast_unsigned();
    }
    net.onto(trellis);
    let file = net.coded_bytes(trellis);
    (net, file)
}

fn repaired(mut file: Vec<u8>) -> Vec<u8> {
    let (length, body) = (file.len() as u64, file.len() - DIGEST);
    file[16..24].copy_from_slice(&length.to_le_bytes());
    let digest = Sha256::digest(&file[..body]);
    file[body..].copy_from_slice(&digest);
    file
}

/// Where the weights section stands.
fn section(file: &[u8]) -> (usize, usize) {
    let entry = 32 + 24 * (Section::Weights as usize - 1);
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    (word(entry + 8), word(entry + 16))
}

/// Loads and prepares what may be anything but needs no more memory than the whole model; what prepares runs.
fn survive(file: &[u8], memory: &mut AlignedBytes) -> Result<(), PrepareError> {
    let Ok(model) = Model::from_bytes(file) else { return Ok(()) };
    let options = Options::default();
    let need = model.requirements(&options)?;
    model.prepare(&options, memory.as_mut_slice())?;
    assert!(need.prepared_bytes <= memory.as_slice().len());
    Ok(())
}

#[test]
fn a_hundred_thousand_flips_with_the_digest_repaired() {
    let mut random = Random(11);
    let (mut refused, mut rounds) = (0, 0);
    for trellis in Trellis::ALL {
        let (_, file) = one_layer(trellis);
        let (start, length) = section(&file);
        let need = Model::from_bytes(&file).unwrap().requirements(&Options::default()).unwrap();
        let mut memory = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
        for round in 0..34_000 / SHARE {
            let mut bad = file.clone();
            // Every bit of the header and of the first words, then any one, or some.
            let flips = if round < 600 { 1 } else { 1 + round % 3 };
            for _ in 0..flips {
                let any = start * 8 + random.below(length as u32 * 8) as usize;
                let bit = if round < 600 { start * 8 + round % (length * 8) } else { any };
                bad[bit / 8] ^= 1 << (bit % 8);
            }
            match survive(&repaired(bad), &mut memory) {
                Ok(()) => {}
                Err(PrepareError::Coded { step: 1, .. }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            rounds += 1;
        }
    }
    assert!(refused > rounds * 9 / 10, "{refused} of {rounds} are refused");
}

#[test]
fn a_block_that_is_cut_or_longer_is_refused_with_its_step() {
    let (_, file) = one_layer(Trellis::Plain);
    let (start, length) = section(&file);
    let at = |file: &[u8], value: u32| {
        let needle = (length as u32).to_le_bytes();
        // The step's record ends with the coded length.
        let place = (0..start).rev().find(|&at| file[at..at + 4] == needle && (at - 116) % 4 == 0).unwrap();
        (place, value)
    };
    for more in [-2i64, 2] {
        let changed = (length as i64 + more) as usize;
        let mut bad = file[..start].to_vec();
        let mut weights = file[start..start + length].to_vec();
        weights.resize(changed, 0);
        bad.extend(weights);
        bad.extend([0; DIGEST]);
        bad[32 + 24 * 6 + 16..][..8].copy_from_slice(&(changed as u64).to_le_bytes());
        let (place, _) = at(&file, 0);
        bad[place..place + 4].copy_from_slice(&(changed as u32).to_le_bytes());
        let bad = repaired(bad);
        let model = Model::from_bytes(&bad).unwrap();
        let need = model.requirements(&Options::default()).unwrap();
        let mut memory = AlignedBytes::zeroed(need.prepared_bytes).unwrap();
        let error = model.prepare(&Options::default(), memory.as_mut_slice()).unwrap_err();
        let expected = if more < 0 { CodedError::Short } else { CodedError::Long };
        assert_eq!(error, PrepareError::Coded { step: 1, error: expected });
    }
}

#[test]
fn a_few_bytes_do_not_ask_for_many_weights() {
    let mut net = Net::new(1, 1, 4096, 5);
    let input = net.quantized(0.01, 100);
    let map = net.bytes_buffer(1, 1, 64);
    let conv = net.qconv(window(1, 1, 0), 1, net.whole(input), net.whole(map), whole_grid(90));
    net.step(Op::QConv(conv), net.whole(input), net.whole(map));
    net.shown(map);
    net.weights.fill(0);
    let file = net.coded_bytes(Trellis::Plain);
    let Err(LoadError::Invalid { field: "coded bytes", .. }) = Model::from_bytes(&file) else {
        panic!("it loads")
    };
}

/// Prepares both files on each instruction set and runs them.
#[test]
fn a_coded_model_computes_what_a_plain_one_does() {
    for trellis in Trellis::ALL {
        for seed in 0..40 {
            let mut net = if seed == 0 { tiny_int8() } else { random_net(seed) };
            net.onto(trellis);
            let (plain, coded) = (net.bytes(), net.coded_bytes(trellis));
            let model = Model::from_bytes(&coded).unwrap();
            let input = Random(seed).values(model.input().values().unwrap() as usize);
            for isa in isas() {
                let options = Options::default().with_isa(isa);
                let need = |file| Model::from_bytes(file).unwrap().requirements(&options).unwrap();
                assert_eq!(need(&plain), need(&coded), "no more memory");
                assert_eq!(run(&plain, isa, &input), run(&coded, isa, &input), "{trellis:?} {seed} {isa}");
            }
        }
    }
}

/// Rows too long for the stack are decoded in memory that the requirements name.
#[test]
fn long_rows_take_some_memory() {
    let mut net = Net::new(1, 1, 3000, 5);
    let input = net.quantized(0.01, 100);
    let map = net.bytes_buffer(1, 1, 3);
    let conv = net.qconv(window(1, 1, 0), 1, net.whole(input), net.whole(map), whole_grid(90));
    net.step(Op::QConv(conv), net.whole(input), net.whole(map));
    net.shown(map);
    let (plain, coded) = (net.bytes(), net.coded_bytes(Trellis::Plain));
    let input = Random(9).values(3000);
    for isa in isas() {
        let options = Options::default().with_isa(isa);
        let need = |file| Model::from_bytes(file).unwrap().requirements(&options).unwrap().prepared_bytes;
        assert_eq!(need(&coded), need(&plain) + 6016);
        assert_eq!(run(&plain, isa, &input), run(&coded, isa, &input));
        let mut memory = AlignedBytes::zeroed(need(&coded) - 64).unwrap();
        let error = Model::from_bytes(&coded).unwrap().prepare(&options, memory.as_mut_slice()).unwrap_err();
        assert_eq!(error, PrepareError::PreparedTooSmall { needed: need(&coded), given: need(&coded) - 64 });
    }
}
