//! AVX2 with FMA: sixteen registers of eight floats.

mod gemm;
mod grid;
mod lanes;
mod max_pool;
mod peak;
mod qadd;
mod qgemm;
pub(in crate::kernels::x86_64) mod qgemm_narrow;
mod qmax_pool;
mod quantize;
mod qwinograd;
mod requantise;
mod resample;
mod winograd;
mod yuv;

use crate::Isa;
use crate::kernels::Kernels;

pub(in crate::kernels) static KERNELS: Kernels = ALL;

/// For an instruction set that takes some of them over.
pub(in crate::kernels) const ALL: Kernels = Kernels {
    isa: Isa::Avx2,
    gemm: gemm::GEMM,
    winograd2: winograd::WINOGRAD2,
    winograd4: winograd::WINOGRAD4,
    max_pool: max_pool::MAX_POOL,
    qgemm: qgemm::QGEMM,
    qgemm_narrow: qgemm_narrow::QGEMM,
    qwinograd2: qwinograd::QWINOGRAD2,
    qwinograd4: qwinograd::QWINOGRAD4,
    requantise: requantise::REQUANTISE,
    qmax_pool: qmax_pool::QMAX_POOL,
    quantize: quantize::QUANTIZE,
    qadd: qadd::QADD,
    peaks: peak::PEAKS,
    resample: resample::RESAMPLE,
    yuv: yuv::YUV,
};
