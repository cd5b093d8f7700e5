//! Percentiles of measured times.

/// The figures of a series of times, in milliseconds.
#[derive(Debug)]
pub struct Summary {
    pub n: usize,
    pub mean: f64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Summary {
    /// Summarises times; `None` if there are none. The percentile `p` is the smallest time that at least
    /// a share `p` of all times does not exceed (nearest rank).
    pub fn of(times: &mut [f64]) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let n = times.len();
        let rank = |share: f64| times.get(((share * n as f64).ceil() as usize).clamp(1, n) - 1).copied();
        Some(Self {
            n,
            mean: times.iter().sum::<f64>() / n.max(1) as f64,
            min: *times.first()?,
            p50: rank(0.5)?,
            p90: rank(0.9)?,
            p99: rank(0.99)?,
            max: *times.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut times: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let summary = Summary::of(&mut times).unwrap();
        assert_eq!((summary.n, summary.min, summary.max, summary.mean), (200, 1.0, 200.0, 100.5));
        assert_eq!((summary.p50, summary.p90, summary.p99), (100.0, 180.0, 198.0));
        let summary = Summary::of(&mut [7.0]).unwrap();
        assert_eq!((summary.p50, summary.p99), (7.0, 7.0));
        assert!(Summary::of(&mut []).is_none());
    }
}
