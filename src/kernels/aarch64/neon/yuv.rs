//! Camera pixels to red, green and blue, sixteen at a time.

use crate::kernels::generic;
use crate::kernels::yuv::{BITS, Matrix, Row, Yuv};
use core::arch::aarch64::*;

const PIXELS: usize = 16;
const PAIRS: usize = PIXELS / 2;

pub(super) const YUV: Yuv = Yuv { name: "u8-yuv-neon", kernel: convert };

/// # Safety
/// As [`Yuv::kernel`](Yuv) says.
#[target_feature(enable = "neon")]
unsafe fn convert(row: Row<'_>, matrix: &Matrix, out: &mut [u8]) {
    let (whole, rest) = out.as_chunks_mut::<{ 3 * PIXELS }>();
    let done = whole.len() * PIXELS;
    match row {
        Row::Yuyv(pairs) => {
            for (pairs, out) in pairs.as_chunks::<{ 2 * PIXELS }>().0.iter().zip(whole) {
                // SAFETY: 32 bytes are there.
                let uint8x8x4_t(first, u, second, v) = unsafe { vld4_u8(pairs.as_ptr()) };
                sixteen(matrix, [first, second], u, v, out);
            }
        }
        Row::Nv12([y, uv]) => {
            let sources = y.as_chunks::<PIXELS>().0.iter().zip(uv.as_chunks::<PIXELS>().0);
            for ((y, uv), out) in sources.zip(whole) {
                let [u, v] = parted(uv);
                sixteen(matrix, parted(y), u, v, out);
            }
        }
        Row::I420([y, u, v]) => {
            let chroma = u.as_chunks::<PAIRS>().0.iter().zip(v.as_chunks::<PAIRS>().0);
            for ((y, (u, v)), out) in y.as_chunks::<PIXELS>().0.iter().zip(chroma).zip(whole) {
                // SAFETY: eight bytes are there, twice.
                let [u, v] = [u, v].map(|bytes| unsafe { vld1_u8(bytes.as_ptr()) });
                sixteen(matrix, parted(y), u, v, out);
            }
        }
    }
    generic::yuv::convert(row.from(done), matrix, rest);
}

/// The bytes with an even index, and those with an odd one.
#[inline]
#[target_feature(enable = "neon")]
fn parted(bytes: &[u8; PIXELS]) -> [uint8x8_t; 2] {
    // SAFETY: sixteen bytes are there.
    let uint8x8x2_t(even, odd) = unsafe { vld2_u8(bytes.as_ptr()) };
    [even, odd]
}

/// Eight pairs of pixels: the first and the second luma of each, and their chroma.
#[inline]
#[target_feature(enable = "neon")]
fn sixteen(matrix: &Matrix, lumas: [uint8x8_t; 2], u: uint8x8_t, v: uint8x8_t, out: &mut [u8; 3 * PIXELS]) {
    let (u, v) = (words(u), words(v));
    let [red, green, blue] = matrix.offsets().map(|offset| [vdupq_n_s32(offset); 2]);
    // What the two pixels of a pair share.
    let chroma = [
        add(red, v, matrix.red_v),
        add(add(green, u, matrix.green_u), v, matrix.green_v),
        add(blue, u, matrix.blue_u),
    ];
    let [red, green, blue] = chroma.map(|sums| {
        let [first, second] = lumas.map(|luma| bytes(add(sums, words(luma), matrix.luma)));
        vcombine_u8(vzip1_u8(first, second), vzip2_u8(first, second))
    });
    // SAFETY: there is room for 48 bytes.
    unsafe { vst3q_u8(out.as_mut_ptr(), uint8x16x3_t(red, green, blue)) };
}

#[inline]
#[target_feature(enable = "neon")]
fn words(bytes: uint8x8_t) -> int16x8_t {
    vreinterpretq_s16_u16(vmovl_u8(bytes))
}

#[inline]
#[target_feature(enable = "neon")]
fn add(sums: [int32x4_t; 2], words: int16x8_t, factor: i16) -> [int32x4_t; 2] {
    [vmlal_n_s16(sums[0], vget_low_s16(words), factor), vmlal_high_n_s16(sums[1], words, factor)]
}

/// Shifted and clipped.
#[inline]
#[target_feature(enable = "neon")]
fn bytes(sums: [int32x4_t; 2]) -> uint8x8_t {
    let [low, high] = sums.map(|sum| vqshrun_n_s32::<{ BITS as i32 }>(sum));
    vqmovn_u16(vcombine_u16(low, high))
}
