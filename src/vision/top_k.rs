//! The best classes of a run.

use core::cmp::Ordering;
use heapless::Vec;

/// A class and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Index of the class, from 0.
    pub index: usize,
    /// Its score.
    pub score: f32,
}

/// The `k` best classes (at most `N`), best first. Equal scores keep the order of their indices; what is
/// not a number comes last.
///
/// ```
/// let best = wisp::vision::top_k::<5>(&[0.1, 0.7, 0.2], 2);
/// assert_eq!((best[0].index, best[1].index), (1, 2));
/// ```
pub fn top_k<const N: usize>(scores: &[f32], k: usize) -> Vec<Class, N> {
    let mut best: Vec<Class, N> = Vec::new();
    let k = k.min(N);
    for (index, &score) in scores.iter().enumerate() {
        let class = Class { index, score };
        // The first that the new class beats moves behind it.
        let place = best.iter().position(|other| beats(score, other.score)).unwrap_or(best.len());
        if place >= k {
            continue;
        }
        if best.len() == k {
            best.pop();
        }
        // There is room: fewer than k are left, and k is at most N.
        let _ = best.insert(place, class);
    }
    best
}

fn beats(score: f32, other: f32) -> bool {
    match score.partial_cmp(&other) {
        Some(order) => order == Ordering::Greater,
        None => other.is_nan() && !score.is_nan(),
    }
}
