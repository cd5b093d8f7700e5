//! Winograd's convolutions in tiles of 6 rows and 16 columns.

use crate::kernels::winograd::{Patches, Products, Tiles, Winograd, finish, multiply, transform};
use core::arch::x86_64::__m256;

const ROWS: usize = 6;
/// Vectors of a panel.
const VECTORS: usize = 2;
const COLUMNS: usize = 16;

pub(super) const WINOGRAD2: Winograd = Winograd {
    name: "f32-winograd2-6x16-avx2",
    tile: 2,
    rows: ROWS,
    columns: COLUMNS,
    input: input::<4>,
    products,
    output: output::<4>,
};

pub(super) const WINOGRAD4: Winograd = Winograd {
    name: "f32-winograd4-6x16-avx2",
    tile: 4,
    rows: ROWS,
    columns: COLUMNS,
    input: input::<6>,
    products,
    output: output::<6>,
};

/// # Safety
/// As [`Winograd::input`](Winograd) says.
#[target_feature(enable = "avx2,fma")]
unsafe fn input<const N: usize>(patches: &mut Patches<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { transform::<__m256, N>(patches) }
}

/// # Safety
/// As [`Winograd::products`](Winograd) says.
#[target_feature(enable = "avx2,fma")]
unsafe fn products(products: &mut Products<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { multiply::<__m256, ROWS, VECTORS>(products) }
}

/// # Safety
/// As [`Winograd::output`](Winograd) says.
#[target_feature(enable = "avx2,fma")]
unsafe fn output<const N: usize>(tiles: &mut Tiles<'_>) {
    // SAFETY: the caller's promise is passed on.
    unsafe { finish::<__m256, N, VECTORS>(tiles) }
}
