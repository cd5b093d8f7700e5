//! The linear algebra of least squares: symmetric matrices, their factors, and solutions.

use ndarray::{Array2, ArrayView2, Axis};

/// The factors `Mᵀ·D·M` of a symmetric positive matrix: `M` unit lower triangular, `D` diagonal.
///
/// Of a quadratic form in errors `e`, they make `Σ d[j]·(e[j] + Σ m[j][i]·e[i])²` with `i < j`: what the
/// errors of earlier columns leave to the later ones. It is the Cholesky factor from the last row up.
pub(crate) struct Factors {
    /// Row `j` holds `m[j][i]` for `i < j`; the rest is 0.
    pub m: Array2<f32>,
    pub d: Vec<f64>,
}

/// Factors a symmetric matrix; `None` if it is not positive.
pub(crate) fn factor(matrix: &Array2<f64>) -> Option<Factors> {
    let n = matrix.nrows();
    let flipped = Array2::from_shape_fn((n, n), |(i, j)| matrix[(n - 1 - i, n - 1 - j)]);
    let lower = cholesky(flipped.view())?;
    // P·H·P = L·Lᵀ with P the reversal, so H = U·Uᵀ with U = P·L·P, and M = D^-½·Uᵀ.
    let mut m = Array2::<f32>::zeros((n, n));
    let mut d = vec![0.0; n];
    for j in 0..n {
        let diagonal = lower[(n - 1 - j, n - 1 - j)];
        d[j] = diagonal * diagonal;
        for i in 0..j {
            m[(j, i)] = (lower[(n - 1 - i, n - 1 - j)] / diagonal) as f32;
        }
    }
    Some(Factors { m, d })
}

/// Rows that are finished before the rest of the matrix is brought up to date.
const BLOCK: usize = 48;

/// The lower triangle `L` with `L·Lᵀ` the matrix, block by block; `None` if the matrix is not positive.
pub(crate) fn cholesky(matrix: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    let n = matrix.nrows();
    let mut lower = matrix.as_standard_layout().into_owned();
    let mut start = 0;
    while start < n {
        let end = (start + BLOCK).min(n);
        for j in start..end {
            let mut diagonal = lower[(j, j)];
            for k in start..j {
                diagonal -= lower[(j, k)] * lower[(j, k)];
            }
            if !(diagonal > 0.0 && diagonal.is_finite()) {
                return None;
            }
            let diagonal = diagonal.sqrt();
            lower[(j, j)] = diagonal;
            for i in j + 1..n {
                let mut sum = lower[(i, j)];
                for k in start..j {
                    sum -= lower[(i, k)] * lower[(j, k)];
                }
                lower[(i, j)] = sum / diagonal;
            }
        }
        let below = lower.view_mut().split_at(Axis(0), end).1;
        let (done, mut rest) = below.split_at(Axis(1), end);
        let panel = done.split_at(Axis(1), start).1;
        let product = panel.dot(&panel.t());
        rest -= &product;
        start = end;
    }
    for j in 0..n {
        for i in 0..j {
            lower[(i, j)] = 0.0;
        }
    }
    Some(lower)
}

/// Solves `X·H = B` for the rows of `X`, `H = L·Lᵀ`. Rows of `B` become those of `X`.
pub(crate) fn solve(lower: &Array2<f64>, right: &mut Array2<f64>) {
    let n = lower.nrows();
    let upper = lower.t().as_standard_layout().into_owned();
    for mut row in right.rows_mut() {
        let Some(row) = row.as_slice_mut() else { continue };
        // x·L·Lᵀ = b: y·Lᵀ = b forwards, x·L = y backwards.
        for i in 0..n {
            let value = row[i] / lower[(i, i)];
            row[i] = value;
            let factors = &upper.row(i).to_slice().unwrap_or_default()[i + 1..];
            for (rest, factor) in row[i + 1..].iter_mut().zip(factors) {
                *rest -= value * factor;
            }
        }
        for i in (0..n).rev() {
            let value = row[i] / lower[(i, i)];
            row[i] = value;
            let factors = &lower.row(i).to_slice().unwrap_or_default()[..i];
            for (rest, factor) in row[..i].iter_mut().zip(factors) {
                *rest -= value * factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A positive matrix: X·Xᵀ and something on the diagonal.
    fn positive(n: usize) -> Array2<f64> {
        let x = Array2::from_shape_fn((n, n), |(i, j)| ((i * 31 + j * 17) % 23) as f64 / 23.0 - 0.4);
        x.dot(&x.t()) + Array2::<f64>::eye(n) * 0.5
    }

    #[test]
    fn factors_multiply_back() {
        for n in [1, 5, 48, 49, 130] {
            let matrix = positive(n);
            let lower = cholesky(matrix.view()).expect("it is positive");
            assert!((&lower.dot(&lower.t()) - &matrix).iter().all(|e| e.abs() < 1e-9), "{n}");
            let Factors { m, d } = factor(&matrix).expect("it is positive");
            let m = m.mapv(f64::from) + Array2::<f64>::eye(n);
            let back = m.t().dot(&(&m * &ndarray::Array1::from(d).insert_axis(ndarray::Axis(1))));
            assert!((&back - &matrix).iter().all(|e| e.abs() < 1e-4), "{n}");
        }
        assert!(cholesky((-positive(3)).view()).is_none());
    }

    #[test]
    fn solutions_solve() {
        let matrix = positive(60);
        let wanted = Array2::from_shape_fn((3, 60), |(i, j)| (i + j) as f64 % 7.0 - 3.0);
        let mut rows = wanted.dot(&matrix);
        solve(&cholesky(matrix.view()).expect("it is positive"), &mut rows);
        assert!((&rows - &wanted).iter().all(|e| e.abs() < 1e-8));
    }
}
