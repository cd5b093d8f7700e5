//! AVX2 with FMA: sixteen registers of eight floats.

mod gemm;
mod max_pool;

use crate::Isa;
use crate::kernels::{Kernels, generic};

pub(in crate::kernels) static KERNELS: Kernels = Kernels {
    isa: Isa::Avx2,
    gemm: gemm::GEMM,
    max_pool: max_pool::MAX_POOL,
    qgemm: generic::QGEMM,
    requantise: generic::REQUANTISE,
    qmax_pool: generic::QMAX_POOL,
};
