//! Every kernel of every instruction set against the generic one, on random operands of every shape at
//! the edges of its tile.

use super::gemm::{Gemm, PADDING, Tile};
use super::*;
use crate::format::Clamp;
use proptest::prelude::*;

mod integers;
mod pictures;
mod qwinograd;

fn others() -> impl Iterator<Item = &'static Kernels> {
    Isa::ALL.iter().filter_map(|&isa| Kernels::of(isa))
}

/// Values that are exact in sums, so that fused and plain multiply-adds agree bit for bit.
fn exact(seed: u32, count: usize) -> std::vec::Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 24) as i32 - 128) as f32 / 16.0
    };
    (0..count).map(|_| next()).collect()
}

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    columns: usize,
    segments: usize,
    run: usize,
    stride: usize,
    seed: u32,
    clamp: Clamp,
}

fn compute(gemm: &Gemm, case: &Case) -> std::vec::Vec<f32> {
    let Case { segments, run, stride, seed, .. } = *case;
    // Columns and rows of the case are taken tile by tile, as a convolution does.
    let input = exact(seed, 400 + run);
    let weights = exact(seed ^ 0x55, case.columns * segments * run);
    let bias = exact(seed ^ 0xaa, case.columns);
    let zeros = std::vec![0.0; run];
    let start = |row: usize, segment: usize| match (row * 7 + segment * 3 + seed as usize) % 5 {
        0 => PADDING,
        n => (n * 77 + row * 5 + segment) as u32 % 400,
    };
    let mut out = std::vec![-7.5; case.rows * stride];
    for first in (0..case.rows).step_by(gemm.rows) {
        let offsets: std::vec::Vec<u32> = (0..segments)
            .flat_map(|segment| (0..gemm.rows).map(move |row| (row, segment)))
            .map(|(row, segment)| start((first + row).min(case.rows - 1), segment))
            .collect();
        for column in (0..case.columns).step_by(gemm.columns) {
            let columns = gemm.columns.min(case.columns - column);
            let depth = segments * run;
            let mut panel = std::vec![f32::NAN; depth * gemm.columns];
            let mut tile_bias = std::vec![f32::NAN; gemm.columns];
            gemm.pack(depth, columns, |c, k| weights[(column + c) * depth + k], &mut panel);
            gemm.pack(1, columns, |c, _| bias[column + c], &mut tile_bias);
            gemm.tile(Tile {
                input: &input,
                zeros: &zeros,
                offsets: &offsets,
                run,
                ahead: &[],
                panel: &panel,
                bias: &tile_bias,
                clamp: case.clamp,
                rows: gemm.rows.min(case.rows - first),
                columns,
                out: &mut out[first * stride + column..],
                stride,
            });
        }
    }
    out
}

proptest! {
    #[test]
    fn gemm_equals_generic(
        rows in 1usize..20, columns in 1usize..40, segments in 1usize..10, run in 0usize..20,
        gap in 0usize..5, seed: u32, relu: bool,
    ) {
        let clamp = if relu { Clamp::RELU } else { Clamp { lo: f32::NEG_INFINITY, hi: 6.0 } };
        let case = Case { rows, columns, segments, run, stride: columns + gap, seed, clamp };
        let expected = compute(&Kernels::of(Isa::Generic).unwrap().gemm, &case);
        for kernels in others() {
            prop_assert_eq!(&compute(&kernels.gemm, &case), &expected, "{}", kernels.gemm.name);
        }
    }

    #[test]
    fn max_pool_equals_generic(channels in 1usize..40, taps in 1usize..10, seed: u32) {
        let input = exact(seed, 100 + channels);
        let offsets: std::vec::Vec<u32> = (0..taps as u32).map(|tap| seed.rotate_left(tap) % 100).collect();
        let run = |kernels: &Kernels| {
            let mut out = std::vec![0.0; channels];
            kernels.max_pool.pixel(&input, &offsets, &mut out);
            out
        };
        let expected = run(Kernels::of(Isa::Generic).unwrap());
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.max_pool.name);
        }
    }
}

#[test]
fn a_nan_is_seen_at_the_output() {
    for kernels in others() {
        let gemm = &kernels.gemm;
        let mut out = [0.0; 1];
        gemm.tile(Tile {
            input: &[f32::NAN],
            zeros: &[0.0; 2],
            offsets: &std::vec![0; gemm.rows],
            run: 1,
            ahead: &[],
            panel: &std::vec![1.0; gemm.columns],
            bias: &std::vec![0.0; gemm.columns],
            clamp: Clamp::RELU,
            rows: 1,
            columns: 1,
            out: &mut out,
            stride: 1,
        });
        assert!(out[0].is_nan(), "{}", gemm.name);
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let gemm = &Kernels::of(Isa::detect()).unwrap().gemm;
    let offsets = std::vec![3; gemm.rows];
    let (panel, bias) = (std::vec![0.0; 2 * gemm.columns], std::vec![0.0; gemm.columns]);
    let tile = |input: &[f32], out: &mut [f32], rows| {
        let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            gemm.tile(Tile {
                input,
                zeros: &[0.0; 2],
                offsets: &offsets,
                run: 2,
                ahead: &[],
                panel: &panel,
                bias: &bias,
                clamp: Clamp::NONE,
                rows,
                columns: 3,
                out,
                stride: 4,
            })
        }));
        result.is_ok()
    };
    assert!(tile(&[0.0; 5], &mut [0.0; 7], 2));
    assert!(!tile(&[0.0; 4], &mut [0.0; 7], 2), "input too short");
    assert!(!tile(&[0.0; 5], &mut [0.0; 6], 2), "output too short");
    assert!(!tile(&[0.0; 5], &mut [0.0; 64], 0), "no rows");
    assert!(!tile(&[0.0; 5], &mut [0.0; 64], 9), "too many rows");
}
