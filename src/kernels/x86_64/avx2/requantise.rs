//! Sums to bytes, sixteen columns at a time.

use super::grid::{Bounds, bytes_8, bytes_16, first};
use crate::kernels::requantise::{Requantise, Sums};
use core::arch::x86_64::*;

const LANES: usize = 8;

pub(super) const REQUANTISE: Requantise = Requantise { name: "i32u8-requantise-avx2", kernel: requantise };

/// # Safety
/// As [`Requantise::kernel`](Requantise) says.
#[target_feature(enable = "avx2")]
unsafe fn requantise(tile: &mut Sums<'_>) {
    if tile.factors.len() == 2 * LANES {
        // SAFETY: the caller's promise is passed on.
        return unsafe { whole(tile) };
    }
    let bounds = Bounds::new(tile.grid);
    let columns = tile.factors.len();
    let scaled =
        |sums: __m256i, factors: __m256| bounds.apply(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), factors));
    for row in 0..tile.rows {
        // SAFETY: the checked tile has `columns` sums and as much room behind these places.
        let (sums, out) = unsafe {
            (tile.sums.as_ptr().add(row * tile.pitch), tile.out.as_mut_ptr().add(row * tile.stride))
        };
        let factors = tile.factors.as_ptr();
        let mut column = 0;
        // SAFETY: of the `columns` sums, factors and bytes, each turn touches those from `column` on
        // that its condition counts; a masked load reads only the lanes of its mask.
        unsafe {
            let eight = |column: usize| {
                let sums = _mm256_loadu_si256(sums.add(column).cast());
                scaled(sums, _mm256_loadu_ps(factors.add(column)))
            };
            while column + 2 * LANES <= columns {
                let bytes = bytes_16(eight(column), eight(column + LANES));
                _mm_storeu_si128(out.add(column).cast(), bytes);
                column += 2 * LANES;
            }
            if column + LANES <= columns {
                out.add(column).cast::<[u8; LANES]>().write_unaligned(bytes_8(eight(column)));
                column += LANES;
            }
            let rest = columns - column;
            if rest > 0 {
                let mask = first(rest);
                let sums = _mm256_maskload_epi32(sums.add(column), mask);
                let bytes = bytes_8(scaled(sums, _mm256_maskload_ps(factors.add(column), mask)));
                out.add(column).copy_from_nonoverlapping(bytes.as_ptr(), rest);
            }
        }
    }
}

/// Rows of sixteen columns, two at a time.
///
/// Bounding from below waits for the bytes: what is too small for an integer, or no number, becomes the
/// least one, and saturating steps bring that to 0.
///
/// # Safety
/// As [`Requantise::kernel`](Requantise) says, and there are sixteen factors.
#[target_feature(enable = "avx2")]
unsafe fn whole(tile: &mut Sums<'_>) {
    let Sums { pitch, rows, grid, stride, .. } = *tile;
    let factors = tile.factors.as_ptr();
    // SAFETY: there are sixteen factors.
    let factors = unsafe { [_mm256_loadu_ps(factors), _mm256_loadu_ps(factors.add(LANES))] };
    let zero = _mm256_set1_epi16(grid.zero.into());
    let hi = _mm256_set1_ps(f32::from(grid.hi) - f32::from(grid.zero));
    let lo = _mm256_set1_epi8(grid.lo.cast_signed());
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    // Quarters of the words of a row, in the order 0, 2, 1, 3.
    let words = |row: usize| {
        // SAFETY: the checked tile has sixteen sums behind each pitch of its rows.
        let sums = unsafe {
            let sums = tile.sums.as_ptr().add(row * pitch).cast::<__m256i>();
            [_mm256_loadu_si256(sums), _mm256_loadu_si256(sums.add(1))]
        };
        let steps = |half: usize| {
            // The second operand where one is no number.
            let steps = _mm256_min_ps(hi, _mm256_mul_ps(_mm256_cvtepi32_ps(sums[half]), factors[half]));
            _mm256_cvtps_epi32(steps)
        };
        _mm256_adds_epi16(_mm256_packs_epi32(steps(0), steps(1)), zero)
    };
    let bytes = |first: __m256i, second: __m256i| {
        _mm256_max_epu8(_mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order), lo)
    };
    let out = tile.out.as_mut_ptr();
    for row in (0..rows - rows % 2).step_by(2) {
        let pair = bytes(words(row), words(row + 1));
        // SAFETY: there is room for sixteen bytes behind each stride of the rows.
        unsafe {
            let out = out.add(row * stride);
            _mm_storeu_si128(out.cast(), _mm256_castsi256_si128(pair));
            _mm_storeu_si128(out.add(stride).cast(), _mm256_extracti128_si256::<1>(pair));
        }
    }
    if rows % 2 == 1 {
        let last = words(rows - 1);
        let pair = bytes(last, last);
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(out.add((rows - 1) * stride).cast(), _mm256_castsi256_si128(pair)) };
    }
}
