//! Convolution of 3×3 taps at stride 1 through products of transformed tiles: the contract that every
//! instruction set keeps, and the text that they share.
//!
//! F(m×m, 3×3) (Lavin and Gray, arXiv 1509.09308): a patch of `m + 2` by `m + 2` input pixels is transformed
//! along both sides, multiplied point by point with transformed weights, and transformed back to `m` by `m`
//! outputs. Between the transformations there are `(m + 2)²` small matrix products. A transformation along
//! one side evaluates polynomials at the points of [`A`] and [`B`], at 0 and at infinity.

use super::lanes::Lanes;
use crate::format::Clamp;
use crate::kernels::gemm::{MAX_COLUMNS, PADDING};

/// Points of F(4×4, 3×3): 0, ±A, ±B and infinity. With these the largest error is a quarter of that of the
/// usual 1 and 2 (measured), and every constant made of them is exact in `f32`.
const A: f32 = 0.625;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;

/// Most points of a tile.
pub(crate) const MAX_POINTS: usize = 36;

/// Patches to be transformed.
pub(crate) struct Patches<'a> {
    /// What the offsets point into.
    pub input: &'a [f32],
    /// At least `channels` zeros, read for pixels in the padding.
    pub zeros: &'a [f32],
    /// `[patch][point]`: where the pixel begins, or [`PADDING`].
    pub offsets: &'a [u32],
    /// Values of a pixel.
    pub channels: usize,
    /// `[point][patch][channel]`.
    pub out: &'a mut [f32],
}

/// The products of some patches with one panel of transformed weights.
pub(crate) struct Products<'a> {
    /// `[point][patch][channel]`.
    pub left: &'a [f32],
    /// `[point][channel][column]`.
    pub panel: &'a [f32],
    pub points: usize,
    pub patches: usize,
    pub channels: usize,
    /// `[point][patch][column]`.
    pub out: &'a mut [f32],
}

/// Where the outputs of a patch go, and how many of them there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corner {
    /// Where row 0, column 0 goes.
    pub at: usize,
    /// Rows to store, 1 to the tile's.
    pub rows: usize,
    /// Pixels of a row to store, 1 to the tile's.
    pub columns: usize,
}

/// Products to be transformed back.
pub(crate) struct Tiles<'a> {
    /// `[point][patch][column]`.
    pub products: &'a [f32],
    /// One a patch.
    pub corners: &'a [Corner],
    /// One a column.
    pub bias: &'a [f32],
    pub clamp: Clamp,
    /// Channels to store, 1 to the panel's columns. Nothing behind them is touched.
    pub channels: usize,
    pub out: &'a mut [f32],
    /// Distance in values between two pixels of `out`.
    pub stride: usize,
    /// Distance in values between two rows of `out`.
    pub pitch: usize,
}

/// The kernels of one tile size.
#[derive(Debug)]
pub(crate) struct Winograd {
    /// Type, operation, tile of the products and instruction set, as in `f32-winograd4-6x16-avx2`.
    pub name: &'static str,
    /// Outputs of a tile along one side.
    pub tile: usize,
    /// Patches that are multiplied at a time.
    pub rows: usize,
    /// Columns of a panel.
    pub columns: usize,
    /// # Safety
    /// The CPU has the instruction set, and the operands have passed [`Winograd::transform`]'s check.
    pub(super) input: unsafe fn(&mut Patches<'_>),
    /// # Safety
    /// As above, [`Winograd::multiply`]'s.
    pub(super) products: unsafe fn(&mut Products<'_>),
    /// # Safety
    /// As above, [`Winograd::finish`]'s.
    pub(super) output: unsafe fn(&mut Tiles<'_>),
}

/// A product of lengths; one that does not fit in a `usize` fits in no slice either.
fn product(lengths: [usize; 3]) -> usize {
    lengths.iter().fold(1, |product: usize, &length| product.saturating_mul(length))
}

impl Winograd {
    /// Points of a patch along one side.
    pub fn side(&self) -> usize {
        self.tile + 2
    }

    /// Points of a patch.
    pub fn points(&self) -> usize {
        self.side() * self.side()
    }

    /// Transforms patches of the input.
    pub fn transform(&self, mut patches: Patches<'_>) {
        let Patches { input, zeros, offsets, channels, ref out } = patches;
        let last = input.len().checked_sub(channels);
        let inside = |&offset: &u32| offset == PADDING || last.is_some_and(|last| offset as usize <= last);
        let fits = offsets.len().is_multiple_of(self.points())
            && offsets.iter().all(inside)
            && zeros.len() >= channels
            && out.len() >= product([offsets.len(), channels, 1]);
        assert!(fits, "patches of {} do not fit together", self.name);
        // SAFETY: the operands have just been checked, and a `Winograd` is reached only through `Kernels::of`,
        // which has asked the CPU for the instruction set.
        unsafe { (self.input)(&mut patches) }
    }

    /// Multiplies transformed patches with a panel.
    pub fn multiply(&self, mut products: Products<'_>) {
        let Products { left, panel, points, patches, channels, ref out } = products;
        let fits = left.len() >= product([points, patches, channels])
            && panel.len() >= product([points, channels, self.columns])
            && out.len() >= product([points, patches, self.columns]);
        assert!(fits, "products of {} do not fit together", self.name);
        // SAFETY: the operands have just been checked; for the instruction set see `transform`.
        unsafe { (self.products)(&mut products) }
    }

    /// Transforms products back, adds the bias and stores the outputs.
    pub fn finish(&self, mut tiles: Tiles<'_>) {
        let Tiles { products, corners, bias, channels, stride, pitch, ref out, .. } = tiles;
        let inside = |corner: &Corner| {
            let reach = corner.rows.checked_sub(1)?.checked_mul(pitch)?;
            let reach = reach.checked_add(corner.columns.checked_sub(1)?.checked_mul(stride)?)?;
            let end = reach.checked_add(corner.at)?.checked_add(channels)?;
            (end <= out.len() && corner.rows <= self.tile && corner.columns <= self.tile).then_some(())
        };
        let fits = products.len() >= product([self.points(), corners.len(), self.columns])
            && corners.iter().all(|corner| inside(corner).is_some())
            && (1..=self.columns).contains(&channels)
            && bias.len() >= self.columns;
        assert!(fits, "tiles of {} do not fit together", self.name);
        // SAFETY: the operands have just been checked; for the instruction set see `transform`.
        unsafe { (self.output)(&mut tiles) }
    }

    /// The transformed weights of some output channels for one input channel: from `[tap][column]`, 3×3 taps in
    /// rows, to `[point][column]`.
    pub fn weights(&self, taps: &[Row<f32>; 9]) -> [Row<f32>; MAX_POINTS] {
        let (side, tile) = (self.side(), self.tile);
        // In f64, so that what is stored is rounded once.
        let taps = taps.map(|row| row.map(f64::from));
        let mut half = [[[0.0; MAX_COLUMNS]; 3]; 6];
        for x in 0..3 {
            let line = weight_line(tile, [&taps[x], &taps[3 + x], &taps[6 + x]]);
            for (half, row) in half.iter_mut().zip(line) {
                half[x] = row;
            }
        }
        let mut out = [[0.0; MAX_COLUMNS]; MAX_POINTS];
        for ([left, middle, right], out) in half.iter().zip(out.chunks_exact_mut(side)) {
            for (out, row) in out.iter_mut().zip(weight_line(tile, [left, middle, right])) {
                *out = row.map(|value| value as f32);
            }
        }
        out
    }
}

/// A value for each column of a panel.
type Row<T> = [T; MAX_COLUMNS];

/// The transformation of three taps along one side; with four points, the last two rows are of no use.
fn weight_line(tile: usize, taps: [&Row<f64>; 3]) -> [Row<f64>; 6] {
    let (a2, b2) = (f64::from(A2), f64::from(B2));
    let (of_a, of_b) = (2.0 * a2 * (a2 - b2), 2.0 * b2 * (b2 - a2));
    // A point and what its value is divided by: the product of its distances from the other points.
    let points = match tile {
        2 => [(0.0, 1.0), (1.0, 2.0), (-1.0, 2.0), (0.0, 1.0), (0.0, 1.0)],
        _ => [(0.0, a2 * b2), (A, of_a), (-A, of_a), (B, of_b), (-B, of_b)],
    };
    let mut line = [[0.0; MAX_COLUMNS]; 6];
    for (row, (point, divisor)) in line.iter_mut().zip(points) {
        let factors =
            [1.0, f64::from(point), f64::from(point) * f64::from(point)].map(|power| power / divisor);
        for (column, value) in row.iter_mut().enumerate() {
            *value = (0..3).map(|tap| taps[tap][column] * factors[tap]).sum();
        }
    }
    // Infinity: the last tap alone.
    line[tile + 1] = *taps[2];
    line
}

/// The transformation of an input line of `N` pixels.
///
/// # Safety
/// The CPU has the lanes' instruction set.
#[inline(always)]
unsafe fn input_line<L: Lanes, const N: usize>(d: [L; N]) -> [L; N] {
    let mut t = d;
    // SAFETY: the caller's promise.
    unsafe {
        if N == 4 {
            t[0] = d[0].sub(d[2]);
            t[1] = d[1].add(d[2]);
            t[2] = d[2].sub(d[1]);
            t[3] = d[3].sub(d[1]);
        } else {
            let (ab, sum) = (L::splat(A2 * B2), L::splat(-(A2 + B2)));
            t[0] = d[0].mul_add(ab, d[2].mul_add(sum, d[4]));
            t[5] = d[1].mul_add(ab, d[3].mul_add(sum, d[5]));
            for (at, point, other) in [(1, A, B2), (3, B, A2)] {
                let even = d[2].mul_add(L::splat(-other), d[4]);
                let odd = d[1].mul_add(L::splat(-other), d[3]);
                t[at] = odd.mul_add(L::splat(point), even);
                t[at + 1] = odd.mul_add(L::splat(-point), even);
            }
        }
    }
    t
}

/// The transformation of a line of `N` products; the last two values of the result are of no use.
///
/// # Safety
/// The CPU has the lanes' instruction set.
#[inline(always)]
unsafe fn output_line<L: Lanes, const N: usize>(m: [L; N]) -> [L; N] {
    let mut y = m;
    // SAFETY: the caller's promise.
    unsafe {
        if N == 4 {
            y[0] = m[0].add(m[1].add(m[2]));
            y[1] = m[1].sub(m[2]).add(m[3]);
        } else {
            let (a_even, a_odd) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (b_even, b_odd) = (m[3].add(m[4]), m[3].sub(m[4]));
            let at = |power: f32| L::splat(power);
            y[0] = m[0].add(a_even.add(b_even));
            y[1] = a_odd.mul_add(at(A), b_odd.mul_add(at(B), at(0.0)));
            y[2] = a_even.mul_add(at(A2), b_even.mul_add(at(B2), at(0.0)));
            y[3] = a_odd.mul_add(at(A2 * A), b_odd.mul_add(at(B2 * B), m[5]));
        }
    }
    y
}

/// Transforms patches of `N` by `N` pixels.
///
/// # Safety
/// The CPU has the lanes' instruction set, and the patches have passed [`Winograd::transform`].
#[inline(always)]
pub(super) unsafe fn transform<L: Lanes, const N: usize>(patches: &mut Patches<'_>) {
    let Patches { input, zeros, offsets, channels, ref mut out } = *patches;
    let count = offsets.len() / (N * N);
    for (patch, offsets) in offsets.chunks_exact(N * N).enumerate() {
        let mut from = [[zeros.as_ptr(); N]; N];
        for (from, &offset) in from.as_flattened_mut().iter_mut().zip(offsets) {
            if offset != PADDING {
                // SAFETY: a checked offset has `channels` values behind it.
                *from = unsafe { input.as_ptr().add(offset as usize) };
            }
        }
        let whole = channels - channels % L::COUNT;
        // SAFETY: `whole` is at most `channels`: so many values stand behind each pointer, and `out` has room
        // for them at every point of every patch.
        unsafe {
            let to = out.as_mut_ptr().add(patch * channels);
            for channel in (0..whole).step_by(L::COUNT) {
                patch_lanes::<L, N>(&from, channel, to.add(channel), count * channels);
            }
            for channel in whole..channels {
                patch_lanes::<f32, N>(&from, channel, to.add(channel), count * channels);
            }
        }
    }
}

/// Transforms some channels of one patch; the points go `pitch` values apart.
///
/// # Safety
/// The CPU has the lanes' instruction set; as many values stand behind each pointer, and in `to` at each point.
#[inline(always)]
unsafe fn patch_lanes<L: Lanes, const N: usize>(
    from: &[[*const f32; N]; N],
    channel: usize,
    to: *mut f32,
    pitch: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut half = [[L::splat(0.0); N]; N];
        for column in 0..N {
            let mut line = [L::splat(0.0); N];
            for row in 0..N {
                line[row] = L::load(from[row][column].add(channel));
            }
            let line = input_line(line);
            for row in 0..N {
                half[row][column] = line[row];
            }
        }
        for row in 0..N {
            let line = input_line(half[row]);
            for column in 0..N {
                line[column].store(to.add((row * N + column) * pitch));
            }
        }
    }
}

/// Products in tiles of up to `R` patches and `V` vectors of columns.
///
/// # Safety
/// The CPU has the lanes' instruction set, and the products have passed [`Winograd::multiply`] for panels of
/// `V` vectors.
#[inline(always)]
pub(super) unsafe fn multiply<L: Lanes, const R: usize, const V: usize>(products: &mut Products<'_>) {
    let Products { left, panel, points, patches, channels, ref mut out } = *products;
    let columns = V * L::COUNT;
    for point in 0..points {
        let mut patch = 0;
        while patch < patches {
            let rows = (patches - patch).min(R);
            // SAFETY: the checked slices hold every point, patch, channel and column.
            unsafe {
                let left = left.as_ptr().add((point * patches + patch) * channels);
                let panel = panel.as_ptr().add(point * channels * columns);
                let to = out.as_mut_ptr().add((point * patches + patch) * columns);
                // A constant count keeps the sums in registers.
                match rows {
                    1 => rows_lanes::<L, 1, V>(left, panel, channels, to),
                    2 => rows_lanes::<L, 2, V>(left, panel, channels, to),
                    3 => rows_lanes::<L, 3, V>(left, panel, channels, to),
                    4 => rows_lanes::<L, 4, V>(left, panel, channels, to),
                    5 if R > 5 => rows_lanes::<L, 5, V>(left, panel, channels, to),
                    6 if R > 6 => rows_lanes::<L, 6, V>(left, panel, channels, to),
                    7 if R > 7 => rows_lanes::<L, 7, V>(left, panel, channels, to),
                    _ => rows_lanes::<L, R, V>(left, panel, channels, to),
                }
            }
            patch += rows;
        }
    }
}

/// One tile of products.
///
/// # Safety
/// The CPU has the lanes' instruction set; `left` holds `R` rows of `channels` values, `panel` so many rows of
/// `V` vectors, and `to` has room for `R` of them.
#[inline(always)]
unsafe fn rows_lanes<L: Lanes, const R: usize, const V: usize>(
    left: *const f32,
    mut panel: *const f32,
    channels: usize,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        for channel in 0..channels {
            let mut weights = [L::splat(0.0); V];
            for (v, weights) in weights.iter_mut().enumerate() {
                *weights = L::load(panel.add(v * L::COUNT));
            }
            // The same row of the next point, which is of use when this point is done.
            L::prefetch(panel.wrapping_add(channels * V * L::COUNT));
            panel = panel.add(V * L::COUNT);
            for r in 0..R {
                let value = L::splat(*left.add(r * channels + channel));
                for v in 0..V {
                    sums[r][v] = value.mul_add(weights[v], sums[r][v]);
                }
            }
        }
        for r in 0..R {
            for v in 0..V {
                sums[r][v].store(to.add((r * V + v) * L::COUNT));
            }
        }
    }
}

/// Transforms the products of patches of `N` by `N` points back and stores them.
///
/// # Safety
/// The CPU has the lanes' instruction set, and the tiles have passed [`Winograd::finish`] for panels of `V`
/// vectors.
#[inline(always)]
pub(super) unsafe fn finish<L: Lanes, const N: usize, const V: usize>(tiles: &mut Tiles<'_>) {
    let Tiles { products, corners, bias, clamp, channels, ref mut out, stride, pitch } = *tiles;
    let columns = V * L::COUNT;
    for (patch, corner) in corners.iter().enumerate() {
        for first in (0..channels).step_by(L::COUNT) {
            let some = (channels - first).min(L::COUNT);
            // SAFETY: the checked products hold every point, patch and column, the bias every column; the
            // outputs of a corner, so many rows, pixels and channels, lie inside `out`.
            unsafe {
                let from = products.as_ptr().add(patch * columns + first);
                let mut half = [[L::splat(0.0); N]; N];
                for column in 0..N {
                    let mut line = [L::splat(0.0); N];
                    for row in 0..N {
                        line[row] = L::load(from.add((row * N + column) * corners.len() * columns));
                    }
                    let line = output_line(line);
                    for row in 0..N - 2 {
                        half[row][column] = line[row];
                    }
                }
                let (lo, hi) = (L::splat(clamp.lo), L::splat(clamp.hi));
                let bias = L::load(bias.as_ptr().add(first));
                for row in 0..corner.rows {
                    let line = output_line(half[row]);
                    let to = out.as_mut_ptr().add(corner.at + first + row * pitch);
                    for column in 0..N - 2 {
                        if column < corner.columns {
                            let value = line[column].add(bias).clamp(lo, hi);
                            store_some(value, to.add(column * stride), some);
                        }
                    }
                }
            }
        }
    }
}

/// Stores the first `count` values.
///
/// # Safety
/// The CPU has the lanes' instruction set, and so many values, at most [`Lanes::COUNT`], can be written.
#[inline(always)]
unsafe fn store_some<L: Lanes>(value: L, to: *mut f32, count: usize) {
    // SAFETY: the caller's promise; no lanes are more than 16.
    unsafe {
        if count == L::COUNT {
            value.store(to);
        } else {
            let mut values = [0.0; 16];
            value.store(values.as_mut_ptr());
            to.copy_from_nonoverlapping(values.as_ptr(), count);
        }
    }
}
