//! AVX2 with FMA: sixteen registers of eight floats.

mod gemm;
mod grid;
mod max_pool;
mod qadd;
mod qgemm;
mod qmax_pool;
mod quantize;
mod requantise;
mod resample;
mod yuv;

use crate::Isa;
use crate::kernels::Kernels;

pub(in crate::kernels) static KERNELS: Kernels = ALL;

/// For an instruction set that takes some of them over.
pub(in crate::kernels) const ALL: Kernels = Kernels {
    isa: Isa::Avx2,
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
