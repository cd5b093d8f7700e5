//! x86-64: `avx2` needs AVX2 and FMA; every older CPU runs the generic kernels.

pub(super) mod avx2;
