//! The values that a tensor takes, and ranges for a grid by each method.

use std::fmt;
use std::str::FromStr;

/// How a range is chosen from the values that a tensor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// For each tensor the method that diverges least at the network's output.
    Auto,
    /// Everything.
    MinMax,
    /// All but one value in ten thousand.
    Percentile,
    /// Where values keep the most information on the grid (Migacz 2017, TensorRT).
    Kl,
    /// Where the mean square of the error is least.
    Mse,
}

impl Method {
    /// Those that look at one tensor.
    pub const PLAIN: [Self; 4] = [Self::MinMax, Self::Percentile, Self::Kl, Self::Mse];

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::MinMax => "minmax",
            Self::Percentile => "percentile",
            Self::Kl => "kl",
            Self::Mse => "mse",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Auto].into_iter().chain(Self::PLAIN);
        let found = all.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| format!("unknown method {name}, known are: auto minmax percentile kl mse"))
    }
}

const BINS: usize = 4096;
/// Steps of a grid.
const LEVELS: usize = 255;
/// Share of the values that a percentile leaves out on each side.
const TAIL: f64 = 5e-5;

/// Extremes and channel means of a tensor.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub lo: f32,
    pub hi: f32,
    sums: Vec<f64>,
    pixels: u64,
}

impl Extent {
    pub fn new(channels: usize) -> Self {
        Self { lo: 0.0, hi: 0.0, sums: vec![0.0; channels], pixels: 0 }
    }

    /// Takes in the values of a run, pixel by pixel.
    pub fn add(&mut self, values: &[f32]) {
        for pixel in values.chunks_exact(self.sums.len().max(1)) {
            for (sum, &value) in self.sums.iter_mut().zip(pixel) {
                *sum += f64::from(value);
                self.lo = self.lo.min(value);
                self.hi = self.hi.max(value);
            }
            self.pixels += 1;
        }
    }

    pub fn mean(&self) -> Vec<f32> {
        self.sums.iter().map(|sum| (sum / self.pixels.max(1) as f64) as f32).collect()
    }
}

/// How often a tensor takes which values, between its extremes.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    lo: f64,
    width: f64,
    counts: Vec<f64>,
}

impl Histogram {
    pub fn new(lo: f32, hi: f32) -> Self {
        let (lo, hi) = (f64::from(lo), f64::from(hi));
        Self { lo, width: ((hi - lo) / BINS as f64).max(f64::MIN_POSITIVE), counts: vec![0.0; BINS] }
    }

    pub fn add(&mut self, values: &[f32]) {
        for &value in values {
            let bin = (f64::from(value) - self.lo) / self.width;
            self.counts[(bin.max(0.0) as usize).min(BINS - 1)] += 1.0;
        }
    }

    fn hi(&self) -> f64 {
        self.lo + self.width * BINS as f64
    }

    fn centre(&self, bin: usize) -> f64 {
        self.lo + (bin as f64 + 0.5) * self.width
    }

    /// The range that a method chooses.
    pub fn range(&self, method: Method) -> (f32, f32) {
        let (lo, hi) = match method {
            Method::Auto | Method::MinMax => (self.lo, self.hi()),
            Method::Percentile => self.percentile(),
            Method::Kl => self.best(|lo, hi| self.divergence(lo, hi)),
            Method::Mse => self.best(|lo, hi| self.square_error(lo, hi)),
        };
        (lo.min(0.0) as f32, hi.max(0.0) as f32)
    }

    fn percentile(&self) -> (f64, f64) {
        let tail = self.counts.iter().sum::<f64>() * TAIL;
        let past = |counts: &mut dyn Iterator<Item = &f64>| {
            let mut seen = 0.0;
            counts
                .take_while(|count| {
                    seen += *count;
                    seen <= tail
                })
                .count()
        };
        let below = past(&mut self.counts.iter());
        let above = past(&mut self.counts.iter().rev());
        (self.lo + below as f64 * self.width, self.hi() - above as f64 * self.width)
    }

    /// The range, both ends drawn in alike, that costs least.
    fn best(&self, cost: impl Fn(f64, f64) -> f64) -> (f64, f64) {
        let ranges = (20..=100).map(|percent| {
            let share = f64::from(percent) / 100.0;
            (self.lo * share, self.hi() * share)
        });
        let costs = ranges.map(|(lo, hi)| (cost(lo, hi), (lo, hi)));
        // The widest wins a tie.
        let best = costs.reduce(|best, next| if next.0 <= best.0 { next } else { best });
        best.map_or((self.lo, self.hi()), |(_, range)| range)
    }

    fn square_error(&self, lo: f64, hi: f64) -> f64 {
        let step = (hi - lo) / LEVELS as f64;
        let inside = step * step / 12.0;
        let errors = self.counts.iter().enumerate().map(|(bin, count)| {
            let value = self.centre(bin);
            let outside = (lo - value).max(value - hi).max(0.0);
            count * (inside + outside * outside)
        });
        errors.sum()
    }

    /// KL divergence of the values on the grid from the values themselves, with what lies outside at the
    /// ends.
    fn divergence(&self, lo: f64, hi: f64) -> f64 {
        let step = ((hi - lo) / LEVELS as f64).max(f64::MIN_POSITIVE);
        let level = |value: f64| (((value - lo) / step).round().max(0.0) as usize).min(LEVELS);
        let mut reference = self.counts.clone();
        // The zeros of a ReLU are exact on every grid, and so many that nothing else would count.
        if let Some(zeros) = reference.get_mut((-self.lo / self.width) as usize) {
            *zeros = 0.0;
        }
        let mut mass = vec![0.0; LEVELS + 1];
        let mut taken = vec![0u32; LEVELS + 1];
        let (first, last) = (((lo - self.lo) / self.width) as usize, ((hi - self.lo) / self.width) as usize);
        let (first, last) = (first.min(BINS - 1), last.clamp(1, BINS) - 1);
        let (mut below, mut above) = (0.0, 0.0);
        for (bin, count) in reference.iter_mut().enumerate() {
            if bin < first {
                below += std::mem::take(count);
            } else if bin > last {
                above += std::mem::take(count);
            } else {
                let level = level(self.centre(bin));
                mass[level] += *count;
                taken[level] += u32::from(*count > 0.0);
            }
        }
        reference[first] += below;
        reference[last] += above;
        let all: f64 = reference.iter().sum();
        let kept: f64 = mass.iter().sum();
        if all == 0.0 || kept == 0.0 {
            return f64::INFINITY;
        }
        let terms = reference.iter().enumerate().filter(|(_, count)| **count > 0.0).map(|(bin, count)| {
            let level = level(self.centre(bin));
            // What has only come in from outside has no place on the grid of its own.
            let spread = mass[level] / f64::from(taken[level].max(1)) / kept;
            let share = count / all;
            share * (share / spread.max(1e-12)).ln()
        });
        terms.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell_with_outlier() -> Histogram {
        let mut histogram = Histogram::new(0.0, 100.0);
        for index in 0..200_000u32 {
            // A triangle from 0 to 10.
            let (a, b) = (index % 1000, index / 200);
            histogram.add(&[(a + b) as f32 / 200.0]);
        }
        histogram.add(&[100.0]);
        histogram
    }

    #[test]
    fn methods_differ_in_what_an_outlier_is_worth() {
        let histogram = bell_with_outlier();
        assert_eq!(histogram.range(Method::MinMax), (0.0, 100.0));
        // A square error of 90 is not forgotten; a share of 1 in 200,000 is.
        for (method, most) in [(Method::Mse, 99.0), (Method::Percentile, 30.0), (Method::Kl, 30.0)] {
            let (lo, hi) = histogram.range(method);
            assert!(lo == 0.0 && (9.0..most).contains(&hi), "{method}: {lo}..{hi}");
        }
    }

    #[test]
    fn extents_and_means() {
        let mut extent = Extent::new(2);
        extent.add(&[1.0, -2.0, 3.0, 4.0]);
        extent.add(&[5.0, 1.0]);
        assert_eq!((extent.lo, extent.hi, extent.mean()), (-2.0, 5.0, vec![3.0, 1.0]));
    }

    #[test]
    fn names_are_read_back() {
        for method in Method::PLAIN {
            assert_eq!(method.name().parse(), Ok(method));
        }
        assert!("fastest".parse::<Method>().is_err());
    }
}
