//! `u8` by `i8` tiles of 8 rows and 8 columns, two rows at a time, in products of eight bytes (`smull`)
//! whose pairs are added to the sums (`sadalp`): sixteen registers of sums, each with four parts of one.
//!
//! `smull` takes signed bytes on both sides, so the left values are moved down by 128 as they are gathered:
//! 128 times the sum of a column's weights goes into its bias. A product is at most 128 · 128, which
//! 16 bits hold. On a Cortex-A72 the two instructions run side by side, 8 products a cycle by
//! llvm-mca's model; `smlal` on 16-bit rows gives 4 there, and as many as these on a Cortex-A53.

use crate::kernels::qgemm::{QGemm, QTile};
use core::arch::aarch64::*;

const ROWS: usize = 8;
const COLUMNS: usize = 8;
/// Sums of a register.
const LANES: usize = 4;
/// Values of a row that meet in one instruction.
const GROUP: usize = 8;
/// Bytes of a register.
const BYTES: usize = 16;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-8x8-neon",
    rows: ROWS,
    columns: COLUMNS,
    group: GROUP,
    bytes: 1,
    offset: 128,
    widen,
    kernel: tile,
};

/// Moves values down by 128.
///
/// # Safety
/// As [`QGemm::widen`](QGemm) says.
#[target_feature(enable = "neon")]
pub(in crate::kernels::aarch64) unsafe fn widen(from: &[u8], to: &mut [u8]) {
    let (whole, rest) = from.as_chunks::<BYTES>();
    let (whole_to, rest_to) = to.as_chunks_mut::<BYTES>();
    for (from, to) in whole.iter().zip(whole_to) {
        // SAFETY: 16 bytes are there, and room for as many.
        unsafe { vst1q_u8(to.as_mut_ptr(), veorq_u8(vld1q_u8(from.as_ptr()), vdupq_n_u8(0x80))) };
    }
    for (from, to) in rest.iter().zip(rest_to) {
        *to = from ^ 0x80;
    }
}

/// # Safety
/// As [`QGemm::kernel`](QGemm) says.
#[target_feature(enable = "neon")]
unsafe fn tile(tile: &mut QTile<'_>) {
    let mut row = 0;
    while row < tile.rows {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            if row + 1 < tile.rows {
                rows::<2>(tile, row);
            } else {
                rows::<1>(tile, row);
            }
        }
        row += 2;
    }
}

/// # Safety
/// As [`QGemm::kernel`](QGemm) says, and `first + R <= tile.rows`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn rows<const R: usize>(tile: &mut QTile<'_>, first: usize) {
    let mut parts = [[vdupq_n_s32(0); COLUMNS]; R];
    let mut panel = tile.panel.as_ptr();
    // SAFETY: the checked tile has a row that begins here.
    let mut left = unsafe { tile.left.as_ptr().add(first * tile.pitch).cast::<i8>() };
    for _ in 0..tile.depth / GROUP {
        // SAFETY: the panel holds COLUMNS groups of bytes for each group of `depth`; `left` has `depth`
        // bytes behind each `pitch` of R rows.
        unsafe {
            let values: [int8x8_t; R] = core::array::from_fn(|r| vld1_s8(left.add(r * tile.pitch)));
            for column in 0..COLUMNS {
                let weights = vld1_s8(panel.add(column * GROUP));
                for r in 0..R {
                    parts[r][column] = vpadalq_s16(parts[r][column], vmull_s8(weights, values[r]));
                }
            }
            panel = panel.add(COLUMNS * GROUP);
            left = left.add(GROUP);
        }
    }
    // SAFETY: the checked tile has COLUMNS biases.
    let bias = unsafe { [vld1q_s32(tile.bias.as_ptr()), vld1q_s32(tile.bias.as_ptr().add(LANES))] };
    let sums = tile.sums.as_chunks_mut::<COLUMNS>().0.iter_mut().skip(first);
    for (parts, to) in parts.iter().zip(sums) {
        let four = |at: usize| {
            vpaddq_s32(vpaddq_s32(parts[at], parts[at + 1]), vpaddq_s32(parts[at + 2], parts[at + 3]))
        };
        // SAFETY: there is room for eight sums.
        unsafe {
            vst1q_s32(to.as_mut_ptr(), vaddq_s32(four(0), bias[0]));
            vst1q_s32(to.as_mut_ptr().add(LANES), vaddq_s32(four(LANES), bias[1]));
        }
    }
}
