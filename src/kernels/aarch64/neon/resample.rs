//! Resizing: a pixel of two rows at a time across, sixteen bytes at a time down, four values at a time.

use crate::kernels::generic;
use crate::kernels::resample::{BLOCK, Filter, HALF, HEAD, PRECISION, Resample, Values};
use core::arch::aarch64::*;

pub(super) const RESAMPLE: Resample = Resample { name: "u8-resample-neon", horizontal, vertical, values };

/// # Safety
/// As [`Resample::horizontal`](Resample) says.
#[target_feature(enable = "neon")]
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

/// For a table look-up: the three bytes of four pixels, each as 32 bits.
const PIXELS: [[u8; 16]; 4] = {
    let mut masks = [[0xff; 16]; 4];
    let mut byte = 0;
    while byte < 12 {
        masks[byte / 3][byte % 3 * 4] = byte as u8;
        byte += 1;
    }
    masks
};

/// For filters of `TAPS` pixels, or of any number where that is 0. Two rows take the same weights.
#[target_feature(enable = "neon")]
fn across<const TAPS: usize>(filter: Filter<'_>, rows: [&[u8]; 2], out: [&mut [u8]; 2]) {
    let taps = if TAPS == 0 { filter.taps } else { TAPS };
    let entry = HEAD + taps * 4;
    // Four pixels are read at once, perhaps beyond the last tap.
    let groups = taps.div_ceil(4);
    let inputs = groups * 12 + 4;
    let Some(last) = rows[0].len().min(rows[1].len()).checked_sub(inputs) else {
        return generic::resample::horizontal(filter, rows, out);
    };
    // SAFETY: sixteen bytes are there.
    let pixels = PIXELS.map(|mask| unsafe { vld1q_u8(mask.as_ptr()) });
    let [first_out, second_out] = out;
    let mut done = 0;
    let outputs = first_out.as_chunks_mut::<3>().0.iter_mut().zip(second_out.as_chunks_mut::<3>().0);
    for ((first, second), entry) in outputs.zip(filter.table.chunks_exact(entry)) {
        let ([head, weights @ ..], _) = entry.as_chunks::<4>() else { break };
        let start = u32::from_le_bytes(*head) as usize * 3;
        if start > last {
            break;
        }
        let mut sums = [vdupq_n_u32(HALF); 2];
        for (group, weights) in weights.chunks(4).enumerate() {
            // SAFETY: `inputs` bytes stand in either row from `start` on, which is at most `last`.
            let four = rows.map(|row| unsafe { vld1q_u8(row.as_ptr().add(start + group * 12)) });
            for (pixel, weight) in pixels.iter().zip(weights) {
                let weight = vdupq_n_u32(u32::from_le_bytes(*weight));
                for row in 0..2 {
                    let values = vreinterpretq_u32_u8(vqtbl1q_u8(four[row], *pixel));
                    sums[row] = vmlaq_u32(sums[row], values, weight);
                }
            }
        }
        let [one, other] = sums.map(|sums| {
            let words = vqmovn_u32(vshrq_n_u32::<{ PRECISION as i32 }>(sums));
            let bytes = vqmovn_u16(vcombine_u16(words, words));
            vget_lane_u32::<0>(vreinterpret_u32_u8(bytes)).to_le_bytes()
        });
        *first = [one[0], one[1], one[2]];
        *second = [other[0], other[1], other[2]];
        done += 1;
    }
    // The last ones: what is read for them would lie behind the row.
    let rest = Filter { table: filter.table.get(done * entry..).unwrap_or_default(), ..filter };
    let out = [first_out, second_out].map(|out| out.get_mut(done * 3..).unwrap_or_default());
    generic::resample::horizontal(rest, rows, out);
}

/// # Safety
/// As [`Resample::vertical`](Resample) says.
#[target_feature(enable = "neon")]
unsafe fn vertical(parts: [&[u8]; 2], weights: &[[u8; 4]], out: &mut [u8]) {
    let length = out.len();
    const { assert!(BLOCK.is_multiple_of(16)) };
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let mut sums = [vdupq_n_u32(HALF); 4];
        let mut weights = weights.iter();
        for part in parts {
            for (row, weight) in part.chunks_exact(length).zip(&mut weights) {
                let Some(bytes) = row.get(group * 16..).and_then(|row| row.first_chunk::<16>()) else {
                    break;
                };
                // SAFETY: sixteen bytes are there.
                let bytes = unsafe { vld1q_u8(bytes.as_ptr()) };
                let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
                let weight = vdupq_n_u32(u32::from_le_bytes(*weight));
                sums[0] = vmlaq_u32(sums[0], vmovl_u16(vget_low_u16(low)), weight);
                sums[1] = vmlaq_u32(sums[1], vmovl_high_u16(low), weight);
                sums[2] = vmlaq_u32(sums[2], vmovl_u16(vget_low_u16(high)), weight);
                sums[3] = vmlaq_u32(sums[3], vmovl_high_u16(high), weight);
            }
        }
        let [a, b, c, d] = sums.map(|sums| vmovn_u32(vshrq_n_u32::<{ PRECISION as i32 }>(sums)));
        let bytes = vcombine_u8(vqmovn_u16(vcombine_u16(a, b)), vqmovn_u16(vcombine_u16(c, d)));
        // SAFETY: there is room for sixteen bytes.
        unsafe { vst1q_u8(out.as_mut_ptr(), bytes) };
    }
}

/// Values of a step: eight pixels.
const VALUES: usize = 24;

/// # Safety
/// As [`Resample::values`](Resample) says.
#[target_feature(enable = "neon")]
unsafe fn values(values: &Values, bytes: &[u8], out: &mut [f32]) {
    let scale = vdupq_n_f32(values.scale);
    let (mean, std) = (values.mean.map(|mean| vdupq_n_f32(mean)), values.std.map(|std| vdupq_n_f32(std)));
    let (whole, rest) = bytes.as_chunks::<VALUES>();
    let (whole_out, rest_out) = out.as_chunks_mut::<VALUES>();
    for (bytes, out) in whole.iter().zip(whole_out) {
        // SAFETY: 24 bytes are there.
        let uint8x8x3_t(first, second, third) = unsafe { vld3_u8(bytes.as_ptr()) };
        let channels = if values.swap { [third, second, first] } else { [first, second, third] };
        let words = channels.map(|bytes| vmovl_u8(bytes));
        for half in 0..2 {
            let value = |channel: usize| {
                let words = words[channel];
                let integers = vmovl_u16(if half == 0 { vget_low_u16(words) } else { vget_high_u16(words) });
                let scaled = vmulq_f32(vcvtq_f32_u32(integers), scale);
                vdivq_f32(vsubq_f32(scaled, mean[channel]), std[channel])
            };
            let pixels = float32x4x3_t(value(0), value(1), value(2));
            // SAFETY: there is room for 24 floats, and a half is twelve.
            unsafe { vst3q_f32(out.as_mut_ptr().add(half * VALUES / 2), pixels) };
        }
    }
    generic::resample::values(values, rest, rest_out);
}
