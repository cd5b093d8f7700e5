//! Resizing, one pixel after the other.

use crate::kernels::resample::{Filter, HALF, PRECISION, Resample, Values};

pub(super) const RESAMPLE: Resample = Resample { name: "u8-resample-generic", horizontal, vertical, values };

/// Bytes that the vertical pass sums side by side: the sums fill half of 16 vector registers.
const LANES: usize = 16;
/// Low bits of a weight. Both parts of a weight then fit 16 bits, for which every CPU has a vector
/// multiplication; x86-64 without extensions has none for 32.
const LOW: u32 = PRECISION / 2;

pub(in crate::kernels) fn horizontal(filter: Filter<'_>, rows: [&[u8]; 2], out: [&mut [u8]; 2]) {
    for (row, out) in rows.into_iter().zip(out) {
        shrink(filter, row, out);
    }
}

fn shrink(filter: Filter<'_>, row: &[u8], out: &mut [u8]) {
    let (row, out) = (row.as_chunks().0, out.as_chunks_mut().0);
    match filter.taps {
        2 => shrink_by::<2>(filter, row, out),
        3 => shrink_by::<3>(filter, row, out),
        4 => shrink_by::<4>(filter, row, out),
        5 => shrink_by::<5>(filter, row, out),
        6 => shrink_by::<6>(filter, row, out),
        7 => shrink_by::<7>(filter, row, out),
        8 => shrink_by::<8>(filter, row, out),
        9 => shrink_by::<9>(filter, row, out),
        _ => shrink_by_any(filter, row, out),
    }
}

/// For filters of `N` pixels. Cameras' pictures need few, and no loop over them is left.
fn shrink_by<const N: usize>(filter: Filter<'_>, row: &[[u8; 3]], out: &mut [[u8; 3]]) {
    // Each weight may be half a unit too large; with so few of them white stays below 256.
    const { assert!(255 * ((1 << PRECISION) + N as u32) + HALF < 256 << PRECISION) };
    for (pixel, (start, weights)) in out.iter_mut().zip(filter.entries()) {
        let Some(weights) = weights.first_chunk::<N>() else { continue };
        let Some(source) = row.get(start..).and_then(|row| row.first_chunk::<N>()) else { continue };
        let mut sums = [HALF; 3];
        for tap in 0..N {
            add(&mut sums, weights[tap], source[tap]);
        }
        *pixel = sums.map(|sum| (sum >> PRECISION) as u8);
    }
}

fn shrink_by_any(filter: Filter<'_>, row: &[[u8; 3]], out: &mut [[u8; 3]]) {
    for (pixel, (start, weights)) in out.iter_mut().zip(filter.entries()) {
        let Some(source) = row.get(start..start + weights.len()) else { continue };
        let (weights, last_weights) = weights.as_chunks::<4>();
        let (source, last_pixels) = source.as_chunks::<4>();
        let mut sums = [HALF; 3];
        for (weights, source) in weights.iter().zip(source) {
            for tap in 0..4 {
                add(&mut sums, weights[tap], source[tap]);
            }
        }
        for (weight, source) in last_weights.iter().zip(last_pixels) {
            add(&mut sums, *weight, *source);
        }
        *pixel = sums.map(round);
    }
}

fn add(sums: &mut [u32; 3], weight: [u8; 4], source: [u8; 3]) {
    let weight = u32::from_le_bytes(weight);
    for channel in 0..3 {
        sums[channel] += weight * u32::from(source[channel]);
    }
}

fn vertical(parts: [&[u8]; 2], weights: &[[u8; 4]], out: &mut [u8]) {
    let length = out.len();
    for (group, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        *out = blend(parts, length, group * LANES, weights);
    }
}

/// `parts` are rows of `length` bytes in order, of which each byte from `at` on is weighted.
fn blend(parts: [&[u8]; 2], length: usize, at: usize, mut weights: &[[u8; 4]]) -> [u8; LANES] {
    let (mut high_sums, mut low_sums) = ([0; LANES], [HALF as i32; LANES]);
    for mut rows in parts {
        while let [weight, rest @ ..] = weights {
            let Some(values) = rows.get(at..).and_then(|row| row.first_chunk::<LANES>()) else { break };
            let weight = u32::from_le_bytes(*weight);
            let (high, low) = ((weight >> LOW) as i16, (weight & ((1 << LOW) - 1)) as i16);
            for lane in 0..LANES {
                high_sums[lane] += i32::from(high) * i32::from(values[lane]);
                low_sums[lane] += i32::from(low) * i32::from(values[lane]);
            }
            rows = rows.get(length..).unwrap_or_default();
            weights = rest;
        }
    }
    core::array::from_fn(|lane| round(((high_sums[lane] << LOW) + low_sums[lane]) as u32))
}

/// A sum of weighted bytes as a byte.
fn round(sum: u32) -> u8 {
    (sum >> PRECISION).min(255) as u8
}

pub(in crate::kernels) fn values(values: &Values, bytes: &[u8], out: &mut [f32]) {
    let table = &values.table;
    for (out, &[first, second, third]) in out.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
        let bytes = if values.swap { [third, second, first] } else { [first, second, third] };
        *out = core::array::from_fn::<f32, 3, _>(|channel| table[channel][usize::from(bytes[channel])]);
    }
}
