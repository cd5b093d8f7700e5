//! Resizing: four pixels of two rows at a time across, 48 bytes at a time down, eight pixels to values.

use crate::kernels::generic;
use crate::kernels::resample::{BLOCK, Filter, HALF, HEAD, PRECISION, Resample, Values};
use core::arch::x86_64::*;

pub(super) const RESAMPLE: Resample = Resample { name: "u8-resample-avx2", horizontal, vertical, values };

/// Outputs of a step across.
const OUTPUTS: usize = 4;

/// # Safety
/// As [`Resample::horizontal`](Resample) says.
#[target_feature(enable = "avx2")]
unsafe fn horizontal(filter: Filter<'_>, rows: [&[u8]; 2], out: [&mut [u8]; 2]) {
    match filter.taps {
        2 => across::<2>(filter, rows, out),
        3 => across::<3>(filter, rows, out),
        4 => across::<4>(filter, rows, out),
        5 => across::<5>(filter, rows, out),
        6 => across::<6>(filter, rows, out),
        7 => across::<7>(filter, rows, out),
        8 => across::<8>(filter, rows, out),
        9 => across::<9>(filter, rows, out),
        _ => across::<0>(filter, rows, out),
    }
}

/// For a shuffle: the three bytes of four pixels, each as 32 bits.
const PIXELS: [[u8; 16]; 4] = {
    let mut masks = [[0x80; 16]; 4];
    let mut byte = 0;
    while byte < 12 {
        masks[byte / 3][byte % 3 * 4] = byte as u8;
        byte += 1;
    }
    masks
};

/// For filters of `TAPS` pixels, or of any number where that is 0. Two rows share a register, one a lane, and so
/// take the same weights.
#[target_feature(enable = "avx2")]
fn across<const TAPS: usize>(filter: Filter<'_>, rows: [&[u8]; 2], out: [&mut [u8]; 2]) {
    let taps = if TAPS == 0 { filter.taps } else { TAPS };
    let entry = HEAD + taps * 4;
    // Four pixels are read at once, perhaps beyond the last tap.
    let groups = taps.div_ceil(4);
    let inputs = groups * 12 + 4;
    let Some(last) = rows[0].len().min(rows[1].len()).checked_sub(inputs) else {
        return generic::resample::horizontal(filter, rows, out);
    };
    let [first_out, second_out] = out;
    let count = (first_out.len().min(second_out.len()) / 3).min(filter.table.len() / entry);
    // SAFETY: sixteen bytes are there.
    let pixels =
        PIXELS.map(|mask| unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(mask.as_ptr().cast())) });
    let closed =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    let mut done = 0;
    'steps: while done + OUTPUTS <= count {
        let mut outputs = [_mm256_set1_epi32(HALF as i32); OUTPUTS];
        for (index, sums) in outputs.iter_mut().enumerate() {
            // SAFETY: `count` entries are there.
            let entry = unsafe { filter.table.as_ptr().add((done + index) * entry).cast::<u32>() };
            // SAFETY: an entry begins with its head.
            let start = unsafe { u32::from_le(entry.read_unaligned()) } as usize * 3;
            if start > last {
                break 'steps;
            }
            for group in 0..groups {
                // SAFETY: `inputs` bytes stand in either row from `start` on, which is at most `last`.
                let four = unsafe {
                    let [first, second] = rows.map(|row| row.as_ptr().add(start + group * 12).cast());
                    _mm256_loadu2_m128i(second, first)
                };
                for (tap, pixel) in (group * 4..taps).zip(pixels) {
                    // SAFETY: `taps` weights stand behind the head.
                    let weight = unsafe { entry.add(1 + tap).read_unaligned() };
                    let weight = _mm256_set1_epi32(u32::from_le(weight).cast_signed());
                    *sums =
                        _mm256_add_epi32(*sums, _mm256_mullo_epi32(_mm256_shuffle_epi8(four, pixel), weight));
                }
            }
        }
        let [a, b, c, d] = outputs.map(|sums| _mm256_srli_epi32::<{ PRECISION as i32 }>(sums));
        let bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
        let bytes = _mm256_shuffle_epi8(bytes, closed);
        // SAFETY: there is room for `count` pixels in either row.
        unsafe {
            store_12(_mm256_castsi256_si128(bytes), first_out.as_mut_ptr().add(done * 3));
            store_12(_mm256_extracti128_si256::<1>(bytes), second_out.as_mut_ptr().add(done * 3));
        }
        done += OUTPUTS;
    }
    // The last ones: what is read for them would lie behind the row.
    let rest = Filter { table: filter.table.get(done * entry..).unwrap_or_default(), ..filter };
    let out = [first_out, second_out].map(|out| out.get_mut(done * 3..).unwrap_or_default());
    generic::resample::horizontal(rest, rows, out);
}

/// # Safety
/// There is room for twelve bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store_12(bytes: __m128i, out: *mut u8) {
    // SAFETY: the caller promises so.
    unsafe {
        _mm_storel_epi64(out.cast(), bytes);
        _mm_storeu_si32(out.add(8), _mm_srli_si128::<8>(bytes));
    }
}

/// # Safety
/// As [`Resample::vertical`](Resample) says.
#[target_feature(enable = "avx2")]
unsafe fn vertical(parts: [&[u8]; 2], weights: &[[u8; 4]], out: &mut [u8]) {
    let length = out.len();
    for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sums = [_mm256_set1_epi32(HALF as i32); BLOCK / 8];
        let mut weights = weights.iter();
        for part in parts {
            for (row, weight) in part.chunks_exact(length).zip(&mut weights) {
                let Some(bytes) = row.get(block * BLOCK..).and_then(|row| row.first_chunk::<BLOCK>()) else {
                    break;
                };
                let weight = _mm256_set1_epi32(i32::from_le_bytes(*weight));
                for (sum, bytes) in sums.iter_mut().zip(bytes.as_chunks::<8>().0) {
                    // SAFETY: eight bytes are there.
                    let bytes = _mm256_cvtepu8_epi32(unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) });
                    *sum = _mm256_add_epi32(*sum, _mm256_mullo_epi32(bytes, weight));
                }
            }
        }
        let sums = sums.map(|sum| _mm256_srli_epi32::<{ PRECISION as i32 }>(sum));
        for (out, sums) in out.as_chunks_mut::<16>().0.iter_mut().zip(sums.as_chunks::<2>().0) {
            // Packing works in lanes: the four bytes of each sum's lane are put in order again.
            let words = _mm256_permute4x64_epi64::<0xd8>(_mm256_packus_epi32(sums[0], sums[1]));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            // SAFETY: there is room for sixteen bytes.
            unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) };
        }
    }
}

/// Values of a step: eight pixels, in three registers.
const VALUES: usize = 24;
/// Where the sixteen bytes begin that a register's eight are among, in either order of the channels.
const FROM: [usize; 3] = [0, 6, 8];
/// Which of the sixteen bytes they are; the second table turns the channels of a pixel round.
const ORDER: [[[u8; 16]; 3]; 2] = [order(false), order(true)];

const fn order(swap: bool) -> [[u8; 16]; 3] {
    let mut order = [[0x80; 16]; 3];
    let mut at = 0;
    while at < VALUES {
        let byte = if swap { at / 3 * 3 + 2 - at % 3 } else { at };
        order[at / 8][at % 8] = (byte - FROM[at / 8]) as u8;
        at += 1;
    }
    order
}

/// # Safety
/// As [`Resample::values`](Resample) says.
#[target_feature(enable = "avx2")]
unsafe fn values(values: &Values, bytes: &[u8], out: &mut [f32]) {
    let scale = _mm256_set1_ps(values.scale);
    // Channel after channel, over three registers.
    let channels = |of: [f32; 3]| {
        let lanes: [f32; VALUES] = core::array::from_fn(|lane| of[lane % 3]);
        // SAFETY: 24 floats are there.
        [0, 8, 16].map(|lane| unsafe { _mm256_loadu_ps(lanes.as_ptr().add(lane)) })
    };
    let (mean, std) = (channels(values.mean), channels(values.std));
    // SAFETY: sixteen bytes are there.
    let order = ORDER[usize::from(values.swap)].map(|mask| unsafe { _mm_loadu_si128(mask.as_ptr().cast()) });
    let (whole, rest) = bytes.as_chunks::<VALUES>();
    let (whole_out, rest_out) = out.as_chunks_mut::<VALUES>();
    for (bytes, out) in whole.iter().zip(whole_out) {
        for part in 0..3 {
            // SAFETY: of 24 bytes, sixteen stand from each place on; and there is room for 24 floats.
            unsafe {
                let bytes = _mm_loadu_si128(bytes.as_ptr().add(FROM[part]).cast());
                let integers = _mm256_cvtepu8_epi32(_mm_shuffle_epi8(bytes, order[part]));
                let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(integers), scale);
                let value = _mm256_div_ps(_mm256_sub_ps(scaled, mean[part]), std[part]);
                _mm256_storeu_ps(out.as_mut_ptr().add(part * 8), value);
            }
        }
    }
    generic::resample::values(values, rest, rest_out);
}
