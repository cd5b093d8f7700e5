//! What codes cost: an estimate from how often each is used.

/// Codes further from 0 share the last entry and a bit for each step beyond.
const CODES: usize = 24;

/// Bits of codes, by the grid that they are on.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    bits: [[f32; CODES]; 2],
}

impl Rates {
    /// From codes with their grids.
    pub fn new(codes: &[(u8, i16)]) -> Self {
        let mut counts = [[0.5f64; CODES]; 2];
        for &(class, code) in codes {
            counts[usize::from(class)][usize::from(code.unsigned_abs()).min(CODES - 1)] += 1.0;
        }
        let bits = counts.map(|counts| {
            let total: f64 = counts.iter().sum();
            std::array::from_fn(|code| {
                let sign = if code == 0 { 0.0 } else { 1.0 };
                ((total / counts[code]).log2() + sign) as f32
            })
        });
        Self { bits }
    }

    /// For values that are spread like a double exponential with this mean distance from 0, in steps.
    pub fn guess(mean: f32, states: usize) -> Self {
        let mean = if states == 1 { mean } else { mean / 2.0 };
        let share = mean / (1.0 + mean);
        let bits = std::array::from_fn(|code| {
            let sign = if code == 0 { 0.0 } else { 1.0 };
            -(1.0 - share).log2() - code as f32 * share.max(1e-6).log2() + sign
        });
        Self { bits: [bits; 2] }
    }

    /// Bits of a code.
    #[inline]
    pub fn bits(&self, class: u8, code: i32) -> f32 {
        let size = code.unsigned_abs() as usize;
        let known = self.bits[usize::from(class & 1)][size.min(CODES - 1)];
        known + size.saturating_sub(CODES - 1) as f32
    }
}
