//! Plain Rust for every target: the definition of what each kernel computes.

mod gemm;
mod max_pool;
mod peak;
mod qadd;
mod qgemm;
mod qmax_pool;
mod quantize;
mod requantise;

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
    peaks: peak::PEAKS,
};
