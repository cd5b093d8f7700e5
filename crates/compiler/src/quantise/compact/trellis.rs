//! Rounding along a row of weights: the path through a trellis that costs least in error and in bits.
//!
//! What a column's rounding leaves over, the later columns make up for (GPTQ, arXiv 2210.17323), each path
//! its own. With one state it is GPTQ with an eye on the bits; with more, the parity of each code decides
//! which grid the next weight is rounded on, as dependent quantisation does in VVC.

use super::linear::Factors;
use super::rate::Rates;

/// The machine that decides on the grid of each weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// For each state, the next after an even and after an odd code.
    pub next: &'static [[u8; 2]],
    /// For each state, which of the two grids it rounds on.
    pub class: &'static [u8],
}

/// Each weight by itself: code and integer are the same.
pub(crate) const SCALAR: Machine = Machine { next: &[[0, 0]], class: &[0] };
/// Four states.
pub(crate) const FOUR: Machine = Machine { next: &[[0, 2], [2, 0], [1, 3], [3, 1]], class: &[0, 0, 1, 1] };
/// Eight states.
pub(crate) const EIGHT: Machine = Machine {
    next: &[[0, 2], [5, 7], [1, 3], [6, 4], [2, 0], [4, 6], [3, 1], [7, 5]],
    class: &[0, 1, 0, 1, 0, 1, 0, 1],
};

impl Machine {
    /// The integer that a code stands for in a state.
    pub fn value(&self, state: u8, code: i32) -> i32 {
        if self.next.len() == 1 {
            code
        } else {
            2 * code - code.signum() * i32::from(self.class[usize::from(state)])
        }
    }

    /// The codes of a row of integers with the state of each; `None` if no path goes there.
    #[cfg(test)]
    pub fn codes(&self, values: &[i8]) -> Option<Vec<i32>> {
        let mut state = 0u8;
        let mut codes = Vec::with_capacity(values.len());
        for &value in values {
            let value = i32::from(value);
            let code = match self.next.len() {
                1 => value,
                _ => (value + value.signum() * i32::from(self.class[usize::from(state)])) / 2,
            };
            if self.value(state, code) != value {
                return None;
            }
            codes.push(code);
            state = self.next[usize::from(state)][(code & 1) as usize];
        }
        Some(codes)
    }
}

/// Columns whose errors are carried to all later ones at once.
const BLOCK: usize = 32;
/// Paths that are followed side by side.
const LANES: usize = 8;

/// What all rows of a layer have in common.
pub(crate) struct Rounding<'a> {
    pub machine: Machine,
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
        let (n, states) = (row.len(), self.machine.next.len());
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
                    let class = self.machine.class[state];
                    for candidate in candidates(target, states == 1, class) {
                        let value = self.machine.value(state as u8, candidate);
                        let miss = target - value as f32;
                        let total = cost[state]
                            + self.weight[j] * miss * miss
                            + self.lambda * self.rates.bits(class, candidate);
                        let next = usize::from(self.machine.next[state][(candidate & 1) as usize]);
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
            integers[j] = self.machine.value(parent, code.into()) as i8;
            codes.push((self.machine.class[usize::from(parent)], code));
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
