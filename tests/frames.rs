//! Every pixel format against colours computed one pixel at a time, in floating point, and then resampled as RGB.

mod common;

use common::{Random, isas};
use proptest::prelude::*;
use wisp::Isa;
use wisp::vision::{
    ChannelOrder, Colour, Frame, ImageError, PixelFormat, PixelRange, Plane, Preprocess, PreprocessError,
    Resampler, Resize, Rgb8, scratch_bytes,
};

const FORMATS: [PixelFormat; 5] =
    [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::I420];
const COLOURS: [Colour; 4] = [Colour::Bt601, Colour::Bt601Full, Colour::Bt709, Colour::Bt709Full];

/// A plane in memory of its own, with gaps behind its rows and no byte more than it takes.
struct Memory {
    bytes: Vec<u8>,
    stride: usize,
}

impl Memory {
    fn new(random: &mut Random, row: usize, rows: usize, gap: usize) -> Self {
        let stride = row + gap;
        let bytes = (0..(rows - 1) * stride + row).map(|_| random.below(256) as u8).collect();
        Self { bytes, stride }
    }

    fn at(&self, row: usize, byte: usize) -> u8 {
        self.bytes[row * self.stride + byte]
    }
}

/// Planes of random bytes, by this file's own knowledge of the formats: bytes of a row and rows.
fn planes(format: PixelFormat, width: usize, height: usize, gap: usize, seed: u64) -> Vec<Memory> {
    let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
    let sizes = match format {
        PixelFormat::Yuyv => vec![(columns * 4, height)],
        PixelFormat::Nv12 => vec![(width, height), (columns * 2, rows)],
        PixelFormat::I420 => vec![(width, height), (columns, rows), (columns, rows)],
        _ => vec![(width * 3, height)],
    };
    let mut random = Random(seed);
    sizes
        .into_iter()
        .enumerate()
        .map(|(index, (row, rows))| Memory::new(&mut random, row, rows, gap * (index + 1)))
        .collect()
}

/// Red, green and blue of a pixel.
fn colour_of(format: PixelFormat, colour: Colour, planes: &[Memory], x: usize, y: usize) -> [u8; 3] {
    let byte = |plane: usize, row: usize, at: usize| planes[plane].at(row, at);
    let [luma, u, v] = match format {
        PixelFormat::Yuyv => {
            let pair = x / 2 * 4;
            [byte(0, y, x * 2), byte(0, y, pair + 1), byte(0, y, pair + 3)]
        }
        PixelFormat::Nv12 => [byte(0, y, x), byte(1, y / 2, x / 2 * 2), byte(1, y / 2, x / 2 * 2 + 1)],
        PixelFormat::I420 => [byte(0, y, x), byte(1, y / 2, x / 2), byte(2, y / 2, x / 2)],
        PixelFormat::Bgr8 => return [2, 1, 0].map(|channel| byte(0, y, x * 3 + channel)),
        _ => return [0, 1, 2].map(|channel| byte(0, y, x * 3 + channel)),
    };
    yuv(colour, luma, u, v)
}

/// The formula of `docs/vision.md`, in `i64` and with its table of factors.
fn yuv(colour: Colour, luma: u8, u: u8, v: u8) -> [u8; 3] {
    let (black, factors) = match colour {
        Colour::Bt601 => (16, [9539, 13075, -3209, -6660, 16525]),
        Colour::Bt601Full => (0, [8192, 11485, -2819, -5850, 14516]),
        Colour::Bt709 => (16, [9539, 14686, -1747, -4366, 17305]),
        _ => (0, [8192, 12901, -1535, -3835, 15201]),
    };
    let (luma, u, v) = (i64::from(luma) - black, i64::from(u) - 128, i64::from(v) - 128);
    [factors[1] * v, factors[2] * u + factors[3] * v, factors[4] * u]
        .map(|chroma| (factors[0] * luma + chroma + 4096).div_euclid(8192).clamp(0, 255) as u8)
}

fn views(planes: &[Memory]) -> Vec<Plane<'_>> {
    planes.iter().map(|plane| Plane { bytes: &plane.bytes, stride: plane.stride }).collect()
}

fn resample(
    isa: Isa,
    spec: &Preprocess,
    frame: Frame<'_>,
    input: (u32, u32),
) -> Result<Vec<f32>, PreprocessError> {
    let size = (frame.width() as u32, frame.height() as u32);
    let mut scratch = vec![0xaa; scratch_bytes(spec, size, input)?];
    let mut resampler = Resampler::new(spec, size, input, &mut scratch)?.with_isa(isa)?;
    let mut tensor = vec![f32::NAN; (input.0 * input.1 * 3) as usize];
    resampler.run(frame, &mut tensor)?;
    Ok(tensor)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 300 }))]

    #[test]
    fn every_format_is_its_colours(
        format in 0usize..5, colour in 0usize..4, width in 1usize..120, height in 1usize..40, gap in 0usize..9,
        columns in 1u32..60, rows in 1u32..40, shorter in 1u32..60, crop: bool, bgr: bool, seed: u64,
    ) {
        let (format, colour) = (FORMATS[format], COLOURS[colour]);
        let planes = planes(format, width, height, gap, seed);
        let frame = Frame::new(format, width, height, &views(&planes)).unwrap().with_colour(colour);
        let colours: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| colour_of(format, colour, &planes, x, y))
            .collect();
        let picture = Frame::packed(PixelFormat::Rgb8, &colours, width, height).unwrap();
        let spec = Preprocess {
            resize: if crop { Resize::Crop { shorter } } else { Resize::Warp },
            order: if bgr { ChannelOrder::Bgr } else { ChannelOrder::Rgb },
            ..Preprocess::torchvision()
        };
        // Plain Rust on RGB is compared with Pillow elsewhere.
        let expected = resample(Isa::Generic, &spec, picture, (columns, rows));
        for isa in isas() {
            prop_assert_eq!(&resample(isa, &spec, frame, (columns, rows)), &expected, "{} {:?}", isa, format);
        }
    }
}

/// At its own size a frame is not resampled: the tensor holds its colours.
#[test]
fn colours_are_those_of_the_standards() {
    let spec = Preprocess {
        resize: Resize::Warp,
        order: ChannelOrder::Rgb,
        range: PixelRange::Byte,
        mean: [0.0; 3],
        std: [1.0; 3],
    };
    let mut seen = 0;
    for colour in COLOURS {
        let (kr, kb) = match colour {
            Colour::Bt601 | Colour::Bt601Full => (0.299, 0.114),
            _ => (0.2126, 0.0722),
        };
        let full = matches!(colour, Colour::Bt601Full | Colour::Bt709Full);
        for (luma, u, v) in (0..=255u8).step_by(15).flat_map(|y| [(y, 0, 255), (y, 128, 128), (y, 201, 77)]) {
            let frame = [luma, u, luma, v];
            let frame = Frame::packed(PixelFormat::Yuyv, &frame, 2, 1).unwrap().with_colour(colour);
            let tensor = resample(Isa::detect(), &spec, frame, (2, 1)).unwrap();
            // The standards' own words, in floating point.
            let y = if full { f64::from(luma) / 255.0 } else { (f64::from(luma) - 16.0) / 219.0 };
            let chroma = |byte: u8| (f64::from(byte) - 128.0) / if full { 255.0 } else { 224.0 };
            let red = y + chroma(v) * 2.0 * (1.0 - kr);
            let blue = y + chroma(u) * 2.0 * (1.0 - kb);
            let green = (y - kr * red - kb * blue) / (1.0 - kr - kb);
            for (value, expected) in tensor.iter().zip([red, green, blue].repeat(2)) {
                let expected = (expected * 255.0).clamp(0.0, 255.0);
                assert!((f64::from(*value) - expected).abs() <= 0.52, "{colour:?} {luma} {u} {v}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 4 * 18 * 3 * 6);
}

#[test]
fn a_packed_frame_is_its_planes_one_behind_the_other() {
    for (format, bytes) in FORMATS.into_iter().zip([45, 45, 36, 27, 27]) {
        let memory: Vec<u8> = (0..bytes as u8).map(|byte| byte * 5).collect();
        let frame = Frame::packed(format, &memory, 5, 3).unwrap();
        assert_eq!((frame.format(), frame.width(), frame.height()), (format, 5, 3));
        let mut planes = vec![];
        let mut rest = &memory[..];
        for index in 0..format.planes() {
            let (stride, rows) = format.plane_size(index, 5, 3);
            planes.push(Plane { bytes: &rest[..stride * rows], stride });
            rest = &rest[stride * rows..];
        }
        assert!(rest.is_empty());
        let apart = Frame::new(format, 5, 3, &planes).unwrap();
        let tensor = |frame| resample(Isa::detect(), &Preprocess::caffe(), frame, (4, 4)).unwrap();
        assert_eq!(tensor(frame), tensor(apart));
        let plane = format.planes() - 1;
        let (stride, rows) = format.plane_size(plane, 5, 3);
        let error = ImageError::TooShort { plane, needed: stride * rows, given: stride * rows - 1 };
        assert_eq!(Frame::packed(format, &memory[..bytes - 1], 5, 3).err(), Some(error));
    }
}

#[test]
fn what_is_no_frame_is_named() {
    let text = |planes: &[Plane<'_>], format, width, height| {
        Frame::new(format, width, height, planes).unwrap_err().to_string()
    };
    let plane = |bytes, stride| Plane { bytes, stride };
    let zeros = [0; 100];
    assert_eq!(
        text(&[plane(&zeros, 8)], PixelFormat::Nv12, 8, 4),
        "the pixel format has 2 planes, 1 were given"
    );
    assert_eq!(
        text(&[plane(&zeros, 8), plane(&zeros, 7)], PixelFormat::Nv12, 7, 4),
        "a row of plane 1 takes 8 bytes, its stride is 7"
    );
    let planes = [plane(&zeros, 9), plane(&zeros[..15], 9), plane(&zeros[..13], 9)];
    assert_eq!(
        text(&planes, PixelFormat::I420, 9, 4),
        "plane 2 of the picture takes 14 bytes, 13 were given"
    );
    assert_eq!(
        text(&[plane(&zeros, 11)], PixelFormat::Yuyv, 5, 2),
        "a row of plane 0 takes 12 bytes, its stride is 11"
    );
    assert_eq!(
        text(&[plane(&zeros, 0)], PixelFormat::Bgr8, 0, 2),
        "a picture of 0×2 pixels: each side must be 1..=65535"
    );
    for format in FORMATS {
        assert!(Frame::packed(format, &zeros, usize::MAX, usize::MAX).is_err());
        assert!(Frame::packed(format, &zeros, 65_535, 65_535).is_err());
        assert!(text(&vec![plane(&zeros, usize::MAX); format.planes()], format, 4, 4).contains("takes"));
    }
    let spec = Preprocess::caffe();
    let mut scratch = vec![0; scratch_bytes(&spec, (4, 4), (2, 2)).unwrap()];
    for isa in Isa::ALL.iter().copied().filter(|isa| !isa.is_available()) {
        let resampler = Resampler::new(&spec, (4, 4), (2, 2), &mut scratch).unwrap();
        assert_eq!(resampler.with_isa(isa).err(), Some(PreprocessError::Isa(isa)));
    }
    assert!(Rgb8::packed(&zeros, 5, 6).is_ok());
}
