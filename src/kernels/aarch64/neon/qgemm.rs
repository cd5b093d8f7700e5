//! `u8` by `i8` tiles of 8 rows and 8 columns in products of 16 bits (`smlal`): sixteen sums, eight values
//! of each row and eight weights fill 25 of the 32 registers.
//!
//! Left values are widened when they are gathered, once for all panels; weights stay bytes in memory and
//! are widened as they are loaded.

use crate::kernels::qgemm::{QGemm, QTile};
use core::arch::aarch64::*;

const ROWS: usize = 8;
const COLUMNS: usize = 8;
/// Sums of a register.
const LANES: usize = 4;
/// Values of 16 bits of a register.
const VALUES: usize = 8;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-8x8-neon",
    rows: ROWS,
    columns: COLUMNS,
    group: 1,
    bytes: size_of::<i16>(),
    offset: 0,
    widen,
    kernel: tile,
};

/// # Safety
/// As [`QGemm::widen`](QGemm) says.
#[target_feature(enable = "neon")]
unsafe fn widen(from: &[u8], to: &mut [u8]) {
    let (whole, rest) = from.as_chunks::<VALUES>();
    let (whole_to, rest_to) = to.as_chunks_mut::<{ 2 * VALUES }>();
    for (from, to) in whole.iter().zip(whole_to) {
        // SAFETY: 8 bytes are there, and room for 16.
        unsafe { vst1q_u8(to.as_mut_ptr(), vreinterpretq_u8_u16(vmovl_u8(vld1_u8(from.as_ptr())))) };
    }
    for (from, to) in rest.iter().zip(rest_to.as_chunks_mut().0) {
        *to = u16::from(*from).to_le_bytes();
    }
}

/// # Safety
/// As [`QGemm::kernel`](QGemm) says.
#[target_feature(enable = "neon")]
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
#[target_feature(enable = "neon")]
unsafe fn rows<const R: usize>(tile: &mut QTile<'_>) {
    // SAFETY: the checked tile has COLUMNS biases.
    let bias = unsafe { [vld1q_s32(tile.bias.as_ptr()), vld1q_s32(tile.bias.as_ptr().add(LANES))] };
    let mut sums = [bias; R];
    let mut panel = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    // SAFETY: the panel holds COLUMNS bytes for each of `depth` steps; `left` has `depth` values of 16 bits
    // behind each `pitch` of the first R rows, and `k` stays below `depth`. Bytes may lie anywhere: the
    // loads are of bytes.
    unsafe {
        macro_rules! step {
            ($values:ident, $lane:literal) => {
                let weights = vmovl_s8(vld1_s8(panel));
                panel = panel.add(COLUMNS);
                for r in 0..R {
                    let low = vget_low_s16(weights);
                    sums[r][0] = vmlal_laneq_s16::<$lane>(sums[r][0], low, $values[r]);
                    sums[r][1] = vmlal_high_laneq_s16::<$lane>(sums[r][1], weights, $values[r]);
                }
            };
        }
        let mut k = 0;
        while k + VALUES <= tile.depth {
            let values: [int16x8_t; R] =
                core::array::from_fn(|r| vreinterpretq_s16_u8(vld1q_u8(left.add(r * tile.pitch))));
            step!(values, 0);
            step!(values, 1);
            step!(values, 2);
            step!(values, 3);
            step!(values, 4);
            step!(values, 5);
            step!(values, 6);
            step!(values, 7);
            left = left.add(size_of::<i16>() * VALUES);
            k += VALUES;
        }
        while k < tile.depth {
            let values: [int16x8_t; R] = core::array::from_fn(|r| {
                vdupq_n_s16(left.add(r * tile.pitch).cast::<i16>().read_unaligned())
            });
            step!(values, 0);
            left = left.add(size_of::<i16>());
            k += 1;
        }
    }
    for (sums, to) in sums.iter().zip(tile.sums.as_chunks_mut::<COLUMNS>().0) {
        // SAFETY: there is room for eight sums.
        unsafe {
            vst1q_s32(to.as_mut_ptr(), sums[0]);
            vst1q_s32(to.as_mut_ptr().add(LANES), sums[1]);
        }
    }
}
