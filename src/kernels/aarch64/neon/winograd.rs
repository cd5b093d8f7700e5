//! Winograd's convolutions in tiles of 8 rows and 8 columns.

use crate::kernels::winograd::{Patches, Products, Tiles, Winograd, finish, multiply, transform};
use core::arch::aarch64::float32x4_t;

const ROWS: usize = 8;
/// Vectors of a panel.
const VECTORS: usize = 2;
const COLUMNS: usize = 8;

pub(super) const WINOGRAD2: Winograd = Winograd {
    name: "f32-winograd2-8x8-neon",
    tile: 2,
    rows: ROWS,
    columns: COLUMNS,
    input: input::<4>,
    products,
    output: output::<4>,
};

pub(super) const WINOGRAD4: Winograd = Winograd {
    name: "f32-winograd4-8x8-neon",
    tile: 4,
    rows: ROWS,
    columns: COLUMNS,
    input: input::<6>,
    products,
    output: output::<6>,
};

/// # Safety
/// As [`Winograd::input`](Winograd) says.
#[target_feature(enable = "neon")]
unsafe fn input<const N: usize>(patches: &mut Patches<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { transform::<float32x4_t, N>(patches) }
}

/// # Safety
/// As [`Winograd::products`](Winograd) says.
#[target_feature(enable = "neon")]
unsafe fn products(products: &mut Products<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { multiply::<float32x4_t, ROWS, VECTORS>(products) }
}

/// # Safety
/// As [`Winograd::output`](Winograd) says.
#[target_feature(enable = "neon")]
unsafe fn output<const N: usize>(tiles: &mut Tiles<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { finish::<float32x4_t, N, VECTORS>(tiles) }
}
