//! `u8` by `i8` tiles of 8 rows and 16 columns, four values at a time: a register of sums a row.
//!
//! `vpdpbusd` multiplies four `u8` by four `i8`, adds the products and the sum, and wraps; nothing saturates
//! on the way. Left values stay bytes.

use crate::kernels::qgemm::{QGemm, QTile};
use crate::kernels::x86_64::avx2::qgemm_narrow::gather;
use core::arch::x86_64::*;

const ROWS: usize = 8;
const COLUMNS: usize = 16;
/// Values of a row that meet in one instruction.
const GROUP: usize = 4;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-8x16-vnni",
    rows: ROWS,
    columns: COLUMNS,
    group: GROUP,
    bytes: 1,
    offset: 0,
    gather,
    kernel: tile,
};

/// # Safety
/// As [`QGemm::kernel`](QGemm) says.
#[target_feature(enable = "avx512f,avx512vnni")]
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
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn rows<const R: usize>(tile: &mut QTile<'_>) {
    // SAFETY: the checked tile has COLUMNS biases.
    let bias = unsafe { _mm512_loadu_si512(tile.bias.as_ptr().cast()) };
    let mut sums = [bias; R];
    let mut panel = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    for _ in 0..tile.depth / GROUP {
        // SAFETY: the panel holds COLUMNS groups of bytes for each group of `depth`; `left` has `depth` bytes
        // behind each `pitch` of the first R rows.
        unsafe {
            let weights = _mm512_loadu_si512(panel.cast());
            panel = panel.add(COLUMNS * GROUP);
            for (r, sum) in sums.iter_mut().enumerate() {
                let values = _mm512_set1_epi32(left.add(r * tile.pitch).cast::<i32>().read_unaligned());
                *sum = _mm512_dpbusd_epi32(*sum, values, weights);
            }
            left = left.add(GROUP);
        }
    }
    for (sum, to) in sums.iter().zip(tile.sums.as_chunks_mut::<COLUMNS>().0) {
        // SAFETY: there is room for sixteen sums.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), *sum) }
    }
}
