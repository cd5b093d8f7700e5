//! What the parts of a convolution cost on each instruction set.
//!
//! The figures are fitted to measurements (`docs/performance.md`) and committed: a choice made from them is the
//! same on every machine of a kind, which one that is timed at run time would not be. Only their ratios decide.

use crate::Isa;

/// Femtoseconds on the machine that the figures were fitted on.
#[derive(Debug)]
pub(crate) struct Rates {
    /// A multiplication and addition of the direct algorithm, without what does not grow with the depth.
    pub direct: u64,
    /// The same between transformed values.
    pub product: u64,
    /// A value of the transformed input.
    pub input: u64,
    /// A value before the transformation of the output.
    pub output: u64,
    /// A byte of prepared weights, read once a run.
    pub byte: u64,
}

/// The rates of one instruction set.
#[derive(Debug)]
pub(crate) struct Costs {
    /// `f32`.
    pub float: Rates,
    /// `u8` by `i8`.
    pub integer: Rates,
}

impl Costs {
    /// The table of an instruction set.
    pub fn of(isa: Isa) -> &'static Self {
        match isa {
            Isa::Avx2 => &AVX2,
            Isa::Vnni => &VNNI,
            Isa::Generic | Isa::Neon | Isa::Dotprod => &NARROW,
        }
    }
}

static AVX2: Costs = Costs {
    float: FLOAT_256,
    integer: Rates { direct: 14_500, product: 13_500, input: 60_000, output: 110_000, byte: 30_000 },
};

/// Four products of bytes in one instruction: the direct algorithm is faster than pairs of 16 bits.
static VNNI: Costs = Costs {
    float: FLOAT_256,
    integer: Rates { direct: 2_500, product: 13_500, input: 60_000, output: 110_000, byte: 30_000 },
};

const FLOAT_256: Rates =
    Rates { direct: 23_000, product: 20_000, input: 250_000, output: 280_000, byte: 24_000 };

/// Four lanes or fewer: multiplying costs more beside memory and transformations. The integer tiles have no
/// kernels of their own here.
static NARROW: Costs = Costs {
    float: Rates { direct: 80_000, product: 80_000, input: 900_000, output: 600_000, byte: 120_000 },
    integer: Rates { direct: 60_000, product: 600_000, input: 900_000, output: 900_000, byte: 120_000 },
};
