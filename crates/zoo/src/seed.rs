//! Weights from a name: the same on every machine, and never held in memory.
//!
//! A value is the sum of four 16-bit uniform numbers, shifted and scaled: bell-shaped, bounded at
//! ±3.46 standard deviations, and made of integer operations and one multiply and add, so that every
//! platform gives the same bytes (a logarithm or cosine from the system's library would not). Weights
//! that are drawn follow He et al. 2015 (arXiv 1502.01852): variance 2 / fan-in in front of a ReLU.

/// What a constant tensor holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Fill {
    /// Bell-shaped around a centre. A deviation of zero gives the centre everywhere.
    Bell {
        /// Mean.
        centre: f32,
        /// Standard deviation.
        deviation: f32,
    },
    /// Values from elsewhere, little-endian.
    Given(Vec<u8>),
}

/// Standard deviation of the sum of four uniform 16-bit numbers: √((65536² − 1) / 3).
const SUM_DEVIATION: f32 = 37_837.227;
/// Mean of that sum.
const SUM_MEAN: i32 = 2 * 65_535;

/// The values of one drawn tensor, in order.
pub struct Values {
    state: u64,
    centre: f32,
    scale: f32,
}

impl Values {
    /// The stream that belongs to the name of a tensor: equal names give equal shapes of noise, so two
    /// networks that share a layer by name and fan-in (plain-20 and ResNet-20) share its weights.
    pub fn new(name: &str, centre: f32, deviation: f32) -> Self {
        Self { state: fnv1a(name.as_bytes()), centre, scale: deviation / SUM_DEVIATION }
    }
}

impl Iterator for Values {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        // SplitMix64 (Steele, Lea and Flood 2014).
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let sum: i32 = [0, 16, 32, 48].iter().map(|&shift| i32::from((bits >> shift) as u16)).sum();
        Some(self.centre + (sum - SUM_MEAN) as f32 * self.scale)
    }
}

/// Fowler, Noll and Vo's hash: spreads names over seeds, nothing more is asked of it.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_bell_shaped_and_bounded() {
        let values: Vec<f64> = Values::new("conv1_w", 0.5, 2.0).take(100_000).map(f64::from).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let moment = |power| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
        let variance = moment(2);
        assert!((mean - 0.5).abs() < 0.03, "mean {mean}");
        assert!((variance.sqrt() - 2.0).abs() < 0.02, "deviation {}", variance.sqrt());
        // 3 for a normal distribution, 2.7 for a sum of four uniform ones.
        let kurtosis = moment(4) / (variance * variance);
        assert!((kurtosis - 2.7).abs() < 0.05, "kurtosis {kurtosis}");
        assert!(values.iter().all(|value| (value - 0.5).abs() <= 2.0 * 3.4642));
    }

    #[test]
    fn a_name_is_a_seed() {
        let draw = |name| Values::new(name, 0.0, 1.0).take(64).collect::<Vec<_>>();
        assert_eq!(draw("conv1_w"), draw("conv1_w"));
        assert_ne!(draw("conv1_w"), draw("conv2_w"));
    }
}
