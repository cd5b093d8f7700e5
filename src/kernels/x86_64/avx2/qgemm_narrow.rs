//! `u8` by narrow `i8` tiles of 4 rows and 16 columns, eight values at a time: eight sums, four weights, two
//! values, a product and a register of ones fill the sixteen registers.
//!
//! `vpmaddubsw` multiplies bytes and adds pairs of products in 16 bits, where wide weights could saturate.
//! Narrow ones leave room for two such pairs (see [`is_narrow`](crate::format::weights::is_narrow)), so
//! that three multiplications do the work of four, and left values stay bytes.

use crate::kernels::qgemm::{QGemm, QTile, Runs};
use core::arch::x86_64::*;

const ROWS: usize = 4;
const COLUMNS: usize = 16;
/// Sums of a register.
const LANES: usize = 8;
/// Bytes of a register.
const WIDTH: usize = 32;
/// Values of a row that meet in one instruction. Two such groups, at an even place and behind it, are added in
/// 16 bits.
const GROUP: usize = 4;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-4x16-narrow-avx2",
    rows: ROWS,
    columns: COLUMNS,
    group: GROUP,
    bytes: 1,
    offset: 0,
    gather,
    kernel: tile,
};

/// Copies.
///
/// # Safety
/// As [`QGemm::gather`](QGemm) says.
#[target_feature(enable = "avx2")]
pub(in crate::kernels::x86_64) unsafe fn gather(runs: &mut Runs<'_>) {
    let run = runs.run;
    for index in 0..runs.count {
        // SAFETY: the checked runs have `run` values behind the one place, and room for them behind the
        // other. Where a run ends in part of a piece, the last whole one of the run is copied once more.
        unsafe {
            let from = runs.from.as_ptr().add(index * runs.from_step);
            let to = runs.to.as_mut_ptr().add(index * runs.to_step);
            match run {
                32.. => {
                    for at in (0..run - 32).step_by(32) {
                        copy::<32>(from.add(at), to.add(at));
                    }
                    copy::<32>(from.add(run - 32), to.add(run - 32));
                }
                16.. => {
                    copy::<16>(from, to);
                    copy::<16>(from.add(run - 16), to.add(run - 16));
                }
                8.. => {
                    copy::<8>(from, to);
                    copy::<8>(from.add(run - 8), to.add(run - 8));
                }
                _ => {
                    for at in 0..run {
                        to.add(at).write(from.add(at).read());
                    }
                }
            }
        }
    }
}

/// # Safety
/// There are `N` bytes behind both pointers.
#[target_feature(enable = "avx2")]
unsafe fn copy<const N: usize>(from: *const u8, to: *mut u8) {
    // SAFETY: as the caller says; arrays of bytes have no alignment.
    unsafe { to.cast::<[u8; N]>().write(from.cast::<[u8; N]>().read()) }
}

/// # Safety
/// As [`QGemm::kernel`](QGemm) says.
#[target_feature(enable = "avx2")]
unsafe fn tile(tile: &mut QTile<'_>) {
    // A tile at the end of an image has fewer rows; a constant count keeps the sums in registers.
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match tile.rows {
            1 => rows::<1>(tile),
            2 => rows::<2>(tile),
            3 => rows::<3>(tile),
            _ => rows::<4>(tile),
        }
    }
}

/// # Safety
/// As [`QGemm::kernel`](QGemm) says, and `R <= tile.rows`.
#[target_feature(enable = "avx2")]
unsafe fn rows<const R: usize>(tile: &mut QTile<'_>) {
    let bias = tile.bias.as_ptr().cast::<__m256i>();
    // SAFETY: the checked tile has COLUMNS biases.
    let bias = unsafe { [_mm256_loadu_si256(bias), _mm256_loadu_si256(bias.add(1))] };
    let ones = _mm256_set1_epi16(1);
    let mut sums = [bias; R];
    let mut panel = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    let groups = tile.depth / GROUP;
    for _ in 0..groups / 2 {
        // SAFETY: the panel holds COLUMNS groups of bytes for each group of `depth`; `left` has `depth` bytes
        // behind each `pitch` of the first R rows.
        unsafe {
            let weights = [weights(panel), weights(panel.add(COLUMNS * GROUP))];
            panel = panel.add(2 * COLUMNS * GROUP);
            for r in 0..R {
                let (first, second) =
                    (group(left.add(r * tile.pitch)), group(left.add(r * tile.pitch + GROUP)));
                for half in 0..2 {
                    let products = _mm256_add_epi16(
                        _mm256_maddubs_epi16(first, weights[0][half]),
                        _mm256_maddubs_epi16(second, weights[1][half]),
                    );
                    sums[r][half] = _mm256_add_epi32(sums[r][half], _mm256_madd_epi16(products, ones));
                }
            }
            left = left.add(2 * GROUP);
        }
    }
    if !groups.is_multiple_of(2) {
        // SAFETY: as above; a last group is left.
        unsafe {
            let weights = weights(panel);
            for r in 0..R {
                let values = group(left.add(r * tile.pitch));
                for half in 0..2 {
                    let products = _mm256_maddubs_epi16(values, weights[half]);
                    sums[r][half] = _mm256_add_epi32(sums[r][half], _mm256_madd_epi16(products, ones));
                }
            }
        }
    }
    for (sums, to) in sums.iter().zip(tile.sums.as_chunks_mut::<{ 2 * LANES }>().0) {
        // SAFETY: there is room for sixteen sums.
        unsafe {
            let to = to.as_mut_ptr().cast::<__m256i>();
            _mm256_storeu_si256(to, sums[0]);
            _mm256_storeu_si256(to.add(1), sums[1]);
        }
    }
}

/// A group of weights of each column.
///
/// # Safety
/// The CPU has AVX2, and there are 64 bytes behind the pointer.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn weights(panel: *const i8) -> [__m256i; 2] {
    // SAFETY: as the caller says.
    unsafe { [_mm256_loadu_si256(panel.cast()), _mm256_loadu_si256(panel.add(WIDTH).cast())] }
}

/// A group of values in every lane.
///
/// # Safety
/// The CPU has AVX2, and there are four bytes behind the pointer.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn group(left: *const u8) -> __m256i {
    // SAFETY: as the caller says.
    unsafe { _mm256_set1_epi32(left.cast::<i32>().read_unaligned()) }
}
