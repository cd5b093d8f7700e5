//! `u8` by `i8` tiles of 8 rows and 8 columns in products of four bytes (`sdot`): sixteen sums, sixteen
//! values of each row and two registers of weights fill 26 of the 32 registers.
//!
//! `sdot` takes signed bytes on both sides, so the left values are moved down by 128 as they are gathered:
//! 128 times the sum of a column's weights goes into its bias.

use crate::kernels::aarch64::neon::qgemm::gather;
use crate::kernels::qgemm::{QGemm, QTile};
use core::arch::aarch64::*;
use core::arch::asm;

const ROWS: usize = 8;
const COLUMNS: usize = 8;
/// Sums of a register.
const LANES: usize = 4;
/// Bytes of a register.
const BYTES: usize = 16;
/// Values of a row that meet in one instruction.
const GROUP: usize = 4;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-8x8-dotprod",
    rows: ROWS,
    columns: COLUMNS,
    group: GROUP,
    bytes: 1,
    offset: 128,
    gather,
    kernel: tile,
};

/// Adds to each of four sums the product of four weights with one group of four values. The intrinsic
/// for it is not stable yet.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot<const LANE: usize>(mut sum: int32x4_t, weights: int8x16_t, values: uint8x16_t) -> int32x4_t {
    // SAFETY: the instruction works on registers only, and the CPU has it, as this function's feature says.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {weights:v}.16b, {values:v}.4b[{lane}]",
            sum = inout(vreg) sum,
            weights = in(vreg) weights,
            values = in(vreg) values,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// # Safety
/// As [`QGemm::kernel`](QGemm) says.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile(tile: &mut QTile<'_>) {
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
/// As [`QGemm::kernel`](QGemm) says, and `R <= tile.rows`.
#[target_feature(enable = "neon,dotprod")]
unsafe fn rows<const R: usize>(tile: &mut QTile<'_>) {
    // SAFETY: the checked tile has COLUMNS biases.
    let bias = unsafe { [vld1q_s32(tile.bias.as_ptr()), vld1q_s32(tile.bias.as_ptr().add(LANES))] };
    let mut sums = [bias; ROWS];
    let mut panel = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    // Rows are written out: in a loop over them the compiler keeps a copy of the sums in memory.
    macro_rules! step {
        ($values:ident, $lane:literal) => { step!($values, $lane, 0 1 2 3 4 5 6 7) };
        ($values:ident, $lane:literal, $($row:literal)+) => {
            // SAFETY: the panel holds COLUMNS groups of bytes for each group of `depth`.
            let weights = unsafe { [vld1q_s8(panel), vld1q_s8(panel.add(BYTES))] };
            // SAFETY: as above; behind the last group this is the panel's end.
            panel = unsafe { panel.add(GROUP * COLUMNS) };
            $(if $row < R {
                sums[$row][0] = sdot::<$lane>(sums[$row][0], weights[0], $values[$row]);
                sums[$row][1] = sdot::<$lane>(sums[$row][1], weights[1], $values[$row]);
            })+
        };
    }
    let mut k = 0;
    while k + BYTES <= tile.depth {
        // SAFETY: `left` has `depth` bytes behind each `pitch` of the first R rows, 16 of them from `k` on.
        let values: [uint8x16_t; ROWS] =
            core::array::from_fn(|r| unsafe { vld1q_u8(left.add(r.min(R - 1) * tile.pitch)) });
        step!(values, 0);
        step!(values, 1);
        step!(values, 2);
        step!(values, 3);
        // SAFETY: at most the end of the rows.
        left = unsafe { left.add(BYTES) };
        k += BYTES;
    }
    while k < tile.depth {
        // SAFETY: `left` has `depth` bytes behind each `pitch` of the first R rows, a group of them from `k` on.
        let values: [uint8x16_t; ROWS] = core::array::from_fn(|r| unsafe {
            vreinterpretq_u8_u32(vdupq_n_u32(
                left.add(r.min(R - 1) * tile.pitch).cast::<u32>().read_unaligned(),
            ))
        });
        step!(values, 0);
        // SAFETY: at most the end of the rows.
        left = unsafe { left.add(GROUP) };
        k += GROUP;
    }
    for (sums, to) in sums.into_iter().take(R).zip(tile.sums.as_chunks_mut::<COLUMNS>().0) {
        // SAFETY: there is room for eight sums.
        unsafe {
            vst1q_s32(to.as_mut_ptr(), sums[0]);
            vst1q_s32(to.as_mut_ptr().add(LANES), sums[1]);
        }
    }
}
