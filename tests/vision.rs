//! Preprocessing against Pillow, whose results are committed as hashes, and top-k against a sort.

mod common;

use common::{Random, isas};
use proptest::prelude::*;
use wisp::vision::{
    ChannelOrder, Frame, ImageError, PixelRange, Preprocess, PreprocessError, Resampler, Resize, Rgb8,
    scratch_bytes, top_k,
};

/// Bytes as they are: the tensor then holds the resized picture itself.
const PLAIN: Preprocess = Preprocess {
    resize: Resize::Warp,
    order: ChannelOrder::Rgb,
    range: PixelRange::Byte,
    mean: [0.0; 3],
    std: [1.0; 3],
};

/// The picture that `scripts/pillow_golden.py` makes of the same seed.
fn picture(seed: u32, width: usize, height: usize) -> Vec<u8> {
    let mut state = seed;
    let mut values = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                values.push((x * 3 + y * 5 + channel * 40 + (state >> 25) as usize) as u8);
            }
        }
    }
    values
}

fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// What every instruction set gives for a frame, twice.
fn resample<'f>(
    spec: &Preprocess,
    frame: impl Into<Frame<'f>>,
    input: (u32, u32),
) -> Result<Vec<f32>, PreprocessError> {
    let frame = frame.into();
    let size = (frame.width() as u32, frame.height() as u32);
    let needed = scratch_bytes(spec, size, input)?;
    let mut first: Option<Vec<f32>> = None;
    for isa in isas() {
        let mut scratch = vec![0xaa; needed];
        let mut resampler = Resampler::new(spec, size, input, &mut scratch)?.with_isa(isa)?;
        for _ in 0..2 {
            let mut tensor = vec![f32::NAN; (input.0 * input.1 * 3) as usize];
            resampler.run(frame, &mut tensor)?;
            assert_eq!(*first.get_or_insert_with(|| tensor.clone()), tensor, "{isa}");
        }
    }
    Ok(first.unwrap())
}

#[test]
fn equals_pillow_to_the_bit() {
    let table = include_str!("data/vision/pillow.txt");
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| fields[at].parse::<usize>().unwrap();
        let (width, height, shorter) = (number(1), number(2), number(5) as u32);
        let pixels = picture(number(0) as u32, width, height);
        let frame = Rgb8::packed(&pixels, width, height).unwrap();
        let resize = if shorter == 0 { Resize::Warp } else { Resize::Crop { shorter } };
        let spec = Preprocess { resize, ..PLAIN };
        let tensor = resample(&spec, frame, (number(3) as u32, number(4) as u32)).unwrap();
        let hash = fnv1a(tensor.iter().map(|value| *value as u8));
        assert_eq!(format!("{hash:016x}"), fields[6], "{line}");
        count += 1;
    }
    assert_eq!(count, 42);
}

#[test]
fn channels_follow_the_model() {
    let pixels = picture(3, 50, 40);
    let frame = Rgb8::packed(&pixels, 50, 40).unwrap();
    let rgb = resample(&PLAIN, frame, (21, 23)).unwrap();
    let mean = [10.0, 20.0, 30.0];
    let std = [1.0, 2.0, 4.0];
    let spec = Preprocess { order: ChannelOrder::Bgr, range: PixelRange::Unit, mean, std, ..PLAIN };
    let bgr = resample(&spec, frame, (21, 23)).unwrap();
    for (rgb, bgr) in rgb.as_chunks::<3>().0.iter().zip(bgr.as_chunks::<3>().0) {
        for channel in 0..3 {
            let expected = (rgb[2 - channel] * (1.0 / 255.0) - mean[channel]) / std[channel];
            assert_eq!(bgr[channel], expected);
        }
    }
}

#[test]
fn what_does_not_fit_is_named_with_both_figures() {
    let caffe = Preprocess::caffe();
    let need = scratch_bytes(&caffe, (640, 480), (224, 224)).unwrap();
    let mut scratch = vec![0; need - 1];
    let error = Resampler::new(&caffe, (640, 480), (224, 224), &mut scratch).err();
    assert_eq!(error, Some(PreprocessError::ScratchTooSmall { needed: need, given: need - 1 }));

    let crop = Preprocess { resize: Resize::Crop { shorter: 100 }, ..caffe };
    let error = scratch_bytes(&crop, (640, 480), (224, 224)).unwrap_err();
    assert_eq!(error, PreprocessError::CropTooLarge { needed: (224, 224), given: (133, 100) });
    for size in [(0, 1), (1, 0), (65_536, 1)] {
        assert_eq!(scratch_bytes(&caffe, size, (224, 224)), Err(PreprocessError::Size));
        assert_eq!(scratch_bytes(&caffe, (224, 224), size), Err(PreprocessError::Size));
    }

    let mut scratch = vec![0; need];
    let mut resampler = Resampler::new(&caffe, (640, 480), (224, 224), &mut scratch).unwrap();
    let pixels = vec![0; 640 * 480 * 3];
    let turned = Rgb8::packed(&pixels, 480, 640).unwrap();
    let mut tensor = vec![0.0; 224 * 224 * 3];
    let error = resampler.run(turned, &mut tensor).unwrap_err();
    assert_eq!(error, PreprocessError::Frame { needed: (640, 480), given: (480, 640) });
    let frame = Rgb8::packed(&pixels, 640, 480).unwrap();
    let error = resampler.run(frame, &mut tensor[1..]).unwrap_err();
    assert_eq!(error, PreprocessError::Output { needed: 150_528, given: 150_527 });

    assert_eq!(Rgb8::packed(&[], 0, 4).err(), Some(ImageError::Size { width: 0, height: 4 }));
    assert_eq!(
        Rgb8::packed(&[0; 35], 4, 3).err(),
        Some(ImageError::TooShort { plane: 0, needed: 36, given: 35 })
    );
    assert_eq!(
        Rgb8::new(&[0; 36], 4, 3, 11).err(),
        Some(ImageError::Stride { plane: 0, needed: 12, given: 11 })
    );
    assert!(Rgb8::packed(&[], usize::MAX, usize::MAX).is_err());
    assert!(Rgb8::new(&[0; 64], 4, 3, usize::MAX).is_err());
}

/// The longest frame for the widest input takes more scratch than 32 bits address.
#[test]
fn sizes_beyond_the_address_space_are_refused() {
    // Both tables, the whole frame and a row more as rows of whole blocks, and one of them.
    let needed = 8 * 65_535 + 4 * 65_536 + 196_608 * 65_537;
    let given = scratch_bytes(&PLAIN, (1, 65_535), (65_535, 1));
    assert_eq!(given, usize::try_from(needed).map_err(|_| PreprocessError::TooLarge { needed }));
}

#[test]
fn the_longest_frames() {
    let pixels = picture(5, 65_535, 1);
    let mean = pixels.iter().map(|value| f64::from(*value)).sum::<f64>() / pixels.len() as f64;
    for (width, height) in [(65_535, 1), (1, 65_535)] {
        let frame = Rgb8::packed(&pixels, width, height).unwrap();
        let tensor = resample(&PLAIN, frame, (1, 1)).unwrap();
        assert!(tensor.iter().all(|value| (f64::from(*value) - mean).abs() < 30.0));
        let white = vec![255; 65_535 * 3];
        let frame = Rgb8::packed(&white, width, height).unwrap();
        assert!(resample(&PLAIN, frame, (3, 2)).unwrap().iter().all(|value| *value == 255.0));
        // The shorter side is one pixel, so the longer grows to 65535 times its own.
        let spec = Preprocess { resize: Resize::Crop { shorter: 65_535 }, ..PLAIN };
        assert!(resample(&spec, frame, (5, 7)).unwrap().iter().all(|value| *value == 255.0));
    }
}

/// Zero, one, the longest side and its neighbours, anything.
fn side() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), 2u32..300, 65_534u32..=65_536, any::<u32>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 200 }))]

    /// The gap between rows is not looked at, and no size panics.
    #[test]
    fn rows_with_a_stride(
        width in 1usize..70, height in 1usize..70, gap in 0usize..9,
        columns in 1u32..50, rows in 1u32..50, shorter in 1u32..60, crop: bool, seed: u32,
    ) {
        let packed = picture(seed, width, height);
        let mut strided = vec![];
        for row in packed.chunks_exact(width * 3) {
            strided.extend(row);
            strided.extend(std::iter::repeat_n(0xee, gap));
        }
        strided.truncate(strided.len() - gap);
        let spec = if crop { Preprocess { resize: Resize::Crop { shorter }, ..PLAIN } } else { PLAIN };
        let plain = resample(&spec, Rgb8::packed(&packed, width, height).unwrap(), (columns, rows));
        let frame = Rgb8::new(&strided, width, height, width * 3 + gap).unwrap();
        prop_assert_eq!(&resample(&spec, frame, (columns, rows)), &plain);
        if let Ok(values) = plain {
            prop_assert!(values.iter().all(|value| (0.0..=255.0).contains(value)));
        }
    }

    /// A size gives an error or as many bytes as a resampler then takes.
    #[test]
    fn any_sizes(frame in (side(), side()), input in (side(), side()), shorter in side(), crop: bool) {
        let spec = if crop { Preprocess { resize: Resize::Crop { shorter }, ..PLAIN } } else { PLAIN };
        if let Ok(needed) = scratch_bytes(&spec, frame, input) && needed < 1 << 24 {
            let mut scratch = vec![0; needed];
            prop_assert!(Resampler::new(&spec, frame, input, &mut scratch[1..]).is_err());
            prop_assert!(Resampler::new(&spec, frame, input, &mut scratch).is_ok());
        }
    }

    #[test]
    fn the_best_classes(count in 0usize..40, k in 0usize..8, seed: u64, nans in 0usize..4) {
        let mut random = Random(seed);
        // Few distinct values, so that scores tie.
        let mut scores: Vec<f32> = random.values(count).iter().map(|value| (value * 4.0).round() + 0.0).collect();
        for at in 0..nans.min(count) {
            scores[at * 7 % count] = f32::NAN;
        }
        let mut order: Vec<usize> = (0..count).collect();
        let key = |index: usize| if scores[index].is_nan() { f32::NEG_INFINITY } else { scores[index] };
        order.sort_by(|&a, &b| key(b).total_cmp(&key(a)).then(a.cmp(&b)));
        let best: Vec<usize> = top_k::<5>(&scores, k).iter().map(|class| class.index).collect();
        prop_assert_eq!(best, order[..k.min(5).min(count)].to_vec());
    }
}
