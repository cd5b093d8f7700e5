//! `u8` by `i8` tiles of 8 rows and 8 columns, two rows at a time, in products of eight bytes (`smull`)
//! whose pairs are added to the sums (`sadalp`): sixteen registers of sums, each with four parts of one.
//!
//! `smull` takes signed bytes on both sides, so the left values are moved down by 128 as they are gathered:
//! 128 times the sum of a column's weights goes into its bias. A product is at most 128 · 128, which
//! 16 bits hold. On a Cortex-A72 the two instructions run side by side, 8 products a cycle by
//! llvm-mca's model; `smlal` on 16-bit rows gives 4 there, and as many as these on a Cortex-A53.

use crate::kernels::qgemm::{QGemm, QTile, Runs};
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
    gather,
    kernel: tile,
};

/// Moves values down by 128.
///
/// # Safety
/// As [`QGemm::gather`](QGemm) says.
#[target_feature(enable = "neon")]
pub(in crate::kernels::aarch64) unsafe fn gather(runs: &mut Runs<'_>) {
    const HALF: usize = BYTES / 2;
    let run = runs.run;
    for index in 0..runs.count {
        // SAFETY: the checked runs have `run` values behind the one place, and room for them behind the
        // other. Where a run ends in part of a register, the last whole one of the run is taken once more.
        unsafe {
            let from = runs.from.as_ptr().add(index * runs.from_step);
            let to = runs.to.as_mut_ptr().add(index * runs.to_step);
            let sixteen =
                |at: usize| vst1q_u8(to.add(at), veorq_u8(vld1q_u8(from.add(at)), vdupq_n_u8(0x80)));
            let eight = |at: usize| vst1_u8(to.add(at), veor_u8(vld1_u8(from.add(at)), vdup_n_u8(0x80)));
            if run >= BYTES {
                for at in (0..run - BYTES).step_by(BYTES) {
                    sixteen(at);
                }
                sixteen(run - BYTES);
            } else if run >= HALF {
                eight(0);
                eight(run - HALF);
            } else {
                for at in 0..run {
                    *to.add(at) = *from.add(at) ^ 0x80;
                }
            }
        }
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
