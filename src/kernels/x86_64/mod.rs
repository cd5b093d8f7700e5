//! x86-64: `avx2` needs AVX2 and FMA, `vnni` AVX-512 with VNNI besides; every older CPU runs the generic
//! kernels.

pub(super) mod avx2;
pub(super) mod vnni;
