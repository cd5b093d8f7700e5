//! Plain Rust for every target: the definition of what each kernel computes.

mod gemm;
mod max_pool;
mod qadd;
mod qgemm;
mod qmax_pool;
mod quantize;
mod requantise;
pub(super) mod resample;
pub(super) mod yuv;

use super::Kernels;
use crate::Isa;

pub(super) static KERNELS: Kernels = Kernels {
    isa: Isa::Generic,
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
