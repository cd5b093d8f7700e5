//! Resizing: four pixels at a time across, 48 bytes at a time down.

use crate::kernels::generic;
use crate::kernels::resample::{BLOCK, Filter, HALF, HEAD, PRECISION, Resample, Values};
use core::arch::x86_64::*;

pub(super) const RESAMPLE: Resample = Resample { name: "u8-resample-avx2", horizontal, vertical, values };

/// Outputs of a step across.
const OUTPUTS: usize = 4;

/// # Safety
/// As [`Resample::horizontal`](Resample) says.
#[target_feature(enable = "avx2")]
unsafe fn horizontal(filter: Filter<'_>, row: &[u8], out: &mut [u8]) {
    match filter.taps {
        2 => across::<2>(filter, row, out),
        3 => across::<3>(filter, row, out),
        4 => across::<4>(filter, row, out),
        5 => across::<5>(filter, row, out),
        6 => across::<6>(filter, row, out),
        7 => across::<7>(filter, row, out),
        8 => across::<8>(filter, row, out),
        9 => across::<9>(filter, row, out),
        _ => across::<0>(filter, row, out),
    }
}

/// For filters of `TAPS` pixels, or of any number where that is 0. Two outputs share a register, one a lane.
#[target_feature(enable = "avx2")]
fn across<const TAPS: usize>(filter: Filter<'_>, row: &[u8], out: &mut [u8]) {
    let taps = if TAPS == 0 { filter.taps } else { TAPS };
    let entry = HEAD + taps * 4;
    // Four taps are read at once: sixteen bytes of weights and of pixels, perhaps beyond the last tap.
    let groups = taps.div_ceil(4);
    let inputs = (groups - 1) * 12 + 16;
    let masks = TapMasks::new();
    let count = (out.len() / 3).min(filter.table.len() / entry);
    let mut output = 0;
    while output + OUTPUTS <= count {
        let Some(entries) = filter.table.get(output * entry..) else { break };
        if entries.len() < (OUTPUTS - 1) * entry + HEAD + groups * 16 {
            break;
        }
        let mut starts = [0; OUTPUTS];
        for (index, start) in starts.iter_mut().enumerate() {
            let head = entries.get(index * entry..).and_then(|entry| entry.first_chunk());
            *start = head.map_or(0, |head| u32::from_le_bytes(*head) as usize * 3);
        }
        if starts.iter().any(|start| start + inputs > row.len()) {
            break;
        }
        let pair = |first: usize, second: usize| {
            let mut sums = _mm256_setzero_si256();
            for group in 0..groups {
                // SAFETY: `inputs` bytes of the row are there from every start on, and `groups` times sixteen
                // bytes of weights behind every head.
                let (pixels, weights) = unsafe {
                    let weights = |index: usize| entries.as_ptr().add(index * entry + HEAD + group * 16);
                    let pixels = |index: usize| row.as_ptr().add(starts[index] + group * 12);
                    (two(pixels(first), pixels(second)), two(weights(first), weights(second)))
                };
                sums = masks.four(sums, pixels, weights, taps - group * 4);
            }
            _mm256_srli_epi32::<{ PRECISION as i32 }>(_mm256_add_epi32(sums, _mm256_set1_epi32(HALF as i32)))
        };
        // Packing brings what was one behind the other in two registers side by side in one lane.
        let pixels = _mm256_packus_epi32(pair(0, 2), pair(1, 3));
        let bytes = _mm256_shuffle_epi8(_mm256_packus_epi16(pixels, pixels), masks.pixels);
        let bytes = _mm_or_si128(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
        let Some(out) = out.get_mut(output * 3..).and_then(|out| out.first_chunk_mut::<12>()) else { break };
        // SAFETY: there is room for twelve bytes.
        unsafe {
            _mm_storel_epi64(out.as_mut_ptr().cast(), bytes);
            _mm_storeu_si32(out.as_mut_ptr().add(8).cast(), _mm_srli_si128::<8>(bytes));
        }
        output += OUTPUTS;
    }
    // The last ones: what is read for them would lie behind the row or the table.
    let rest = Filter { table: filter.table.get(output * entry..).unwrap_or_default(), ..filter };
    generic::resample::horizontal(rest, row, out.get_mut(output * 3..).unwrap_or_default());
}

/// Sixteen bytes from either place, one a lane.
///
/// # Safety
/// They are there.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn two(low: *const u8, high: *const u8) -> __m256i {
    // SAFETY: the caller promises so.
    unsafe { _mm256_loadu2_m128i(high.cast(), low.cast()) }
}

struct TapMasks {
    /// Pixel 0 to 3 of twelve bytes as three words of 32 bits, in either lane.
    taps: [__m256i; 4],
    /// Four pixels of four bytes, two at the beginning of either lane, to twelve bytes side by side.
    pixels: __m256i,
}

impl TapMasks {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        let tap = |at: i8| {
            _mm256_broadcastsi128_si256(_mm_setr_epi8(
                at, -1, -1, -1, at + 1, -1, -1, -1, at + 2, -1, -1, -1, -1, -1, -1, -1,
            ))
        };
        Self {
            taps: [tap(0), tap(3), tap(6), tap(9)],
            pixels: _mm256_setr_epi8(
                0, 1, 2, 4, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, //
                -1, -1, -1, -1, -1, -1, 0, 1, 2, 4, 5, 6, -1, -1, -1, -1,
            ),
        }
    }

    /// Adds up to four taps.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four(&self, mut sums: __m256i, pixels: __m256i, weights: __m256i, taps: usize) -> __m256i {
        let add = |sums, tap: usize, weights| {
            let pixel = _mm256_shuffle_epi8(pixels, self.taps[tap]);
            _mm256_add_epi32(sums, _mm256_mullo_epi32(pixel, weights))
        };
        sums = add(sums, 0, _mm256_shuffle_epi32::<0x00>(weights));
        if taps > 1 {
            sums = add(sums, 1, _mm256_shuffle_epi32::<0x55>(weights));
        }
        if taps > 2 {
            sums = add(sums, 2, _mm256_shuffle_epi32::<0xaa>(weights));
        }
        if taps > 3 {
            sums = add(sums, 3, _mm256_shuffle_epi32::<0xff>(weights));
        }
        sums
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
