//! Plain Rust for every target: the definition of what each kernel computes.

mod gemm;
mod max_pool;

use super::Kernels;
use crate::Isa;

pub(super) static KERNELS: Kernels =
    Kernels { isa: Isa::Generic, gemm: gemm::GEMM, max_pool: max_pool::MAX_POOL };
