//! Camera pixels to red, green and blue, sixteen at a time.

use crate::kernels::generic;
use crate::kernels::yuv::{BITS, Matrix, Row, Yuv};
use core::arch::x86_64::*;

const PIXELS: usize = 16;

pub(super) const YUV: Yuv = Yuv { name: "u8-yuv-avx2", kernel: convert };

/// # Safety
/// As [`Yuv::kernel`](Yuv) says.
#[target_feature(enable = "avx2")]
unsafe fn convert(row: Row<'_>, matrix: &Matrix, out: &mut [u8]) {
    let factors = Factors::new(matrix);
    let (whole, rest) = out.as_chunks_mut::<{ 3 * PIXELS }>();
    let done = whole.len() * PIXELS;
    match row {
        Row::Yuyv(pairs) => {
            // U and V of two pixels, in the low byte of a word for each of them.
            let (u, v) = (load(const { &chroma(1) }), load(const { &chroma(3) }));
            let low = _mm256_set1_epi16(0xff);
            for (pairs, out) in pairs.as_chunks::<{ 2 * PIXELS }>().0.iter().zip(whole) {
                let pairs = load(pairs);
                let (u, v) = (_mm256_shuffle_epi8(pairs, u), _mm256_shuffle_epi8(pairs, v));
                factors.sixteen(_mm256_and_si256(pairs, low), u, v, out);
            }
        }
        Row::Nv12([y, uv]) => {
            let (u, v) = (load(const { &chroma(0) }), load(const { &chroma(2) }));
            let sources = y.as_chunks::<PIXELS>().0.iter().zip(uv.as_chunks::<PIXELS>().0);
            for ((y, uv), out) in sources.zip(whole) {
                let uv = words(uv);
                let (u, v) = (_mm256_shuffle_epi8(uv, u), _mm256_shuffle_epi8(uv, v));
                factors.sixteen(words(y), u, v, out);
            }
        }
        Row::I420([y, u, v]) => {
            let chroma = u.as_chunks().0.iter().zip(v.as_chunks().0);
            for ((y, (u, v)), out) in y.as_chunks().0.iter().zip(chroma).zip(whole) {
                factors.sixteen(words(y), doubled(u), doubled(v), out);
            }
        }
    }
    generic::yuv::convert(row.from(done), matrix, rest);
}

/// For a shuffle: two words for each group of four bytes, both with the byte `at` of the group.
const fn chroma(at: u8) -> [u8; 32] {
    let mut mask = [0x80; 32];
    let mut pair = 0;
    while pair < 8 {
        mask[pair * 4] = (pair as u8 % 4) * 4 + at;
        mask[pair * 4 + 2] = mask[pair * 4];
        pair += 1;
    }
    mask
}

/// For a shuffle: eight pixels are 24 bytes. For the first sixteen and for the others, which come from eight reds
/// and eight greens, and which from eight blues.
const PIXEL_MASKS: [[[u8; 16]; 2]; 2] = {
    let mut masks = [[[0x80; 16]; 2]; 2];
    let mut byte = 0;
    while byte < 24 {
        let (pixel, channel) = (byte / 3, byte % 3);
        masks[byte / 16][channel / 2][byte % 16] = (pixel + channel % 2 * 8) as u8;
        byte += 1;
    }
    masks
};

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn words(bytes: &[u8; PIXELS]) -> __m256i {
    // SAFETY: sixteen bytes are there.
    _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// Each byte as two words.
#[inline]
#[target_feature(enable = "avx2")]
fn doubled(bytes: &[u8; PIXELS / 2]) -> __m256i {
    // SAFETY: eight bytes are there.
    let bytes = unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) };
    _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(bytes, bytes))
}

/// A matrix as pairs of words, whose products one instruction adds.
#[derive(Clone, Copy)]
struct Factors {
    y_v_red: __m256i,
    y_u_green: __m256i,
    v_green: __m256i,
    y_u_blue: __m256i,
    offsets: [__m256i; 3],
    /// Red and green, then blue, to pixels: bytes 0 to 15 of eight of them, and the rest.
    masks: [[__m256i; 2]; 2],
}

impl Factors {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(matrix: &Matrix) -> Self {
        let pair = |low: i16, high: i16| _mm256_set1_epi32(i32::from(low) & 0xffff | i32::from(high) << 16);
        Self {
            y_v_red: pair(matrix.luma, matrix.red_v),
            y_u_green: pair(matrix.luma, matrix.green_u),
            v_green: pair(matrix.green_v, 0),
            y_u_blue: pair(matrix.luma, matrix.blue_u),
            offsets: matrix.offsets().map(|offset| _mm256_set1_epi32(offset)),
            masks: PIXEL_MASKS.map(|masks| {
                // SAFETY: sixteen bytes are there.
                masks
                    .map(|mask| unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(mask.as_ptr().cast())) })
            }),
        }
    }

    /// Sixteen pixels, a word for each.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn sixteen(&self, y: __m256i, u: __m256i, v: __m256i, out: &mut [u8; 3 * PIXELS]) {
        // Both halves of a lane; packing puts them together in order again.
        let pairs = |a, b| [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)];
        let (with_u, with_v) = (pairs(y, u), pairs(y, v));
        let v_alone = pairs(v, _mm256_setzero_si256());
        let sum = |pair, factors, offset| _mm256_add_epi32(_mm256_madd_epi16(pair, factors), offset);
        let packed = |sums: [__m256i; 2]| {
            let [low, high] = sums.map(|sum| _mm256_srai_epi32::<{ BITS as i32 }>(sum));
            _mm256_packs_epi32(low, high)
        };
        let [red_offset, green_offset, blue_offset] = self.offsets;
        let red = packed(with_v.map(|pair| sum(pair, self.y_v_red, red_offset)));
        let blue = packed(with_u.map(|pair| sum(pair, self.y_u_blue, blue_offset)));
        let green = [0, 1].map(|half| {
            let v = sum(v_alone[half], self.v_green, green_offset);
            sum(with_u[half], self.y_u_green, v)
        });
        let red_green = _mm256_packus_epi16(red, packed(green));
        let blue = _mm256_packus_epi16(blue, blue);
        let [first, second] = self.masks.map(|[red_green_mask, blue_mask]| {
            _mm256_or_si256(
                _mm256_shuffle_epi8(red_green, red_green_mask),
                _mm256_shuffle_epi8(blue, blue_mask),
            )
        });
        let out = out.as_mut_ptr();
        // SAFETY: eight pixels are 24 bytes, and there is room for sixteen pixels.
        unsafe {
            _mm_storeu_si128(out.cast(), _mm256_castsi256_si128(first));
            _mm_storel_epi64(out.add(16).cast(), _mm256_castsi256_si128(second));
            _mm_storeu_si128(out.add(24).cast(), _mm256_extracti128_si256::<1>(first));
            _mm_storel_epi64(out.add(40).cast(), _mm256_extracti128_si256::<1>(second));
        }
    }
}
