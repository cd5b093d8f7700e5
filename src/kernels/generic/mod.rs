//! Plain Rust for every target: the definition of what each kernel computes.

mod gemm;
mod lanes;
mod max_pool;
mod peak;
mod qadd;
mod qgemm;
mod qmax_pool;
mod quantize;
pub(super) mod qwinograd;
mod requantise;
pub(super) mod resample;
mod winograd;
pub(super) mod yuv;

use super::Kernels;
use crate::Isa;

pub(super) static KERNELS: Kernels = Kernels {
    isa: Isa::Generic,
    gemm: gemm::GEMM,
    winograd2: winograd::WINOGRAD2,
    winograd4: winograd::WINOGRAD4,
    max_pool: max_pool::MAX_POOL,
    qgemm: qgemm::QGEMM,
    qgemm_narrow: qgemm::QGEMM,
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
