//! Resizing and colour: every instruction set against plain Rust, bit for bit.

use super::others;
use crate::Isa;
use crate::kernels::Kernels;
use crate::kernels::resample::{BLOCK, Filter, PRECISION, Values};
use crate::kernels::yuv::{Matrix, Row};
use proptest::prelude::*;
use std::vec::Vec;

fn generic() -> &'static Kernels {
    Kernels::of(Isa::Generic).unwrap()
}

/// Bytes of which a third are at an end of the range.
fn bytes(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 29 {
            0 => 0,
            1 => 255,
            _ => (state >> 16) as u8,
        }
    };
    (0..count).map(|_| next()).collect()
}

/// Weights that are nowhere negative and sum to about one, one of them sometimes to all of it.
fn weights(seed: u32, taps: usize) -> Vec<u32> {
    let shares = bytes(seed, taps);
    let total = shares.iter().map(|&share| u64::from(share)).sum::<u64>().max(1);
    shares.iter().map(|&share| ((u64::from(share) << PRECISION).div_ceil(total)) as u32).collect()
}

proptest! {
    #[test]
    fn horizontal_equals_generic(
        taps in 1usize..14, more in 0usize..60, outputs in 1usize..40, gap in 0usize..5, seed: u32,
    ) {
        let pixels = taps + more;
        let mut table = Vec::new();
        for output in 0..outputs {
            // Ascending to the very end of the row.
            table.extend(((more * (output + 1) / outputs) as u32).to_le_bytes());
            table.extend(weights(seed ^ output as u32, taps).iter().flat_map(|weight| weight.to_le_bytes()));
        }
        let filter = Filter { table: &table, taps };
        let rows = [bytes(seed, pixels * 3), bytes(!seed, pixels * 3)];
        let run = |kernels: &Kernels| {
            let mut out = [std::vec![7; outputs * 3 + gap], std::vec![7; outputs * 3 + gap]];
            let [first, second] = &mut out;
            kernels.resample.horizontal(filter, [&rows[0], &rows[1]], [first, second]);
            out
        };
        let expected = run(generic());
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.resample.name);
        }
    }

    #[test]
    fn vertical_equals_generic(
        taps in 1usize..14, blocks in 1usize..6, spare in 0usize..3, first in 0usize..16, seed: u32,
    ) {
        let (length, slots) = (blocks * BLOCK, taps + spare);
        let ring = bytes(seed, slots * length);
        let (later, sooner) = ring.split_at(first % slots * length);
        let weights: Vec<[u8; 4]> = weights(seed, taps).iter().map(|weight| weight.to_le_bytes()).collect();
        let run = |kernels: &Kernels| {
            let mut out = std::vec![7; length];
            kernels.resample.vertical([sooner, later], &weights, &mut out);
            out
        };
        let expected = run(generic());
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.resample.name);
        }
    }

    #[test]
    fn values_equal_generic(
        pixels in 0usize..40, scale in -3.0f32..3.0, mean: [f32; 3], std in [0.1f32..9.0, -9.0f32..-0.1, 0.1f32..300.0],
        swap: bool, seed: u32,
    ) {
        prop_assume!(mean.iter().all(|mean| mean.is_finite()));
        let table = core::array::from_fn(|channel| {
            core::array::from_fn(|byte| (byte as f32 * scale - mean[channel]) / std[channel])
        });
        let values = Values { table, scale, mean, std, swap };
        let bytes = bytes(seed, pixels * 3);
        let run = |kernels: &Kernels| {
            let mut out = std::vec![f32::NAN; pixels * 3];
            kernels.resample.values(&values, &bytes, &mut out);
            out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let expected = run(generic());
        for kernels in others() {
            prop_assert_eq!(&run(kernels), &expected, "{}", kernels.resample.name);
        }
    }

    #[test]
    fn yuv_equals_generic(
        pixels in 0usize..100, black: u8, luma: u16, factors: [i16; 4], more in 0usize..40, seed: u32,
    ) {
        let [red_v, green_u, green_v, blue_u] = factors;
        let matrix = Matrix { black, luma: (luma / 2) as i16, red_v, green_u, green_v, blue_u };
        let pairs = pixels.div_ceil(2);
        let [yuyv, y, uv] = [pairs * 4, pixels, pairs * 2].map(|count| bytes(seed, count + more));
        let (u, v) = (bytes(!seed, pairs + more), bytes(seed ^ 99, pairs));
        for row in [Row::Yuyv(&yuyv), Row::Nv12([&y, &uv]), Row::I420([&y, &u, &v])] {
            let run = |kernels: &Kernels| {
                let mut out = std::vec![7; pixels * 3];
                kernels.yuv.run(row, &matrix, &mut out);
                out
            };
            let expected = run(generic());
            for kernels in others() {
                prop_assert_eq!(&run(kernels), &expected, "{}", kernels.yuv.name);
            }
        }
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let kernels = Kernels::of(Isa::detect()).unwrap();
    let refused = |work: &dyn Fn()| std::panic::catch_unwind(core::panic::AssertUnwindSafe(work)).is_err();
    let matrix = Matrix { black: 16, luma: 1, red_v: 1, green_u: 1, green_v: 1, blue_u: 1 };
    let yuv = |row: Row<'_>| refused(&|| kernels.yuv.run(row, &matrix, &mut [0; 9]));
    assert!(!yuv(Row::Yuyv(&[0; 8])) && yuv(Row::Yuyv(&[0; 7])));
    assert!(!yuv(Row::Nv12([&[0; 3], &[0; 4]])) && yuv(Row::Nv12([&[0; 3], &[0; 3]])));
    assert!(yuv(Row::Nv12([&[0; 2], &[0; 4]])) && yuv(Row::I420([&[0; 2], &[0; 2], &[0; 2]])));
    assert!(!yuv(Row::I420([&[0; 3], &[0; 2], &[0; 2]])) && yuv(Row::I420([&[0; 3], &[0; 2], &[0; 1]])));
    assert!(refused(&|| kernels.yuv.run(Row::Yuyv(&[0; 64]), &matrix, &mut [0; 10])), "no whole pixels");

    let vertical = |first: usize, second: usize, length: usize| {
        let (first, second) = (std::vec![0; first], std::vec![0; second]);
        refused(&|| kernels.resample.vertical([&first, &second], &[[0; 4]; 3], &mut std::vec![0; length]))
    };
    assert!(!vertical(96, 48, 48) && !vertical(0, 144, 48));
    assert!(vertical(95, 48, 48) && vertical(0, 143, 48) && vertical(300, 300, 47));
}
