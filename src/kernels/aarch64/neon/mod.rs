//! NEON: 32 registers of four floats.

mod gemm;
mod grid;
mod lanes;
mod max_pool;
pub(super) mod peak;
mod qadd;
pub(super) mod qgemm;
mod qmax_pool;
mod quantize;
mod requantise;
mod resample;
mod winograd;
mod yuv;

use crate::Isa;
use crate::kernels::{Kernels, generic};

pub(in crate::kernels) static KERNELS: Kernels = TABLE;

/// The table once more as a constant, for others to take parts of.
pub(super) const TABLE: Kernels = Kernels {
    isa: Isa::Neon,
    gemm: gemm::GEMM,
    winograd2: winograd::WINOGRAD2,
    winograd4: winograd::WINOGRAD4,
    max_pool: max_pool::MAX_POOL,
    qgemm: qgemm::QGEMM,
    qgemm_narrow: qgemm::QGEMM,
    qwinograd2: generic::qwinograd::QWINOGRAD2,
    qwinograd4: generic::qwinograd::QWINOGRAD4,
    requantise: requantise::REQUANTISE,
    qmax_pool: qmax_pool::QMAX_POOL,
    quantize: quantize::QUANTIZE,
    qadd: qadd::QADD,
    peaks: peak::PEAKS,
    resample: resample::RESAMPLE,
    yuv: yuv::YUV,
};
