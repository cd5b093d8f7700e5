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
