//! `f32` tiles of 6 rows and 16 columns: twelve sums, two weights and one broadcast value fill fifteen
//! of the sixteen registers.

use crate::kernels::gemm::{Gemm, PADDING, Tile};
use core::arch::x86_64::*;

const ROWS: usize = 6;
const COLUMNS: usize = 16;
const LANES: usize = 8;

pub(super) const GEMM: Gemm = Gemm { name: "f32-gemm-6x16-avx2", rows: ROWS, columns: COLUMNS, kernel: tile };

/// # Safety
/// As [`Gemm::kernel`](Gemm) says.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile(tile: &mut Tile<'_>) {
    // A tile at the end of an image has fewer rows; a constant count keeps the sums in registers.
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match tile.rows {
            1 => rows::<1>(tile),
            2 => rows::<2>(tile),
            3 => rows::<3>(tile),
            4 => rows::<4>(tile),
            5 => rows::<5>(tile),
            _ => rows::<6>(tile),
        }
    }
}

/// # Safety
/// As [`Gemm::kernel`](Gemm) says, and `R <= tile.rows`.
#[target_feature(enable = "avx2,fma")]
unsafe fn rows<const R: usize>(tile: &mut Tile<'_>) {
    // SAFETY: the checked tile has COLUMNS biases.
    let bias =
        unsafe { [_mm256_loadu_ps(tile.bias.as_ptr()), _mm256_loadu_ps(tile.bias.as_ptr().add(LANES))] };
    for line in tile.ahead.chunks(2 * LANES) {
        _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
    }
    let mut sums = [bias; R];
    let mut panel = tile.panel.as_ptr();
    for starts in tile.offsets.chunks_exact(ROWS) {
        let mut left = [tile.zeros.as_ptr(); R];
        for (left, &start) in left.iter_mut().zip(starts) {
            if start != PADDING {
                // SAFETY: the checked tile has `run` values behind each offset.
                *left = unsafe { tile.input.as_ptr().add(start as usize) };
            }
        }
        for k in 0..tile.run {
            // SAFETY: the panel holds COLUMNS values for each of segments · run steps, and `left`
            // points at `run` values: of the input, or of the zeros where an offset is PADDING.
            unsafe {
                let weights = [_mm256_loadu_ps(panel), _mm256_loadu_ps(panel.add(LANES))];
                panel = panel.add(COLUMNS);
                for r in 0..R {
                    let value = _mm256_broadcast_ss(&*left[r].add(k));
                    sums[r][0] = _mm256_fmadd_ps(value, weights[0], sums[r][0]);
                    sums[r][1] = _mm256_fmadd_ps(value, weights[1], sums[r][1]);
                }
            }
        }
    }
    let (lo, hi) = (_mm256_set1_ps(tile.clamp.lo), _mm256_set1_ps(tile.clamp.hi));
    for r in 0..R {
        // With the bound first, a NaN in the sum is what these instructions return.
        let clamp = |sum| _mm256_min_ps(hi, _mm256_max_ps(lo, sum));
        let row = [clamp(sums[r][0]), clamp(sums[r][1])];
        if tile.columns == COLUMNS {
            // SAFETY: the checked tile has room for `rows` rows of `columns` values.
            unsafe {
                let out = tile.out.as_mut_ptr().add(r * tile.stride);
                _mm256_storeu_ps(out, row[0]);
                _mm256_storeu_ps(out.add(LANES), row[1]);
            }
        } else {
            let mut values = [0.0f32; COLUMNS];
            // SAFETY: `values` holds two registers.
            unsafe {
                _mm256_storeu_ps(values.as_mut_ptr(), row[0]);
                _mm256_storeu_ps(values.as_mut_ptr().add(LANES), row[1]);
            }
            tile.out[r * tile.stride..][..tile.columns].copy_from_slice(&values[..tile.columns]);
        }
    }
}
