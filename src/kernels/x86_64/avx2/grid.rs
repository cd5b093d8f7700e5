//! The end of every kernel that writes bytes: eight real numbers, in steps of a grid, to its values.

use crate::format::Grid;
use core::arch::x86_64::*;

/// A grid in registers.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    lo: __m256,
    hi: __m256,
    zero: __m256i,
}

impl Bounds {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new(grid: Grid) -> Self {
        let zero = f32::from(grid.zero);
        Self {
            lo: _mm256_set1_ps(f32::from(grid.lo) - zero),
            hi: _mm256_set1_ps(f32::from(grid.hi) - zero),
            zero: _mm256_set1_epi32(grid.zero.into()),
        }
    }

    /// Bounded, rounded half to even, moved by the zero point: `to_grid`, eight times, in 0..=255.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn apply(self, steps: __m256) -> __m256i {
        // These give their second operand when one is no number: the lower bound.
        let steps = _mm256_min_ps(_mm256_max_ps(steps, self.lo), self.hi);
        // In the rounding mode that Rust demands, half to even.
        _mm256_add_epi32(_mm256_cvtps_epi32(steps), self.zero)
    }
}

/// Sixteen values in 0..=255 as bytes, in order.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn bytes_16(first: __m256i, second: __m256i) -> __m128i {
    // Packing works in each half of a register: quarters come out as 0, 2, 1, 3 of the words.
    let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(first, second));
    _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words))
}

/// Eight values in 0..=255 as bytes, in order.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn bytes_8(values: __m256i) -> [u8; 8] {
    let words = _mm_packs_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256::<1>(values));
    _mm_cvtsi128_si64(_mm_packus_epi16(words, words)).to_le_bytes()
}

/// Eight bytes as integers.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn widened(bytes: [u8; 8]) -> __m256i {
    _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)))
}

/// A mask of the first `count` of eight lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn first(count: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
}
