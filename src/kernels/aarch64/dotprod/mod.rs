//! NEON with `sdot`; but for the integer product, the kernels are NEON's.

mod peak;
mod qgemm;

use super::neon;
use crate::Isa;
use crate::kernels::Kernels;

pub(in crate::kernels) static KERNELS: Kernels = Kernels {
    isa: Isa::Dotprod,
    qgemm: qgemm::QGEMM,
    qgemm_narrow: qgemm::QGEMM,
    peaks: peak::PEAKS,
    ..neon::TABLE
};
