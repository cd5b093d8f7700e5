//! Sums to bytes, one value at a time.

use crate::kernels::requantise::{Requantise, Sums, to_grid};

pub(super) const REQUANTISE: Requantise = Requantise { name: "i32u8-requantise-generic", kernel: requantise };

fn requantise(tile: &mut Sums<'_>) {
    for row in 0..tile.rows {
        let out = &mut tile.out[row * tile.stride..];
        for ((&sum, &factor), out) in tile.sums[row * tile.pitch..].iter().zip(tile.factors).zip(out) {
            *out = to_grid(sum as f32 * factor, tile.grid);
        }
    }
}
