//! AVX-512 with VNNI: four products of bytes and their sum in one instruction. What is not a product of bytes
//! is as fast with AVX2.

mod peak;
mod qgemm;

use super::avx2;
use crate::Isa;
use crate::kernels::Kernels;

pub(in crate::kernels) static KERNELS: Kernels = Kernels {
    isa: Isa::Vnni,
    qgemm: qgemm::QGEMM,
    qgemm_narrow: qgemm::QGEMM,
    peaks: peak::PEAKS,
    ..avx2::ALL
};
