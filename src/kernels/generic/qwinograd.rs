//! The three parts of a Winograd convolution, straight from the matrices.

use crate::kernels::qwinograd::{
    COLUMNS, FOUR, Outputs, Patches, Products, QWinograd, TILES, TWO, Transform,
};

pub(in crate::kernels) const QWINOGRAD2: QWinograd = QWinograd {
    name: "u8i8-winograd2-6x16-generic",
    transform: &TWO,
    input: |patches| input(&TWO, patches),
    multiply: |products| multiply(&TWO, products),
    output: |outputs| output(&TWO, outputs),
};

pub(in crate::kernels) const QWINOGRAD4: QWinograd = QWinograd {
    name: "u8i8-winograd4-6x16-generic",
    transform: &FOUR,
    input: |patches| input(&FOUR, patches),
    multiply: |products| multiply(&FOUR, products),
    output: |outputs| output(&FOUR, outputs),
};

fn input(transform: &Transform, patches: &mut Patches<'_>) {
    let (size, patch) = (transform.size, transform.patch());
    let rows = || transform.input.chunks_exact(patch);
    for tile in 0..patches.tiles {
        for channel in 0..patches.channels {
            let value = |y: usize, x: usize| {
                i32::from(patches.lines[y * patches.pitch + (tile * size + x) * patches.channels + channel])
            };
            for (position, (down, across)) in
                rows().flat_map(|down| rows().map(move |across| (down, across))).enumerate()
            {
                let mut sum = 0;
                for (y, &down) in down.iter().enumerate() {
                    for (x, &across) in across.iter().enumerate() {
                        sum += i32::from(down) * i32::from(across) * value(y, x);
                    }
                }
                // At most 68 · 255.
                patches.to[position * patches.step + tile * patches.channels + channel] = sum as i16;
            }
        }
    }
}

fn multiply(transform: &Transform, products: &mut Products<'_>) {
    for position in 0..transform.positions() {
        for tile in 0..products.tiles {
            for column in 0..COLUMNS {
                let mut sum = 0i32;
                for k in 0..products.depth {
                    let left = products.left[position * products.step + tile * products.channels + k];
                    let pair = (position * products.depth / 2 + k / 2) * COLUMNS + column;
                    sum = sum.wrapping_add(i32::from(left) * i32::from(products.panel[pair * 2 + k % 2]));
                }
                products.sums[(position * TILES + tile) * COLUMNS + column] = sum;
            }
        }
    }
}

fn output(transform: &Transform, outputs: &mut Outputs<'_>) {
    let (size, patch) = (transform.size, transform.patch());
    for (y, down) in transform.output.chunks_exact(patch).enumerate() {
        for (x, across) in transform.output.chunks_exact(patch).enumerate() {
            for (column, &bias) in outputs.bias.iter().enumerate() {
                let mut sum = 0i32;
                for (row, &down) in down.iter().enumerate() {
                    for (column_of, &across) in across.iter().enumerate() {
                        let product = outputs.sums[(row * patch + column_of) * TILES * COLUMNS + column];
                        sum = sum.wrapping_add(product.wrapping_mul(i32::from(down) * i32::from(across)));
                    }
                }
                let exact = sum.wrapping_mul(transform.inverse.cast_signed()) >> transform.shift;
                debug_assert!(x < size);
                outputs.to[y * outputs.pitch + x * COLUMNS + column] = exact.wrapping_add(bias);
            }
        }
    }
}
