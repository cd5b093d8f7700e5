//! The integer kernels: bit for bit what the generic ones give, which are checked against the formula.

use super::others;
use crate::format::Grid;
use crate::format::weights::is_narrow;
use crate::kernels::qadd::Scales;
use crate::kernels::qgemm::{MAX_COLUMNS, MAX_ROWS, QGemm, QTile, Runs};
use crate::kernels::requantise::{Sums, to_grid};
use crate::kernels::{Isa, Kernels};
use proptest::prelude::*;
use std::vec::Vec;

fn generic() -> &'static Kernels {
    Kernels::of(Isa::Generic).unwrap()
}

/// The left side, weights and biases of a product, row by row.
#[derive(Clone, Debug)]
struct Product {
    depth: usize,
    left: Vec<u8>,
    weights: Vec<i8>,
    biases: Vec<i32>,
}

impl Product {
    fn new(
        rows: usize,
        columns: usize,
        depth: usize,
        fill: impl Fn(usize) -> (u8, i8),
        bias: impl Fn(usize) -> i32,
    ) -> Self {
        Self {
            depth,
            left: (0..rows * depth).map(|at| fill(at).0).collect(),
            weights: (0..columns * depth).map(|at| fill(at).1).collect(),
            biases: (0..columns).map(bias).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.left.len() / self.depth
    }

    /// Straight from the definition, in 64 bits, cut to 32 at the end.
    fn expected(&self) -> Vec<i32> {
        let dot = |row: &[u8], column: &[i8]| -> i64 {
            row.iter().zip(column).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum()
        };
        let column = |row, at: usize| {
            let weights = &self.weights[at * self.depth..][..self.depth];
            (dot(row, weights) + i64::from(self.biases[at])) as i32
        };
        self.left
            .chunks_exact(self.depth)
            .flat_map(|row| (0..self.biases.len()).map(move |at| column(row, at)))
            .collect()
    }

    /// Tile by tile, the left side gathered in runs of `run` values, as a convolution does.
    fn compute(&self, gemm: &QGemm, run: usize, gap: usize) -> Vec<i32> {
        let (rows, columns) = (self.rows(), self.biases.len());
        let depth = gemm.padded(self.depth).unwrap();
        let pitch = depth * gemm.bytes + gap;
        // What stands in the padding of a row is multiplied by zeros, whatever it is.
        let mut left = std::vec![0xd7; rows * pitch];
        for at in (0..self.depth).step_by(run) {
            let (from, to) = (&self.left[at..], &mut left[at * gemm.bytes..]);
            let run = run.min(self.depth - at);
            gemm.gather(Runs { from, from_step: self.depth, run, count: rows, to, to_step: pitch });
        }
        // Nothing but the values has been written.
        for row in left.chunks_exact(pitch) {
            assert!(row[self.depth * gemm.bytes..].iter().all(|&byte| byte == 0xd7), "{}", gemm.name);
        }
        let mut out = std::vec![0; rows * columns];
        for first_column in (0..columns).step_by(gemm.columns) {
            let some = gemm.columns.min(columns - first_column);
            let row = |column: usize| &self.weights[(first_column + column) * self.depth..][..self.depth];
            let mut panel = std::vec![0; depth * gemm.columns];
            (0..some).for_each(|column| gemm.pack_column(column, row(column), &mut panel));
            let mut bias = std::vec![7; gemm.columns];
            for (column, bias) in bias.iter_mut().take(some).enumerate() {
                let sum = row(column).iter().map(|&weight| i32::from(weight)).sum();
                *bias = gemm.bias(self.biases[first_column + column], sum);
            }
            for first in (0..rows).step_by(gemm.rows) {
                let mut sums = [0; MAX_ROWS * MAX_COLUMNS];
                let (rows, left) = (gemm.rows.min(rows - first), &left[first * pitch..]);
                gemm.tiles(QTile { left, pitch, depth, panel: &panel, bias: &bias, rows, sums: &mut sums });
                for (row, sums) in sums.chunks_exact(gemm.columns).take(rows).enumerate() {
                    let at = (first + row) * columns + first_column;
                    out[at..at + some].copy_from_slice(&sums[..some]);
                }
            }
        }
        out
    }
}

/// A generator of 32 random bits.
fn random(seed: u32) -> impl FnMut() -> u32 {
    let mut state = u64::from(seed);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    }
}

/// Numbers that kernels get wrong, and some others.
fn sums(seed: u32, count: usize) -> Vec<i32> {
    let mut random = random(seed);
    let value = |bits: u32, more: u32| match bits % 8 {
        0 => [i32::MIN, i32::MAX, i32::MIN + 1, 0, 1, -1, 1 << 24, (1 << 24) + 1][more as usize % 8],
        1 | 2 => (more % 2048) as i32 - 1024,
        3 => more.cast_signed(),
        _ => (more % (1 << 20)) as i32 - (1 << 19),
    };
    (0..count).map(|_| value(random() >> 8, random())).collect()
}

/// Factors that the loader lets through, with those at its limits; and, for the kernels' sake, others.
fn factors(seed: u32, count: usize) -> Vec<f32> {
    let mut random = random(seed);
    let value = |bits: u32, more: u32| match bits % 8 {
        0 => [2f32.powi(-32), 256.0, f32::NAN, f32::INFINITY, 0.0, -1.0, f32::MIN_POSITIVE, f32::MAX]
            [more as usize % 8],
        1 | 2 => [0.5, 0.25, 1.0, 2.0][more as usize % 4],
        _ => f32::from_bits((127 - 32 + more % 40) << 23 | bits & 0x7f_ffff),
    };
    (0..count).map(|_| value(random() >> 8, random() >> 8)).collect()
}

fn grids() -> impl Strategy<Value = Grid> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(zero, a, b, whole)| {
        if whole { Grid { zero, lo: 0, hi: 255 } } else { Grid { zero, lo: a.min(b), hi: a.max(b) } }
    })
}

proptest! {
    #[test]
    fn qgemm_equals_generic(
        rows in 1usize..20, columns in 1usize..40, depth in 1usize..80, run in 1usize..40, gap in 0usize..5,
        extreme in 0..4, seed: u32,
    ) {
        let values: Vec<u32> = { let mut random = random(seed); (0..rows.max(columns) * depth).map(|_| random()).collect() };
        let fill = |at: usize| match extreme {
            0 => (255, -128),
            1 => (255, 127),
            2 => ([0, 255, 128, 127][values[at] as usize % 4], [-128, 127, 0, -1][values[at] as usize / 4 % 4]),
            _ => ((values[at] >> 8) as u8, (values[at] >> 16) as i8),
        };
        let biases = sums(seed ^ 1, columns);
        let product = Product::new(rows, columns, depth, fill, |at| biases[at]);
        let expected = product.expected();
        for kernels in others() {
            prop_assert_eq!(&product.compute(&kernels.qgemm, run, gap), &expected, "{}", kernels.qgemm.name);
        }
    }

    #[test]
    fn narrow_qgemm_equals_generic(
        rows in 1usize..12, columns in 1usize..40, depth in 1usize..80, run in 1usize..40, gap in 0usize..5,
        extreme in 0..3, seed: u32,
    ) {
        let values: Vec<u32> = { let mut random = random(seed); (0..rows.max(columns) * depth).map(|_| random()).collect() };
        let fill = |at: usize| match extreme {
            0 => (255, 32),
            1 => (255, -32),
            _ => ((values[at] >> 8) as u8, (values[at] % 65) as i8 - 32),
        };
        let biases = sums(seed ^ 1, columns);
        let product = Product::new(rows, columns, depth, fill, |at| biases[at]);
        prop_assert!(product.weights.chunks(depth).all(is_narrow));
        let expected = product.expected();
        for kernels in others() {
            let gemm = &kernels.qgemm_narrow;
            prop_assert_eq!(&product.compute(gemm, run, gap), &expected, "{}", gemm.name);
        }
    }

    #[test]
    fn requantise_equals_generic(
        rows in 1usize..9, columns in prop_oneof![1usize..40, Just(16)], gap in 0usize..5, seed: u32, grid in grids(),
    ) {
        let (pitch, stride) = (columns + gap, columns + 4 - gap.min(4));
        let (sums, factors) = (sums(seed, rows * pitch), factors(seed ^ 1, columns));
        let run = |kernels: &Kernels| {
            let mut out = std::vec![0xa5; rows * stride];
            let sums = &sums[..];
            kernels.requantise.tile(Sums { sums, pitch, rows, factors: &factors, grid, out: &mut out, stride });
            out
        };
        let expected = run(generic());
        for (row, out) in expected.chunks_exact(stride).enumerate() {
            for (column, factor) in factors.iter().enumerate() {
                prop_assert_eq!(out[column], byte(f64::from((sums[row * pitch + column] as f32) * factor), grid));
            }
            prop_assert!(out[columns..].iter().all(|&value| value == 0xa5), "stored behind the columns");
        }
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.requantise.name);
        }
    }

    #[test]
    fn quantize_equals_generic(count in 0usize..70, seed: u32, scale in 1e-6f32..1e6, grid in grids(), ties: bool) {
        let values: Vec<f32> = sums(seed, count).into_iter().zip(factors(seed ^ 1, count))
            // Halves of a step, exactly where the scale is a power of two.
            .map(|(sum, factor)| if ties { sum as f32 * 0.5 * scale } else { sum as f32 * factor * scale })
            .collect();
        let scale = if ties { f32::from_bits(scale.to_bits() & 0x7f80_0000) } else { scale };
        let run = |kernels: &Kernels| {
            let mut out = std::vec![0; count];
            kernels.quantize.run(&values, scale, grid, &mut out);
            out
        };
        let expected = run(generic());
        for (value, &out) in values.iter().zip(&expected) {
            prop_assert_eq!(out, byte(f64::from(value / scale), grid));
        }
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.quantize.name);
        }
    }

    #[test]
    fn qadd_equals_generic(count in 0usize..70, seed: u32, zeros: [u8; 2], grid in grids()) {
        let bytes = |seed| sums(seed, count).into_iter().map(|sum| sum as u8).collect::<Vec<u8>>();
        let (first, second, factors) = (bytes(seed), bytes(seed ^ 1), factors(seed ^ 2, 2));
        let scales = Scales { zeros, factors: [factors[0], factors[1]], grid };
        let run = |kernels: &Kernels| {
            let mut out = std::vec![0; count];
            kernels.qadd.run(scales, &first, &second, &mut out);
            out
        };
        let expected = run(generic());
        for ((a, b), &out) in first.iter().zip(&second).zip(&expected) {
            let steps = |value: u8, at: usize| f32::from(i16::from(value) - i16::from(zeros[at])) * factors[at];
            prop_assert_eq!(out, byte(f64::from(steps(*a, 0) + steps(*b, 1)), grid));
        }
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.qadd.name);
        }
    }

    #[test]
    fn qmax_pool_equals_generic(channels in 1usize..100, taps in 1usize..10, seed: u32) {
        let input: Vec<u8> = sums(seed, 100 + channels).into_iter().map(|sum| sum as u8).collect();
        let offsets: Vec<u32> = (0..taps as u32).map(|tap| seed.rotate_left(tap) % 100).collect();
        let run = |kernels: &Kernels| {
            let mut out = std::vec![0; channels];
            kernels.qmax_pool.pixel(&input, &offsets, &mut out);
            out
        };
        let expected = run(generic());
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.qmax_pool.name);
        }
    }
}

/// The byte of a real number on a grid, in `f64`.
fn byte(steps: f64, grid: Grid) -> u8 {
    let (lo, hi) = (f64::from(grid.lo), f64::from(grid.hi));
    if steps.is_nan() {
        grid.lo
    } else {
        (steps.round_ties_even() + f64::from(grid.zero)).clamp(lo, hi) as u8
    }
}

#[test]
fn sums_wrap_around() {
    // 255 · −128 · 66,000 and the bias are far below the least number of 32 bits.
    let product = Product::new(3, 5, 66_000, |_| (255, -128), |at| i32::MIN + at as i32);
    for kernels in others() {
        assert_eq!(product.compute(&kernels.qgemm, 1000, 1), product.expected(), "{}", kernels.qgemm.name);
    }
}

#[test]
fn halves_go_to_the_even_neighbour() {
    let grid = Grid { zero: 10, lo: 0, hi: 255 };
    let sums: Vec<i32> = (-9..=9).collect();
    let steps = [-4, -4, -4, -3, -2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 4];
    for kernels in others() {
        let mut out = [0; 19];
        let tile =
            Sums { sums: &sums, pitch: 0, rows: 1, factors: &[0.5; 19], grid, out: &mut out, stride: 0 };
        kernels.requantise.tile(tile);
        assert_eq!(out.map(|value| i32::from(value) - 10), steps, "{}", kernels.requantise.name);
    }
}

#[test]
fn no_number_is_the_lower_bound() {
    let grid = Grid { zero: 100, lo: 7, hi: 200 };
    assert_eq!(to_grid(f32::NAN, grid), 7);
    for kernels in others() {
        let mut out = [0; 3];
        kernels.quantize.run(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY], 1.0, grid, &mut out);
        assert_eq!(out, [7, 200, 7], "{}", kernels.quantize.name);
        let factors = [f32::NAN, f32::INFINITY, f32::NAN];
        let tile =
            Sums { sums: &[1, 1, 0], pitch: 3, rows: 1, factors: &factors, grid, out: &mut out, stride: 3 };
        kernels.requantise.tile(tile);
        assert_eq!(out, [7, 200, 7], "{}", kernels.requantise.name);
    }
}

fn is_refused(call: impl FnOnce()) -> bool {
    std::panic::catch_unwind(core::panic::AssertUnwindSafe(call)).is_err()
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    for kernels in others() {
        let gemm = &kernels.qgemm;
        let (depth, pitch) = (2 * gemm.group, 2 * gemm.group * gemm.bytes);
        let (panel, bias) = (std::vec![0; depth * gemm.columns], std::vec![0; gemm.columns]);
        let left = std::vec![0; 2 * pitch];
        let tile = |left: &[u8], panel: &[i8], bias: &[i32], rows, depth| {
            let mut sums = [0; MAX_ROWS * MAX_COLUMNS];
            is_refused(|| gemm.tiles(QTile { left, pitch, depth, panel, bias, rows, sums: &mut sums }))
        };
        assert!(!tile(&left, &panel, &bias, 2, depth));
        assert!(tile(&left[1..], &panel, &bias, 2, depth), "left too short");
        assert!(tile(&left, &panel[1..], &bias, 2, depth), "panel too short");
        assert!(tile(&left, &panel, &bias[1..], 2, depth), "too few biases");
        assert!(tile(&left, &panel, &bias, 0, depth), "no rows");
        assert!(tile(&left, &panel, &bias, 3, depth), "too many rows");
        assert!(gemm.group == 1 || tile(&left, &panel, &bias, 2, depth - 1), "part of a group");
        let gather = |from: &[u8], to: &mut [u8], count| {
            is_refused(|| {
                gemm.gather(Runs { from, from_step: 4, run: 3, count, to, to_step: 5 * gemm.bytes })
            })
        };
        assert!(!gather(&[0; 7], &mut std::vec![0; 8 * gemm.bytes], 2));
        assert!(gather(&[0; 6], &mut std::vec![0; 8 * gemm.bytes], 2), "too few values");
        assert!(gather(&[0; 7], &mut std::vec![0; 8 * gemm.bytes - 1], 2), "no room");
        assert!(gather(&[0; 7], &mut std::vec![0; 8 * gemm.bytes], 0), "no runs");

        let requantise = |sums: &[i32], out: &mut [u8], rows| {
            let (factors, grid) = (&[1.0; 3], Grid::default());
            is_refused(|| {
                kernels.requantise.tile(Sums { sums, pitch: 4, rows, factors, grid, out, stride: 5 })
            })
        };
        assert!(!requantise(&[0; 7], &mut [0; 8], 2));
        assert!(requantise(&[0; 6], &mut [0; 8], 2), "too few sums");
        assert!(requantise(&[0; 7], &mut [0; 7], 2), "output too short");
        assert!(requantise(&[0; 7], &mut [0; 8], 0), "no rows");

        assert!(is_refused(|| kernels.quantize.run(&[0.0; 3], 1.0, Grid::default(), &mut [0; 4])));
        let scales = Scales { zeros: [0; 2], factors: [1.0; 2], grid: Grid::default() };
        assert!(is_refused(|| kernels.qadd.run(scales, &[0; 4], &[0; 3], &mut [0; 4])));
        assert!(is_refused(|| kernels.qmax_pool.pixel(&[0; 4], &[2], &mut [0; 3])));
        assert!(is_refused(|| kernels.qmax_pool.pixel(&[0; 4], &[], &mut [0; 3])));
    }
}
