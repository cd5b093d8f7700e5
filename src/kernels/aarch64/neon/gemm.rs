//! `f32` tiles of 8 rows and 8 columns: sixteen sums, two weights and four values of each row fill 26 of
//! the 32 registers.

use crate::kernels::gemm::{Gemm, PADDING, Tile};
use core::arch::aarch64::*;

const ROWS: usize = 8;
const COLUMNS: usize = 8;
const LANES: usize = 4;

pub(super) const GEMM: Gemm = Gemm { name: "f32-gemm-8x8-neon", rows: ROWS, columns: COLUMNS, kernel: tile };

/// # Safety
/// As [`Gemm::kernel`](Gemm) says.
#[target_feature(enable = "neon")]
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
            6 => rows::<6>(tile),
            7 => rows::<7>(tile),
            _ => rows::<8>(tile),
        }
    }
}

/// # Safety
/// As [`Gemm::kernel`](Gemm) says, and `R <= tile.rows`.
#[target_feature(enable = "neon")]
unsafe fn rows<const R: usize>(tile: &mut Tile<'_>) {
    // SAFETY: the checked tile has COLUMNS biases.
    let bias = unsafe { [vld1q_f32(tile.bias.as_ptr()), vld1q_f32(tile.bias.as_ptr().add(LANES))] };
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
        let mut k = 0;
        // SAFETY: the panel holds COLUMNS values for each of segments · run steps, and `left` points at
        // `run` values: of the input, or of the zeros where an offset is PADDING. `k` stays below `run`.
        unsafe {
            macro_rules! step {
                ($values:ident, $lane:literal) => {
                    let weights = [vld1q_f32(panel), vld1q_f32(panel.add(LANES))];
                    panel = panel.add(COLUMNS);
                    for r in 0..R {
                        sums[r][0] = vfmaq_laneq_f32::<$lane>(sums[r][0], weights[0], $values[r]);
                        sums[r][1] = vfmaq_laneq_f32::<$lane>(sums[r][1], weights[1], $values[r]);
                    }
                };
            }
            while k + LANES <= tile.run {
                let values = left.map(|left| vld1q_f32(left.add(k)));
                step!(values, 0);
                step!(values, 1);
                step!(values, 2);
                step!(values, 3);
                k += LANES;
            }
            while k < tile.run {
                let values = left.map(|left| vld1q_dup_f32(left.add(k)));
                step!(values, 0);
                k += 1;
            }
        }
    }
    let (lo, hi) = (vdupq_n_f32(tile.clamp.lo), vdupq_n_f32(tile.clamp.hi));
    for r in 0..R {
        // These give a NaN when the sum is one.
        let clamp = |sum| vminq_f32(vmaxq_f32(sum, lo), hi);
        let row = [clamp(sums[r][0]), clamp(sums[r][1])];
        if tile.columns == COLUMNS {
            // SAFETY: the checked tile has room for `rows` rows of `columns` values.
            unsafe {
                let out = tile.out.as_mut_ptr().add(r * tile.stride);
                vst1q_f32(out, row[0]);
                vst1q_f32(out.add(LANES), row[1]);
            }
        } else {
            let mut values = [0.0f32; COLUMNS];
            // SAFETY: `values` holds two registers.
            unsafe {
                vst1q_f32(values.as_mut_ptr(), row[0]);
                vst1q_f32(values.as_mut_ptr().add(LANES), row[1]);
            }
            tile.out[r * tile.stride..][..tile.columns].copy_from_slice(&values[..tile.columns]);
        }
    }
}
