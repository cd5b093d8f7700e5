//! NEON: 32 registers of four floats.

mod gemm;
mod grid;
mod max_pool;
mod qadd;
pub(super) mod qgemm;
mod qmax_pool;
mod quantize;
mod requantise;
mod resample;
mod yuv;

use crate::Isa;
use crate::kernels::Kernels;

pub(in crate::kernels) static KERNELS: Kernels = TABLE;

/// The table once more as a constant, for others to take parts of.
pub(super) const TABLE: Kernels = Kernels {
    isa: Isa::Neon,
    gemm: gemm::GEMM,
    max_pool: max_pool::MAX_POOL,
    qgemm: qgemm::QGEMM,
    requantise: requantise::REQUANTISE,
    qmax_pool: qmax_pool::QMAX_POOL,
    quantize: quantize::QUANTIZE,
    qadd: qadd::QADD,
    resample: resample::RESAMPLE,
    yuv: yuv::YUV,
};
