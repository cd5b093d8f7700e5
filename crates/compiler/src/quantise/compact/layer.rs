//! One layer from numbers to integers: target, roundings, scales and biases.

use super::gram::Gram;
use super::linear::{self, Factors};
use super::network::depth;
use super::rate::Rates;
use super::trellis::{Rounding, Scratch};

use crate::graph::{Coding, Conv, Int8};
use ndarray::{Array1, Array2, Axis};
use wisp::format::coded::{self, Shape, Trellis};

/// What the normal equations get on their diagonal, as a share of its mean.
const RIDGE: f64 = 0.05;

/// What a bit is worth in squared steps of a trellis: near what halving them saves. Half and twice as much
/// give a larger divergence at equal bytes.
const LAMBDA: f32 = 0.35;
/// As [`LAMBDA`], with one state: its step is that of the only grid.
const LAMBDA_PLAIN: f32 = 0.1;

/// The layer's least squares, ready to be solved for any steps.
pub(crate) struct Problem {
    /// The weights that give from the quantised network's inputs what the original gave from its own.
    pub target: Array2<f64>,
    pub factors: Factors,
    /// `d` with a mean of 1.
    pub weight: Vec<f32>,
    /// Covariance of the inputs, with the ridge.
    pub covariance: Array2<f64>,
    /// Mean output of each row before rounding, without the bias.
    pub mean: Vec<f64>,
    /// Mean of what is read.
    pub input: Array1<f64>,
}

impl Problem {
    pub fn new(conv: &Conv, gram: &Gram) -> Self {
        let depth = depth(conv);
        let weights = Array2::from_shape_fn((conv.bias.len(), depth), |(row, column)| {
            f64::from(conv.weight[row * depth + column])
        });
        let weights = &weights;
        let count = gram.count.max(1e-30);
        let (q, f) = (Array1::from(gram.q.clone()) / count, Array1::from(gram.f.clone()) / count);
        let outer = |a: &Array1<f64>| a.view().insert_axis(Axis(1)).dot(&q.view().insert_axis(Axis(0)));
        let mut covariance = &gram.qq / count - outer(&q);
        let mut cross = &gram.fq / count - outer(&f);
        let ridge = (RIDGE * covariance.diag().sum() / depth.max(1) as f64).max(1e-12);
        for i in 0..depth {
            covariance[(i, i)] += ridge;
            cross[(i, i)] += ridge;
        }
        let mut target = weights.clone();
        if let Some(lower) = linear::cholesky(covariance.view()) {
            target = weights.dot(&cross);
            linear::solve(&lower, &mut target);
        }
        let factors = linear::factor(&covariance)
            .unwrap_or_else(|| Factors { m: Array2::zeros((depth, depth)), d: vec![1.0; depth] });
        let mean_d = factors.d.iter().sum::<f64>() / depth.max(1) as f64;
        let weight = factors.d.iter().map(|d| (d / mean_d) as f32).collect();
        let mean = weights.dot(&f).to_vec();
        Self { target, factors, weight, covariance, mean, input: q }
    }
}

/// A layer's integers.
pub(crate) struct Rounded {
    pub integers: Vec<i8>,
    /// One an output channel.
    pub scale: Vec<f32>,
    /// To add to each output channel's bias.
    pub shift: Vec<f64>,
}

impl Rounded {
    /// Bits of the coded weights.
    pub fn bits(&self, conv: &Conv, trellis: Trellis) -> f64 {
        // What has no coded form takes a byte a weight.
        coded::bits(&self.integers, shape(conv), trellis).unwrap_or(8.0 * self.integers.len() as f64)
    }

    /// Gives a convolution the integers.
    pub fn put(self, conv: &mut Conv, original: &Conv, trellis: Trellis) {
        self.put_bias(conv, original);
        let coding = Coding::Coded(trellis);
        conv.int8 = Some(Int8 { weight: self.integers, scale: self.scale, bias: None, coding });
    }

    /// Gives a convolution the numbers that the integers stand for.
    pub fn put_floats(&self, conv: &mut Conv) {
        let original = conv.clone();
        self.put_bias(conv, &original);
        let depth = depth(conv).max(1);
        for (at, (to, &q)) in conv.weight.iter_mut().zip(&self.integers).enumerate() {
            *to = f32::from(q) * self.scale[at / depth];
        }
    }

    fn put_bias(&self, conv: &mut Conv, original: &Conv) {
        for ((to, &bias), shift) in conv.bias.iter_mut().zip(&original.bias).zip(&self.shift) {
            *to = (f64::from(bias) + shift) as f32;
        }
    }
}

/// Shape of a convolution's weights.
fn shape(conv: &Conv) -> Shape {
    let kernel = (usize::from(conv.window.kernel.0), usize::from(conv.window.kernel.1));
    Shape { rows: conv.bias.len(), kernel, channels: depth(conv) / (kernel.0 * kernel.1).max(1) }
}

/// Bytes of a convolution's weights in the file, where it has them coded.
pub(crate) fn bytes(integers: &[i8], conv: &Conv, trellis: Trellis) -> usize {
    let coded = coded::encode(integers, shape(conv), trellis).map_or(usize::MAX, |block| block.len());
    coded.min(integers.len())
}

/// Rounds all rows, each with its step.
pub(crate) fn round(problem: &Problem, steps: &[f64], trellis: Trellis, threads: usize) -> Rounded {
    let lambda = if trellis == Trellis::Plain { LAMBDA_PLAIN } else { LAMBDA };
    let rows = problem.target.nrows();
    let scaled: Vec<Vec<f32>> = problem
        .target
        .rows()
        .into_iter()
        .zip(steps)
        .map(|(row, step)| row.iter().map(|w| (w / step) as f32).collect())
        .collect();
    let values = scaled.iter().flatten();
    let mean = values.clone().map(|value| f64::from(value.abs())).sum::<f64>() / values.count().max(1) as f64;
    let mut rates = Rates::guess(mean as f32, trellis.states());
    let pass = |rates: &Rates, stride: usize| {
        let rounding =
            Rounding { trellis, factors: &problem.factors, weight: &problem.weight, rates, lambda };
        let picked: Vec<usize> = (0..rows).step_by(stride).collect();
        let share = picked.len().div_ceil(threads.max(1)).max(1);
        let parts: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = picked
                .chunks(share)
                .map(|picked| {
                    let (rounding, scaled) = (&rounding, &scaled);
                    scope.spawn(move || {
                        let (mut scratch, mut codes) = (Scratch::default(), Vec::new());
                        let rows: Vec<Vec<i8>> = picked
                            .iter()
                            .map(|&row| rounding.row(&scaled[row], &mut scratch, &mut codes))
                            .collect();
                        (rows, codes)
                    })
                })
                .collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
        });
        let mut all = (Vec::new(), Vec::new());
        for (rows, codes) in parts {
            all.0.extend(rows);
            all.1.extend(codes);
        }
        all
    };
    for stride in [8, 4] {
        let (_, codes) = pass(&rates, if rows >= 64 { stride } else { 1 });
        rates = Rates::new(&codes);
    }
    let (integers, _) = pass(&rates, 1);
    let integers: Vec<i8> = integers.into_iter().flatten().collect();
    let depth = problem.target.ncols();
    let q = Array2::from_shape_vec((rows, depth), integers.iter().map(|&q| f64::from(q)).collect())
        .unwrap_or_else(|_| Array2::zeros((rows, depth)));
    let qh = q.dot(&problem.covariance);
    let mut scale = Vec::with_capacity(rows);
    let mut shift = Vec::with_capacity(rows);
    for row in 0..rows {
        let over = qh.row(row).dot(&problem.target.row(row));
        let under = qh.row(row).dot(&q.row(row));
        let fitted = over / under;
        let step = if fitted > steps[row] * 0.5 && fitted < steps[row] * 2.0 { fitted } else { steps[row] };
        let step = step as f32;
        scale.push(step);
        shift.push(problem.mean[row] - f64::from(step) * q.row(row).dot(&problem.input));
    }
    Rounded { integers, scale, shift }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::Builder;
    use crate::quantise::compact::network::conv;

    /// Numbers around 0 that look random.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn layer(rows: usize, depth: usize) -> Conv {
        let mut builder = Builder::new(1, 1, depth);
        let input = builder.input();
        builder.conv("layer", input, rows, 1);
        let mut layer = conv(&builder.finish().nodes[0].op).expect("it is one").clone();
        layer.weight = noise(rows * depth, 1);
        layer.bias = noise(rows, 2);
        layer
    }

    /// Inputs whose channels are alike, and what an earlier layer's rounding has made of them.
    fn inputs(count: usize, depth: usize) -> (Array2<f32>, Array2<f32>) {
        let (common, own, lost) = (noise(count, 3), noise(count * depth, 4), noise(count * depth, 5));
        let f = Array2::from_shape_fn((count, depth), |(at, i)| 1.0 + common[at] + own[at * depth + i] * 0.4);
        let q =
            Array2::from_shape_fn((count, depth), |(at, i)| f[(at, i)] * 1.1 + lost[at * depth + i] * 0.1);
        (f, q)
    }

    /// Square error at the output.
    fn error(conv: &Conv, after: &Conv, (f, q): &(Array2<f32>, Array2<f32>)) -> f64 {
        let depth = depth(conv);
        let output = |conv: &Conv, row: usize, input: ndarray::ArrayView1<'_, f32>| {
            let weights = &conv.weight[row * depth..][..depth];
            let sum: f32 = weights.iter().zip(input).map(|(w, x)| w * x).sum();
            f64::from(sum + conv.bias[row])
        };
        let mut sum = 0.0;
        for (f, q) in f.rows().into_iter().zip(q.rows()) {
            for row in 0..conv.bias.len() {
                sum += (output(conv, row, f) - output(after, row, q)).powi(2);
            }
        }
        sum
    }

    #[test]
    fn errors_are_made_up_for() {
        let (rows, depth) = (6, 70);
        let layer = layer(rows, depth);
        let (f, q) = inputs(900, depth);
        let problem = Problem::new(&layer, &Gram::of(&f, &q));
        let step = 0.25;
        let mut plain = layer.clone();
        for weight in &mut plain.weight {
            *weight = (*weight / step as f32).round() * step as f32;
        }
        let plain = error(&layer, &plain, &(f.clone(), q.clone()));
        let mut found = Vec::new();
        for trellis in [Trellis::Plain, Trellis::Four, Trellis::Eight] {
            // The steps of a trellis are half of its grids'.
            let steps = vec![if trellis == Trellis::Plain { step } else { step * 0.6 }; rows];
            let rounded = round(&problem, &steps, trellis, 1);
            assert!(coded::encode(&rounded.integers, shape(&layer), trellis).is_ok());
            let mut after = layer.clone();
            rounded.put_floats(&mut after);
            found.push((error(&layer, &after, &(f.clone(), q.clone())), rounded.bits(&layer, trellis)));
        }
        assert!(found.iter().all(|(error, _)| *error < plain * 0.2), "{plain} {found:?}");
    }
}
