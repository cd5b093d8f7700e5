//! Plain Rust for every target: the definition of what each kernel computes.

mod gemm;
mod max_pool;
mod qgemm;
mod qmax_pool;
mod requantise;

use super::Kernels;
use crate::Isa;

pub(in crate::kernels) use qgemm::QGEMM;
pub(in crate::kernels) use qmax_pool::QMAX_POOL;
pub(in crate::kernels) use requantise::REQUANTISE;

pub(super) static KERNELS: Kernels = Kernels {
    isa: Isa::Generic,
    gemm: gemm::GEMM,
    max_pool: max_pool::MAX_POOL,
    qgemm: QGEMM,
    requantise: REQUANTISE,
    qmax_pool: QMAX_POOL,
};
