//! Rounding along a row of weights: the path through a trellis that costs least in error and in bits.
//!
//! What a column's rounding leaves over, the later columns make up for (GPTQ, arXiv 2210.17323), each path
//! its own. With one state it is GPTQ with an eye on the bits; with more, the parity of each code decides
//! which grid the next weight is rounded on, as dependent quantisation does in VVC.

use super::linear::Factors;
use super::rate::Rates;
use wisp::format::coded::Trellis;

/// Columns whose errors are carried to all later ones at once.
const BLOCK: usize = 32;
/// Paths that are followed side by side.
const LANES: usize = 8;

/// What all rows of a layer have in common.
pub(crate) struct Rounding<'a> {
    pub trellis: Trellis,
    pub factors: &'a Factors,
    /// Weight of each column's error: `d` with a mean of 1.
    pub weight: &'a [f32],
    pub rates: &'a Rates,
    /// What a bit costs, in squared steps.
    pub lambda: f32,
}

/// Reused between rows.
#[derive(Default)]
pub(crate) struct Scratch {
    partial: Vec<[f32; LANES]>,
    code: Vec<[i16; LANES]>,
    parent: Vec<[u8; LANES]>,
}

impl Rounding<'_> {
    /// Rounds a row, in steps; returns the integers and adds the codes to `rates`' next histogram.
    pub fn row(&self, row: &[f32], scratch: &mut Scratch, codes: &mut Vec<(u8, i16)>) -> Vec<i8> {
        let (n, states) = (row.len(), self.trellis.states());
        scratch.partial.clear();
        scratch.partial.extend(row.iter().map(|&target| [target; LANES]));
        scratch.code.resize(n, [0; LANES]);
        scratch.parent.resize(n, [0; LANES]);
        let mut cost = [f32::INFINITY; LANES];
        cost[0] = 0.0;
        let mut start = 0;
        while start < n {
            let end = (start + BLOCK).min(n);
            let mut history = [[0f32; LANES]; BLOCK];
            let mut origin: [u8; LANES] = std::array::from_fn(|lane| lane as u8);
            for j in start..end {
                let factors = &self.factors.m.row(j);
                let factors = &factors.to_slice().unwrap_or_default()[start..j];
                let mut carried = [0f32; LANES];
                for (&factor, errors) in factors.iter().zip(&history) {
                    for lane in 0..LANES {
                        carried[lane] += factor * errors[lane];
                    }
                }
                let mut best = [f32::INFINITY; LANES];
                let mut parent = [0u8; LANES];
                let mut code = [0i16; LANES];
                let mut error = [0f32; LANES];
                for state in 0..states {
                    if cost[state] == f32::INFINITY {
                        continue;
                    }
                    let target = scratch.partial[j][usize::from(origin[state])] + carried[state];
                    let class = self.trellis.quantiser(state) as u8;
                    for candidate in candidates(target, states == 1, class) {
                        let value = self.trellis.weight(state, candidate);
                        let miss = target - value as f32;
                        let total = cost[state]
                            + self.weight[j] * miss * miss
                            + self.lambda * self.rates.bits(class, candidate);
                        let next = self.trellis.next(state, candidate);
                        if total < best[next] {
                            best[next] = total;
                            parent[next] = state as u8;
                            code[next] = candidate as i16;
                            error[next] = row[j] - value as f32;
                        }
                    }
                }
                for errors in &mut history[..j - start] {
                    *errors = std::array::from_fn(|lane| errors[usize::from(parent[lane])]);
                }
                history[j - start] = error;
                origin = std::array::from_fn(|lane| origin[usize::from(parent[lane])]);
                cost = best;
                scratch.code[j] = code;
                scratch.parent[j] = parent;
            }
            for j in end..n {
                let factors = self.factors.m.row(j);
                let factors = &factors.to_slice().unwrap_or_default()[start..end];
                let mut carried = [0f32; LANES];
                for (&factor, errors) in factors.iter().zip(&history) {
                    for lane in 0..LANES {
                        carried[lane] += factor * errors[lane];
                    }
                }
                let before = scratch.partial[j];
                scratch.partial[j] =
                    std::array::from_fn(|lane| before[usize::from(origin[lane])] + carried[lane]);
            }
            start = end;
        }
        let mut state = (0..states).min_by(|&a, &b| cost[a].total_cmp(&cost[b])).unwrap_or(0);
        let mut integers = vec![0i8; n];
        let first = codes.len();
        for j in (0..n).rev() {
            let (code, parent) = (scratch.code[j][state], scratch.parent[j][state]);
            integers[j] = self.trellis.weight(parent.into(), code.into()) as i8;
            codes.push((self.trellis.quantiser(parent.into()) as u8, code));
            state = parent.into();
        }
        codes[first..].reverse();
        integers
    }
}

/// Codes worth a look: the two around the target, of which one is even, and zero.
fn candidates(target: f32, scalar: bool, class: u8) -> [i32; 3] {
    // No integer leaves -127..=127.
    let target = target.clamp(-125.0, 125.0);
    let scaled = if scalar {
        target
    } else {
        // On the second grid 0, ±1, ±3: code k stands for 2k ∓ 1.
        let shift = if class == 1 { target.clamp(-1.0, 1.0) } else { 0.0 };
        (target + shift) * 0.5
    };
    let below = scaled.floor();
    [below as i32, below as i32 + 1, 0]
}
