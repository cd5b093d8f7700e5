//! The inner loops, once for each instruction set.
//!
//! The same file name is the same job in every folder. `generic/` defines what a kernel computes and is
//! never optimised; the others agree with it bit for bit (integers) or within rounding (floats: the
//! order of a sum is the same, but a multiply-add may round once instead of twice).
//!
//! A [`Kernels`] table is a proof that the CPU has its instruction set: it can only be had through
//! [`Kernels::of`], which asks. Each kernel sits behind a safe call that checks every slice it will
//! touch, so code outside this folder needs no `unsafe`.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
mod aarch64;
pub(crate) mod gemm;
mod generic;
mod lanes;
pub(crate) mod max_pool;
pub(crate) mod peak;
pub(crate) mod qadd;
pub(crate) mod qgemm;
pub(crate) mod qmax_pool;
pub(crate) mod quantize;
pub(crate) mod qwinograd;
pub(crate) mod requantise;
pub(crate) mod resample;
pub(crate) mod winograd;
#[cfg(target_arch = "x86_64")]
mod x86_64;
pub(crate) mod yuv;

use crate::Isa;
use crate::format::QConv;

/// The kernels of one instruction set.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// Which instruction set.
    pub isa: Isa,
    /// `f32` matrix multiplication over rows that lie anywhere: the body of every convolution.
    pub gemm: gemm::Gemm,
    /// `f32` convolution of 3×3 taps through tiles of 2×2 outputs.
    pub winograd2: winograd::Winograd,
    /// The same through tiles of 4×4.
    pub winograd4: winograd::Winograd,
    /// `f32` maximum over pixels that lie anywhere.
    pub max_pool: max_pool::MaxPool,
    /// `u8` by `i8` matrix multiplication: the body of every integer convolution.
    pub qgemm: qgemm::QGemm,
    /// The same where the weights are narrow.
    pub qgemm_narrow: qgemm::QGemm,
    /// The same with tiles of 2×2 outputs of 3×3 taps, exact in integers.
    pub qwinograd2: qwinograd::QWinograd,
    /// The same with tiles of 4×4 outputs of 3×3 taps, exact in integers.
    pub qwinograd4: qwinograd::QWinograd,
    /// Sums of integers to `u8`.
    pub requantise: requantise::Requantise,
    /// `u8` maximum over pixels that lie anywhere.
    pub qmax_pool: qmax_pool::QMaxPool,
    /// Real numbers to `u8`.
    pub quantize: quantize::Quantize,
    /// The sum of two rows of `u8`.
    pub qadd: qadd::QAdd,
    /// Multiply-adds alone, to measure what the CPU can do.
    pub peaks: peak::Peaks,
    /// Resizing of rows of pixels.
    pub resample: resample::Resample,
    /// Camera pixels to red, green and blue.
    pub yuv: yuv::Yuv,
}

impl Kernels {
    /// The kernels of `isa`, if this CPU has it.
    pub fn of(isa: Isa) -> Option<&'static Self> {
        if !isa.is_available() {
            return None;
        }
        match isa {
            Isa::Generic => Some(&generic::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Some(&x86_64::avx2::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Isa::Vnni => Some(&x86_64::vnni::KERNELS),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Some(&aarch64::neon::KERNELS),
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod => Some(&aarch64::dotprod::KERNELS),
            // Those of other architectures.
            _ => None,
        }
    }

    /// The matrix multiplication that an integer convolution is made of.
    pub fn integers(&self, conv: &QConv) -> &qgemm::QGemm {
        if conv.narrow { &self.qgemm_narrow } else { &self.qgemm }
    }
}

#[cfg(test)]
mod tests;
