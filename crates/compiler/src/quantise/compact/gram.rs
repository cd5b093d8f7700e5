//! What a layer reads over all pictures, as the matrices that least squares needs.

use crate::graph::{Shape, slide};
use ndarray::{Array2, Axis};
use wisp::format::Window;

/// Places of a map that are looked at in a picture.
const PLACES: usize = 169;

/// Sums over places of pictures: `q` is what the quantised network reads there, `f` the original one.
pub(crate) struct Gram {
    /// `Σ q·qᵀ`.
    pub qq: Array2<f64>,
    /// `Σ f·qᵀ`.
    pub fq: Array2<f64>,
    /// `Σ q`.
    pub q: Vec<f64>,
    /// `Σ f`.
    pub f: Vec<f64>,
    /// Number of places.
    pub count: f64,
}

impl Gram {
    pub fn new(depth: usize) -> Self {
        Self {
            qq: Array2::zeros((depth, depth)),
            fq: Array2::zeros((depth, depth)),
            q: vec![0.0; depth],
            f: vec![0.0; depth],
            count: 0.0,
        }
    }

    /// Of rows of what is read, `f` and `q` at the same places.
    pub fn of(f: &Array2<f32>, q: &Array2<f32>) -> Self {
        let sums = |rows: &Array2<f32>| rows.mapv(f64::from).sum_axis(Axis(0)).to_vec();
        Self {
            qq: q.t().dot(q).mapv(f64::from),
            fq: f.t().dot(q).mapv(f64::from),
            q: sums(q),
            f: sums(f),
            count: f.nrows() as f64,
        }
    }

    /// Adds the sums of other places.
    pub fn add(&mut self, other: &Self) {
        self.qq += &other.qq;
        self.fq += &other.fq;
        for (sums, more) in [(&mut self.q, &other.q), (&mut self.f, &other.f)] {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += more;
            }
        }
        self.count += other.count;
    }
}

/// The places of a picture's output map that are looked at, the same ones whenever it is asked for.
pub(crate) fn places(window: &Window, input: Shape, picture: usize) -> Vec<(usize, usize)> {
    let Some((h, w)) = slide(window, input) else { return vec![] };
    let all = h * w;
    let count = all.min(PLACES);
    // One place of each stretch, by a multiplicative hash.
    (0..count)
        .map(|at| {
            let (from, to) = (at * all / count, (at + 1) * all / count);
            let hash = ((picture * PLACES + at) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            let place = from + hash as usize % (to - from).max(1);
            (place / w, place % w)
        })
        .collect()
}

/// What a convolution reads at `places`: a row each, in the order of its weights.
pub(crate) fn read(values: &[f32], shape: Shape, window: &Window, places: &[(usize, usize)]) -> Array2<f32> {
    let (kh, kw) = (usize::from(window.kernel.0), usize::from(window.kernel.1));
    let mut rows = Array2::zeros((places.len(), kh * kw * shape.c));
    for (mut row, &(oy, ox)) in rows.rows_mut().into_iter().zip(places) {
        let Some(row) = row.as_slice_mut() else { continue };
        for (tap, to) in row.chunks_exact_mut(shape.c.max(1)).enumerate() {
            let y = (oy * usize::from(window.stride.0) + tap / kw).wrapping_sub(window.pad_start.0.into());
            let x = (ox * usize::from(window.stride.1) + tap % kw).wrapping_sub(window.pad_start.1.into());
            if y < shape.h && x < shape.w {
                let at = (y * shape.w + x) * shape.c;
                to.copy_from_slice(&values[at..at + shape.c]);
            }
        }
    }
    rows
}
