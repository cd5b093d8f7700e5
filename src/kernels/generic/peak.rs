//! Sums of products in plain Rust, eight beside each other as in a generic tile's row.

use crate::kernels::peak::{Peak, Peaks};
use core::hint::black_box;

const LANES: usize = 8;
/// Products of a lane between two looks at the sums: the compiler must not see that all rounds are alike.
const STEPS: usize = 16;

pub(super) const PEAKS: Peaks = Peaks {
    floats: Peak { macs: (LANES * STEPS) as u64, kernel: floats },
    integers: Peak { macs: (LANES * STEPS) as u64, kernel: integers },
};

fn floats(rounds: u32) {
    let (values, weights) = (black_box([0.5f32; STEPS]), black_box([[0.25f32; LANES]; STEPS]));
    let mut sums = [0.0f32; LANES];
    for _ in 0..rounds {
        for (value, weights) in values.iter().zip(&weights) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
        sums = black_box(sums);
    }
}

fn integers(rounds: u32) {
    let (values, weights) = (black_box([3u8; STEPS]), black_box([[-2i8; LANES]; STEPS]));
    let mut sums = [0i32; LANES];
    for _ in 0..rounds {
        for (&value, weights) in values.iter().zip(&weights) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = sum.wrapping_add(i32::from(value) * i32::from(weight));
            }
        }
        sums = black_box(sums);
    }
}
