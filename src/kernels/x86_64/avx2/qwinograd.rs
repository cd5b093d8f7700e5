//! The three parts of a Winograd convolution in integers: patches sixteen channels at a time in 16 bits,
//! products as the direct kernel's but with both sides widened beforehand, outputs eight columns at a
//! time in 32 bits.
//!
//! `vpmaddwd` is exact here too: at most 2 · 17,340 · 6,272.

use crate::kernels::qwinograd::{COLUMNS, FOUR, Outputs, Patches, Products, QWinograd, TILES, TWO};
use core::arch::x86_64::*;

/// Sums of a register.
const LANES: usize = 8;
/// Channels of a register.
const CHANNELS: usize = 16;
/// Values of a row that meet in one instruction.
const PAIR: usize = 2;
/// Registers of a row of sums.
const HALVES: usize = COLUMNS / LANES;

pub(super) const QWINOGRAD2: QWinograd = QWinograd {
    name: "u8i8-winograd2-6x16-avx2",
    transform: &TWO,
    input: input_2,
    multiply: multiply::<{ TWO.positions() }>,
    output: output_2,
};

pub(super) const QWINOGRAD4: QWinograd = QWinograd {
    name: "u8i8-winograd4-6x16-avx2",
    transform: &FOUR,
    input: input_4,
    multiply: multiply::<{ FOUR.positions() }>,
    output: output_4,
};

/// # Safety
/// As [`QWinograd::input`](QWinograd) says.
#[target_feature(enable = "avx2")]
unsafe fn input_2(patches: &mut Patches<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { input::<2, 4>(patches, |column| rows_2(column)) }
}

/// # Safety
/// As [`QWinograd::input`](QWinograd) says.
#[target_feature(enable = "avx2")]
unsafe fn input_4(patches: &mut Patches<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { input::<4, 6>(patches, |column| rows_4(column)) }
}

/// Bᵀ of the small tile times a column.
#[inline]
#[target_feature(enable = "avx2")]
fn rows_2(d: [__m256i; 4]) -> [__m256i; 4] {
    [
        _mm256_sub_epi16(d[0], d[2]),
        _mm256_add_epi16(d[1], d[2]),
        _mm256_sub_epi16(d[2], d[1]),
        _mm256_sub_epi16(d[1], d[3]),
    ]
}

/// Bᵀ of the large tile times a column.
#[inline]
#[target_feature(enable = "avx2")]
fn rows_4(d: [__m256i; 6]) -> [__m256i; 6] {
    let (even, odd) = (_mm256_sub_epi16(d[4], d[2]), _mm256_sub_epi16(d[3], d[1]));
    let four_even = _mm256_sub_epi16(d[4], _mm256_slli_epi16::<2>(d[2]));
    let four_odd = _mm256_sub_epi16(d[3], _mm256_slli_epi16::<2>(d[1]));
    let two_odd = _mm256_add_epi16(odd, odd);
    let first = _mm256_slli_epi16::<2>(_mm256_sub_epi16(d[0], d[2]));
    let last = _mm256_sub_epi16(d[5], d[3]);
    [
        _mm256_add_epi16(first, even),
        _mm256_add_epi16(four_even, four_odd),
        _mm256_sub_epi16(four_even, four_odd),
        _mm256_add_epi16(even, two_odd),
        _mm256_sub_epi16(even, two_odd),
        _mm256_sub_epi16(last, _mm256_slli_epi16::<2>(odd)),
    ]
}

/// Patches of N by N pixels, for tiles of M by M outputs; `rows` multiplies a column by Bᵀ.
///
/// # Safety
/// As [`QWinograd::input`](QWinograd) says, of that size.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn input<const M: usize, const N: usize>(
    patches: &mut Patches<'_>,
    rows: impl Fn([__m256i; N]) -> [__m256i; N],
) {
    let Patches { pitch, channels, tiles, step, .. } = *patches;
    for tile in 0..tiles {
        for channel in (0..channels).step_by(CHANNELS) {
            // SAFETY: the checked patches have N lines with M · (tiles − 1) + N pixels of `channels`
            // bytes each, and room for `tiles` times `channels` values behind each of N · N steps;
            // sixteen of them stand behind `channel`, a multiple of sixteen below `channels`.
            unsafe {
                let from = patches.lines.as_ptr().add(tile * M * channels + channel);
                let to = patches.to.as_mut_ptr().add(tile * channels + channel);
                let mut columns = [[_mm256_setzero_si256(); N]; N];
                for x in 0..N {
                    let column = core::array::from_fn(|y| {
                        let values = _mm_loadu_si128(from.add(y * pitch + x * channels).cast());
                        _mm256_cvtepu8_epi16(values)
                    });
                    columns[x] = rows(column);
                }
                for y in 0..N {
                    let line = rows(core::array::from_fn(|x| columns[x][y]));
                    for x in 0..N {
                        _mm256_storeu_si256(to.add((y * N + x) * step).cast(), line[x]);
                    }
                }
            }
        }
    }
}

/// # Safety
/// As [`QWinograd::multiply`](QWinograd) says, of so many positions.
#[target_feature(enable = "avx2")]
unsafe fn multiply<const POSITIONS: usize>(products: &mut Products<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match products.tiles {
            1 => tiles::<POSITIONS, 1>(products),
            2 => tiles::<POSITIONS, 2>(products),
            3 => tiles::<POSITIONS, 3>(products),
            4 => tiles::<POSITIONS, 4>(products),
            5 => tiles::<POSITIONS, 5>(products),
            _ => tiles::<POSITIONS, 6>(products),
        }
    }
}

/// # Safety
/// As [`QWinograd::multiply`](QWinograd) says, and `T == products.tiles`.
#[target_feature(enable = "avx2")]
unsafe fn tiles<const POSITIONS: usize, const T: usize>(products: &mut Products<'_>) {
    let Products { step, channels, depth, .. } = *products;
    let mut panel = products.panel.as_ptr().cast::<__m256i>();
    for position in 0..POSITIONS {
        // SAFETY: the checked operands have `depth` values behind each of T tiles of each position, and
        // the panel COLUMNS pairs for each pair of them.
        let sums = unsafe {
            let mut left = products.left.as_ptr().add(position * step);
            let mut sums = [[_mm256_setzero_si256(); HALVES]; T];
            // The first products are sums already.
            for first in [true, false] {
                let pairs = if first { 1 } else { depth / PAIR - 1 };
                for _ in 0..pairs {
                    let weights = [_mm256_loadu_si256(panel), _mm256_loadu_si256(panel.add(1))];
                    panel = panel.add(HALVES);
                    for tile in 0..T {
                        let value = left.add(tile * channels).cast::<i32>().read_unaligned();
                        let value = _mm256_set1_epi32(value);
                        for half in 0..HALVES {
                            let product = _mm256_madd_epi16(value, weights[half]);
                            sums[tile][half] =
                                if first { product } else { _mm256_add_epi32(sums[tile][half], product) };
                        }
                    }
                    left = left.add(PAIR);
                }
            }
            sums
        };
        for (tile, sums) in sums.iter().enumerate() {
            // SAFETY: there is room for COLUMNS sums of TILES tiles at each position.
            unsafe {
                let to = products.sums.as_mut_ptr().add((position * TILES + tile) * COLUMNS);
                _mm256_storeu_si256(to.cast(), sums[0]);
                _mm256_storeu_si256(to.add(LANES).cast(), sums[1]);
            }
        }
    }
}

/// # Safety
/// As [`QWinograd::output`](QWinograd) says.
#[target_feature(enable = "avx2")]
unsafe fn output_2(outputs: &mut Outputs<'_>) {
    let rows = |m: [__m256i; 4]| {
        [
            _mm256_add_epi32(_mm256_add_epi32(m[0], m[1]), m[2]),
            _mm256_sub_epi32(_mm256_sub_epi32(m[1], m[2]), m[3]),
        ]
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { output::<2, 4>(outputs, rows, |sum, _, _| _mm256_srai_epi32::<2>(sum)) }
}

/// # Safety
/// As [`QWinograd::output`](QWinograd) says.
#[target_feature(enable = "avx2")]
unsafe fn output_4(outputs: &mut Outputs<'_>) {
    let twice = |value| _mm256_add_epi32(value, value);
    // Aᵀ without the powers of two that its rows have in common: 1, 2, 4 and 4.
    let rows = |m: [__m256i; 6]| {
        let (sum_1, difference_1) = (_mm256_add_epi32(m[1], m[2]), _mm256_sub_epi32(m[1], m[2]));
        let (sum_2, difference_2) = (_mm256_add_epi32(m[3], m[4]), _mm256_sub_epi32(m[3], m[4]));
        let last = _mm256_add_epi32(difference_2, m[5]);
        [
            _mm256_add_epi32(twice(_mm256_add_epi32(m[0], twice(sum_1))), sum_2),
            _mm256_add_epi32(twice(difference_1), difference_2),
            _mm256_add_epi32(sum_1, sum_2),
            _mm256_add_epi32(difference_1, twice(last)),
        ]
    };
    const POWERS: [i32; 4] = [0, 1, 2, 2];
    let inverse = _mm256_set1_epi32(FOUR.inverse.cast_signed());
    let scale = |sum, y: usize, x: usize| {
        let shift = _mm_cvtsi32_si128(FOUR.shift as i32 - POWERS[y] - POWERS[x]);
        _mm256_sra_epi32(_mm256_mullo_epi32(sum, inverse), shift)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { output::<4, 6>(outputs, rows, scale) }
}

/// Outputs of a tile of M by M from products at N by N positions; `rows` multiplies a column by Aᵀ, `scale`
/// scales the output in a row and column down.
///
/// # Safety
/// As [`QWinograd::output`](QWinograd) says, of that size.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn output<const M: usize, const N: usize>(
    outputs: &mut Outputs<'_>,
    rows: impl Fn([__m256i; N]) -> [__m256i; M],
    scale: impl Fn(__m256i, usize, usize) -> __m256i,
) {
    for half in 0..HALVES {
        // SAFETY: the checked outputs have COLUMNS sums at N · N positions, a distance of TILES times
        // COLUMNS apart, and room for COLUMNS values of M pixels behind each of M pitches.
        unsafe {
            let from = outputs.sums.as_ptr().add(half * LANES);
            let to = outputs.to.as_mut_ptr().add(half * LANES);
            let bias = _mm256_loadu_si256(outputs.bias.as_ptr().add(half * LANES).cast());
            let mut columns = [[_mm256_setzero_si256(); M]; N];
            for x in 0..N {
                let column = core::array::from_fn(|y| {
                    _mm256_loadu_si256(from.add((y * N + x) * TILES * COLUMNS).cast())
                });
                columns[x] = rows(column);
            }
            for y in 0..M {
                let line = rows(core::array::from_fn(|x| columns[x][y]));
                for x in 0..M {
                    let sum = _mm256_add_epi32(scale(line[x], y, x), bias);
                    _mm256_storeu_si256(to.add(y * outputs.pitch + x * COLUMNS).cast(), sum);
                }
            }
        }
    }
}
