//! `f32` tiles of 4 rows and 8 columns.

use crate::kernels::gemm::{Gemm, PADDING, Tile};

const ROWS: usize = 4;
const COLUMNS: usize = 8;

pub(super) const GEMM: Gemm =
    Gemm { name: "f32-gemm-4x8-generic", rows: ROWS, columns: COLUMNS, kernel: tile };

fn tile(tile: &mut Tile<'_>) {
    let mut sums = [[0.0f32; COLUMNS]; ROWS];
    for row in &mut sums {
        row.copy_from_slice(&tile.bias[..COLUMNS]);
    }
    let mut panel = tile.panel.chunks_exact(COLUMNS);
    for starts in tile.offsets.chunks_exact(ROWS) {
        for (k, weights) in panel.by_ref().take(tile.run).enumerate() {
            for (row, &start) in sums.iter_mut().zip(starts) {
                let value = if start == PADDING { tile.zeros[k] } else { tile.input[start as usize + k] };
                for (sum, weight) in row.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
    }
    for (row, out) in sums.iter().zip(tile.out.chunks_mut(tile.stride)).take(tile.rows) {
        for (sum, out) in row.iter().zip(out).take(tile.columns) {
            *out = tile.clamp.apply(*sum);
        }
    }
}
