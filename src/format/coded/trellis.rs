//! What an integer `k` of the stream stands for.
//!
//! Plain: for itself. In dependent quantisation there are two quantisers, both with a step of 2:
//!
//! | quantiser | `k` = 0 | 1 | 2 | 3 | weight |
//! |---|---|---|---|---|---|
//! | 0 | 0 | 2 | 4 | 6 | `2k` |
//! | 1 | 0 | 1 | 3 | 5 | `2k − sgn(k)` |
//!
//! Together they reach every integer, and a state that follows the parity of `k` says which is next. So the
//! weights lie as densely in space as with a step of about 1 and cost as many bits as with one of 2; an
//! encoder searches the best path (Viterbi). A row begins in state 0.

/// How many states follow the parities: 1 is plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trellis {
    /// A weight is `k`.
    #[default]
    Plain,
    /// Four states.
    Four,
    /// Eight states.
    Eight,
}

/// The next state for an even and for an odd `k`; quantiser 1 is that of states 2 and 3.
const FOUR: [[u8; 2]; 4] = [[0, 2], [2, 0], [1, 3], [3, 1]];
/// As [`FOUR`]; quantiser 1 is that of odd states.
const EIGHT: [[u8; 2]; 8] = [[0, 2], [5, 7], [1, 3], [6, 4], [2, 0], [4, 6], [3, 1], [7, 5]];

impl Trellis {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Four, Self::Eight];

    /// Number of states: 1, 4 or 8.
    pub const fn states(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The trellis with so many states.
    pub fn with_states(states: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|trellis| trellis.states() == states)
    }

    /// Quantiser of a state: 0 or 1.
    #[inline]
    pub const fn quantiser(self, state: usize) -> usize {
        match self {
            Self::Plain => 0,
            Self::Four => state >> 1 & 1,
            Self::Eight => state & 1,
        }
    }

    /// The state behind a `k`.
    #[inline]
    pub const fn next(self, state: usize, k: i32) -> usize {
        let odd = (k & 1) as usize;
        match self {
            Self::Plain => 0,
            Self::Four => FOUR[state & 3][odd] as usize,
            Self::Eight => EIGHT[state & 7][odd] as usize,
        }
    }

    /// The weight that `k` stands for in a state, which may be outside of what a weight may be.
    #[inline]
    pub const fn weight(self, state: usize, k: i32) -> i32 {
        match self {
            Self::Plain => k,
            _ => 2 * k - k.signum() * self.quantiser(state) as i32,
        }
    }

    /// The `k` nearest to 0 that can stand for a weight, whatever the state. A weight that this state cannot
    /// reach is not [`weight`](Self::weight) of it.
    #[inline]
    pub const fn index(self, weight: i32) -> i32 {
        match self {
            Self::Plain => weight,
            _ => (weight + weight.signum()) / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_of_a_quantiser_is_reached_once() {
        for trellis in Trellis::ALL {
            for state in 0..trellis.states() {
                for k in -64..=64 {
                    let weight = trellis.weight(state, k);
                    assert_eq!(trellis.index(weight), k);
                    assert!(trellis.next(state, k) < trellis.states());
                }
            }
        }
    }

    /// What makes a trellis good: the two ways out of a state part, every state has two ways in, and half of
    /// the states have each quantiser.
    #[test]
    fn the_states_are_a_trellis() {
        for trellis in [Trellis::Four, Trellis::Eight] {
            let states = 0..trellis.states();
            let mut ways_in = [0; 8];
            for state in states.clone() {
                assert_ne!(trellis.next(state, 0), trellis.next(state, 1));
                ways_in[trellis.next(state, 0)] += 1;
                ways_in[trellis.next(state, 1)] += 1;
            }
            assert!(ways_in[..trellis.states()].iter().all(|ways| *ways == 2));
            assert_eq!(states.map(|state| trellis.quantiser(state)).sum::<usize>(), trellis.states() / 2);
        }
    }
}
