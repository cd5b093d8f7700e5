//! Winograd's convolutions in tiles of 4 rows and 8 columns, one value at a time.

use crate::kernels::winograd::{Patches, Products, Tiles, Winograd, finish, multiply, transform};

const ROWS: usize = 4;
const COLUMNS: usize = 8;

pub(super) const WINOGRAD2: Winograd = Winograd {
    name: "f32-winograd2-4x8-generic",
    tile: 2,
    rows: ROWS,
    columns: COLUMNS,
    input: input::<4>,
    products,
    output: output::<4>,
};

pub(super) const WINOGRAD4: Winograd = Winograd {
    name: "f32-winograd4-4x8-generic",
    tile: 4,
    rows: ROWS,
    columns: COLUMNS,
    input: input::<6>,
    products,
    output: output::<6>,
};

unsafe fn input<const N: usize>(patches: &mut Patches<'_>) {
    // SAFETY: the caller's promise is passed on; every CPU has single values.
    unsafe { transform::<f32, N>(patches) }
}

unsafe fn products(products: &mut Products<'_>) {
    // SAFETY: as above.
    unsafe { multiply::<f32, ROWS, COLUMNS>(products) }
}

unsafe fn output<const N: usize>(tiles: &mut Tiles<'_>) {
    // SAFETY: as above.
    unsafe { finish::<f32, N, COLUMNS>(tiles) }
}
