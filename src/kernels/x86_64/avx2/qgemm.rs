//! `u8` by `i8` tiles of 6 rows and 16 columns, in pairs of 16 bits: twelve sums, two weights, a value and
//! a product fill the sixteen registers.
//!
//! `vpmaddwd` multiplies pairs of 16 bits and adds each pair in 32, which is exact: at most
//! 2 · 255 · 128. Left values are widened when they are gathered, once for all panels; weights stay
//! bytes in memory and are widened as they are loaded.

use crate::kernels::qgemm::{QGemm, QTile, Runs};
use core::arch::x86_64::*;

const ROWS: usize = 6;
const COLUMNS: usize = 16;
/// Sums of a register.
const LANES: usize = 8;
/// Bytes of a register.
const WIDTH: usize = 32;
/// Values of a row that meet in one instruction.
const PAIR: usize = 2;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-6x16-avx2",
    rows: ROWS,
    columns: COLUMNS,
    group: PAIR,
    bytes: size_of::<i16>(),
    offset: 0,
    gather,
    kernel: tile,
};

/// Widens to 16 bits.
///
/// # Safety
/// As [`QGemm::gather`](QGemm) says.
#[target_feature(enable = "avx2")]
unsafe fn gather(runs: &mut Runs<'_>) {
    const WHOLE: usize = WIDTH / 2;
    const HALF: usize = WHOLE / 2;
    let run = runs.run;
    for index in 0..runs.count {
        // SAFETY: the checked runs have `run` values behind the one place, and room for them behind the
        // other. Where a run ends in part of a register, the last whole one of the run is taken once more.
        unsafe {
            let from = runs.from.as_ptr().add(index * runs.from_step);
            let to = runs.to.as_mut_ptr().add(index * runs.to_step).cast::<i16>();
            let sixteen = |at: usize| {
                let values = _mm256_cvtepu8_epi16(_mm_loadu_si128(from.add(at).cast()));
                _mm256_storeu_si256(to.add(at).cast(), values);
            };
            let eight = |at: usize| {
                let values = _mm_cvtepu8_epi16(_mm_loadl_epi64(from.add(at).cast()));
                _mm_storeu_si128(to.add(at).cast(), values);
            };
            if run >= WHOLE {
                for at in (0..run - WHOLE).step_by(WHOLE) {
                    sixteen(at);
                }
                sixteen(run - WHOLE);
            } else if run >= HALF {
                eight(0);
                eight(run - HALF);
            } else {
                for at in 0..run {
                    to.add(at).write_unaligned((*from.add(at)).into());
                }
            }
        }
    }
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
            4 => rows::<4>(tile),
            5 => rows::<5>(tile),
            _ => rows::<6>(tile),
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
    let mut sums = [bias; R];
    let mut panel = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    for _ in 0..tile.depth / PAIR {
        // SAFETY: the panel holds COLUMNS pairs of bytes for each pair of `depth`; `left` has `depth`
        // values of 16 bits behind each `pitch` of the first R rows.
        unsafe {
            let weights = [
                _mm256_cvtepi8_epi16(_mm_loadu_si128(panel.cast())),
                _mm256_cvtepi8_epi16(_mm_loadu_si128(panel.add(WIDTH / 2).cast())),
            ];
            panel = panel.add(WIDTH);
            for r in 0..R {
                let value = _mm256_set1_epi32(left.add(r * tile.pitch).cast::<i32>().read_unaligned());
                for half in 0..2 {
                    let products = _mm256_madd_epi16(value, weights[half]);
                    sums[r][half] = _mm256_add_epi32(sums[r][half], products);
                }
            }
            left = left.add(size_of::<i16>() * PAIR);
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
