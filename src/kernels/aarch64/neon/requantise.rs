//! Sums to bytes, eight columns at a time.

use super::grid::Bounds;
use crate::kernels::requantise::{Requantise, Sums};
use core::arch::aarch64::*;

const LANES: usize = 8;

pub(super) const REQUANTISE: Requantise = Requantise { name: "i32u8-requantise-neon", kernel: requantise };

/// # Safety
/// As [`Requantise::kernel`](Requantise) says.
#[target_feature(enable = "neon")]
unsafe fn requantise(tile: &mut Sums<'_>) {
    let bounds = Bounds::new(tile.grid);
    let eight = |sums: &[i32; LANES], factors: &[f32; LANES]| {
        // SAFETY: eight sums and eight factors are there.
        let scaled = unsafe {
            [0, LANES / 2].map(|at| {
                let sums = vcvtq_f32_s32(vld1q_s32(sums.as_ptr().add(at)));
                vmulq_f32(sums, vld1q_f32(factors.as_ptr().add(at)))
            })
        };
        bounds.apply(scaled)
    };
    let (factors, rest_factors) = tile.factors.as_chunks();
    let columns = tile.factors.len();
    for row in 0..tile.rows {
        let (sums, rest_sums) = tile.sums[row * tile.pitch..][..columns].as_chunks();
        let (out, rest_out) = tile.out[row * tile.stride..][..columns].as_chunks_mut::<LANES>();
        for ((sums, factors), out) in sums.iter().zip(factors).zip(out) {
            // SAFETY: there is room for eight bytes.
            unsafe { vst1_u8(out.as_mut_ptr(), eight(sums, factors)) };
        }
        if !rest_out.is_empty() {
            let (mut sums, mut factors, mut bytes) = ([0; LANES], [0.0; LANES], [0; LANES]);
            sums[..rest_sums.len()].copy_from_slice(rest_sums);
            factors[..rest_factors.len()].copy_from_slice(rest_factors);
            // SAFETY: there is room for eight bytes.
            unsafe { vst1_u8(bytes.as_mut_ptr(), eight(&sums, &factors)) };
            rest_out.copy_from_slice(&bytes[..rest_out.len()]);
        }
    }
}
