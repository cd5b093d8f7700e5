//! `u8` by `i8` tiles of 4 rows and 8 columns, one value at a time.

use crate::kernels::qgemm::{QGemm, QTile, Runs};

const ROWS: usize = 4;
const COLUMNS: usize = 8;

pub(super) const QGEMM: QGemm = QGemm {
    name: "u8i8-gemm-4x8-generic",
    rows: ROWS,
    columns: COLUMNS,
    group: 1,
    bytes: 1,
    offset: 0,
    gather,
    kernel: tile,
};

fn gather(runs: &mut Runs<'_>) {
    for index in 0..runs.count {
        let from = &runs.from[index * runs.from_step..][..runs.run];
        runs.to[index * runs.to_step..][..runs.run].copy_from_slice(from);
    }
}

fn tile(tile: &mut QTile<'_>) {
    let sums = tile.sums.chunks_exact_mut(COLUMNS);
    for (row, sums) in sums.take(tile.rows).enumerate() {
        sums.copy_from_slice(&tile.bias[..COLUMNS]);
        let left = &tile.left[row * tile.pitch..][..tile.depth];
        for (&value, weights) in left.iter().zip(tile.panel.chunks_exact(COLUMNS)) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                // At most 255 · 128: the product fits, only the sum may wrap.
                *sum = sum.wrapping_add(i32::from(value) * i32::from(weight));
            }
        }
    }
}
