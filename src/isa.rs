//! Instruction sets: which there are, which this CPU has.

use crate::format::Element;
use crate::kernels::Kernels;
use core::fmt;
use core::str::FromStr;

/// An instruction set that Wisp has kernels for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust for every target; the definition of what the others compute.
    Generic,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 and its products of four bytes at once (VNNI): Intel since 2019, AMD since 2022.
    Vnni,
    /// AArch64 with what every such CPU has: the Raspberry Pi 3 and 4.
    Neon,
    /// AArch64 with products of four bytes at once: the Raspberry Pi 5, most phones since 2018.
    Dotprod,
}

impl Isa {
    /// Every instruction set, the preferred ones last.
    pub const ALL: &[Self] = &[Self::Generic, Self::Avx2, Self::Vnni, Self::Neon, Self::Dotprod];

    /// Name as the command line and `WISP_ISA` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Avx2 => "avx2",
            Self::Vnni => "vnni",
            Self::Neon => "neon",
            Self::Dotprod => "dotprod",
        }
    }

    /// The best instruction set of this CPU. With feature `std` the CPU is asked; without it, only
    /// what the build target guarantees counts.
    pub fn detect() -> Self {
        Self::ALL.iter().rev().copied().find(|isa| isa.is_available()).unwrap_or(Self::Generic)
    }

    /// Does so many rounds of nothing but multiply-adds in registers, on `f32` or on bytes, and gives their
    /// number: what a caller who times it learns is the rate that no kernel of direct products exceeds.
    /// `None` where this CPU lacks the instruction set.
    ///
    /// ```
    /// let macs = wisp::Isa::Generic.multiply_adds(wisp::format::Element::F32, 10);
    /// assert!(macs.is_some_and(|macs| macs >= 10));
    /// ```
    pub fn multiply_adds(self, element: Element, rounds: u32) -> Option<u64> {
        let peaks = &Kernels::of(self)?.peaks;
        Some(match element {
            Element::F32 => peaks.floats.run(rounds),
            Element::U8 => peaks.integers.run(rounds),
        })
    }

    /// Whether this CPU can run the kernels of this instruction set.
    pub fn is_available(self) -> bool {
        match self {
            Self::Generic => true,
            Self::Avx2 => has_avx2(),
            Self::Vnni => has_avx2() && has_vnni(),
            Self::Neon => has_neon(),
            Self::Dotprod => has_neon() && has_dotprod(),
        }
    }
}

fn has_avx2() -> bool {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    return std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    return cfg!(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma"));
}

fn has_vnni() -> bool {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    return std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    return cfg!(all(target_arch = "x86_64", target_feature = "avx512f", target_feature = "avx512vnni"));
}

fn has_neon() -> bool {
    #[cfg(all(feature = "std", target_arch = "aarch64"))]
    return std::arch::is_aarch64_feature_detected!("neon");
    #[cfg(not(all(feature = "std", target_arch = "aarch64")))]
    return cfg!(all(target_arch = "aarch64", target_feature = "neon"));
}

fn has_dotprod() -> bool {
    #[cfg(all(feature = "std", target_arch = "aarch64"))]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(all(feature = "std", target_arch = "aarch64")))]
    return cfg!(all(target_arch = "aarch64", target_feature = "dotprod"));
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of [`Isa::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownIsa;

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown instruction set, known are:")?;
        Isa::ALL.iter().try_for_each(|isa| write!(f, " {isa}"))
    }
}

impl core::error::Error for UnknownIsa {}

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        Self::ALL.iter().copied().find(|isa| isa.name() == name).ok_or(UnknownIsa)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for isa in Isa::ALL {
            assert_eq!(isa.name().parse(), Ok(*isa));
        }
        assert_eq!("mmx".parse::<Isa>(), Err(UnknownIsa));
        assert!(Isa::detect().is_available());
    }
}
