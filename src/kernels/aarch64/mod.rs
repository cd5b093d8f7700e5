//! AArch64: `neon` is what every CPU has, `dotprod` what those since the Cortex-A76 have beside it.

pub(super) mod dotprod;
pub(super) mod neon;
