//! Winograd in integers against the definition of a convolution, and each instruction set against the
//! generic one.

use super::others;
use crate::kernels::qwinograd::{BLOCK, COLUMNS, Outputs, Patches, Products, QWinograd, TILES, WINDOW};
use crate::kernels::{Isa, Kernels};
use proptest::prelude::*;
use std::vec::Vec;

/// Some tiles side by side, and the weights of some columns.
#[derive(Debug)]
struct Case {
    channels: usize,
    columns: usize,
    tiles: usize,
    seed: u64,
    extreme: u32,
}

impl Case {
    /// Values from 0 to 1 below `count` that depend on nothing but the case.
    fn bits(&self, at: usize, salt: u64) -> u32 {
        let mut state = self.seed ^ salt ^ (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..3 {
            state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        (state >> 32) as u32
    }

    fn value(&self, at: usize) -> u8 {
        let bits = self.bits(at, 1);
        match self.extreme {
            0 => 255,
            1 => [0, 255][bits as usize % 2],
            _ => bits as u8,
        }
    }

    fn weight(&self, at: usize) -> i8 {
        let bits = self.bits(at, 2);
        match self.extreme {
            0 => [-128, 127][self.seed as usize % 2],
            1 => [-128, 127][bits as usize % 2],
            _ => bits as i8,
        }
    }

    /// `[y][x][column]`, for the `m` by `m · tiles` outputs of a size.
    fn expected(&self, size: usize, bias: &[i32; COLUMNS]) -> Vec<i32> {
        let (across, pixels) = (size * self.tiles, size * self.tiles + WINDOW - 1);
        let mut out = Vec::new();
        for y in 0..size {
            for x in 0..across {
                for (column, &bias) in bias.iter().enumerate() {
                    let mut sum = 0i64;
                    for tap in 0..9 {
                        for channel in 0..self.channels {
                            let pixel = (y + tap / 3) * pixels + x + tap % 3;
                            let weight = match column < self.columns {
                                true => self.weight((column * 9 + tap) * self.channels + channel),
                                false => 0,
                            };
                            sum += i64::from(self.value(pixel * self.channels + channel)) * i64::from(weight);
                        }
                    }
                    out.push((sum as i32).wrapping_add(bias));
                }
            }
        }
        out
    }

    fn compute(&self, winograd: &QWinograd, bias: &[i32; COLUMNS]) -> Vec<i32> {
        let transform = winograd.transform;
        let (size, positions) = (transform.size, transform.positions());
        let (across, pixels) = (size * self.tiles, size * self.tiles + WINDOW - 1);
        let (padded, depth) =
            (self.channels.next_multiple_of(BLOCK), winograd.padded(self.channels).unwrap());
        let pitch = pixels * padded;
        // What stands in the padding of a pixel is multiplied by zeros, whatever it is.
        let mut lines = std::vec![0xd7; transform.patch() * pitch];
        for (pixel, line) in lines.chunks_exact_mut(padded).enumerate() {
            for (channel, value) in line.iter_mut().take(self.channels).enumerate() {
                *value = self.value(pixel * self.channels + channel);
            }
        }
        let step = self.tiles * padded;
        let mut left = std::vec![0; positions * step];
        winograd.input(Patches {
            lines: &lines,
            pitch,
            channels: padded,
            tiles: self.tiles,
            to: &mut left,
            step,
        });
        let weights: Vec<i8> = (0..self.columns * 9 * self.channels).map(|at| self.weight(at)).collect();
        let mut panel = std::vec![0; winograd.panel_values(self.channels).unwrap()];
        for (column, row) in weights.chunks_exact(9 * self.channels).enumerate() {
            winograd.pack_column(self.channels, column, row, &mut panel);
        }
        let (mut out, mut sums) =
            (std::vec![0; size * across * COLUMNS], std::vec![0; positions * TILES * COLUMNS]);
        for first in (0..self.tiles).step_by(TILES) {
            let tiles = TILES.min(self.tiles - first);
            let left = &left[first * padded..];
            winograd.multiply(Products {
                left,
                step,
                channels: padded,
                depth,
                panel: &panel,
                tiles,
                sums: &mut sums,
            });
            for tile in 0..tiles {
                let to = &mut out[(first + tile) * size * COLUMNS..];
                let sums = &sums[tile * COLUMNS..];
                winograd.output(Outputs { sums, bias, to, pitch: across * COLUMNS });
            }
        }
        out
    }
}

fn agrees(case: &Case) {
    let bias = core::array::from_fn(|column| [0, i32::MAX, i32::MIN, -77_777][column % 4]);
    for size in [2, 4] {
        let expected = case.expected(size, &bias);
        for kernels in others() {
            let winograd = if size == 2 { &kernels.qwinograd2 } else { &kernels.qwinograd4 };
            assert!(winograd.is_exact(case.channels));
            assert_eq!(case.compute(winograd, &bias), expected, "{} {case:?}", winograd.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn winograd_is_the_convolution(
        channels in 1usize..71, columns in 1usize..=16, tiles in 1usize..14, extreme in 0u32..4, seed: u64,
    ) {
        agrees(&Case { channels, columns, tiles, seed, extreme });
    }
}

#[test]
fn sums_at_their_limit_are_exact() {
    for (seed, extreme) in [(0, 0), (1, 0), (7, 1)] {
        agrees(&Case { channels: 114, columns: 2, tiles: 2, seed, extreme });
    }
    let kernels = Kernels::of(Isa::Generic).unwrap();
    let (two, four) = (&kernels.qwinograd2, &kernels.qwinograd4);
    assert!(four.is_exact(114) && !four.is_exact(115));
    assert!(two.is_exact(1827) && !two.is_exact(1828));
}
