//! Where each buffer lies in the arena: greedy, by size, ahead of time.
//!
//! Buffers that are in use at the same step must not share a byte; all others may. The largest buffer is
//! placed first, each at the lowest place where it fits between those that live with it. Two other orders
//! are tried as well, and the smallest arena wins. Bytes that are made of floats in the floats' last step
//! take their place.

use crate::schedule::Lifetime;
use std::cmp::Reverse;
use wisp::format::ALIGN;

/// The place of each buffer and the size of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Byte offsets, one a buffer in the order given, each a multiple of [`ALIGN`].
    pub offsets: Vec<u64>,
    /// Bytes of the arena.
    pub total: u64,
}

/// Places `buffers`.
pub(crate) fn layout(buffers: &[Lifetime]) -> Layout {
    let steps = |buffer: &Lifetime| (buffer.last - buffer.first + 1) as u64;
    let by_size = order(buffers, |buffer| (Reverse(buffer.bytes), buffer.first));
    let by_area =
        order(buffers, |buffer| (Reverse(buffer.bytes.saturating_mul(steps(buffer))), buffer.first));
    let by_time = order(buffers, |buffer| (buffer.first, Reverse(buffer.bytes)));
    let layouts = [by_size, by_area, by_time].map(|order| place(buffers, &order));
    let [mut best, second, third] = layouts;
    for layout in [second, third] {
        if layout.total < best.total {
            best = layout;
        }
    }
    best
}

/// Indices of `buffers` by `key`; equal ones stay in the order given.
fn order<K: Ord>(buffers: &[Lifetime], key: impl Fn(&Lifetime) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&index| key(&buffers[index]));
    order
}

fn place(buffers: &[Lifetime], order: &[usize]) -> Layout {
    let mut offsets = vec![0; buffers.len()];
    // Indices of the placed buffers by offset.
    let mut placed: Vec<usize> = Vec::with_capacity(buffers.len());
    let mut total = 0;
    for &index in order {
        let buffer = &buffers[index];
        let partner = partner(buffers, index).filter(|partner| placed.contains(partner));
        let taken = partner.map(|partner| offsets[partner]);
        // In the place that it takes or is taken from, if nobody else is there; else as if it were another.
        let offset = match taken
            .filter(|&offset| lowest(buffers, &offsets, &placed, index, offset, partner) == offset)
        {
            Some(offset) => offset,
            None => lowest(buffers, &offsets, &placed, index, 0, None),
        };
        offsets[index] = offset;
        total = total.max(offset + padded(buffer));
        let at = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(at, index);
    }
    Layout { offsets, total }
}

/// The buffer whose place this one takes, or that takes its own.
fn partner(buffers: &[Lifetime], index: usize) -> Option<usize> {
    let taken_by = || buffers.iter().position(|buffer| buffer.takes == Some(index));
    buffers[index].takes.or_else(taken_by)
}

/// The lowest place from `start` on where a buffer fits between those that live with it, but for `partner`.
fn lowest(
    buffers: &[Lifetime],
    offsets: &[u64],
    placed: &[usize],
    index: usize,
    start: u64,
    partner: Option<usize>,
) -> u64 {
    let buffer = &buffers[index];
    let mut offset = start;
    for &other in placed {
        let neighbour = &buffers[other];
        let apart = neighbour.first > buffer.last || buffer.first > neighbour.last;
        if apart || Some(other) == partner || offsets[other] + padded(neighbour) <= offset {
            continue;
        }
        if offsets[other] >= offset + padded(buffer) {
            break;
        }
        offset = offset.max(offsets[other] + padded(neighbour));
    }
    offset
}

fn padded(buffer: &Lifetime) -> u64 {
    buffer.bytes.next_multiple_of(ALIGN as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buffer(bytes: u64, first: usize, last: usize) -> Lifetime {
        Lifetime { tensor: 0, bytes, first, last, takes: None }
    }

    #[test]
    fn a_chain_alternates_between_two_ends() {
        let chain = [buffer(640, 0, 0), buffer(320, 0, 1), buffer(128, 1, 2), buffer(64, 2, 3)];
        let layout = layout(&chain);
        assert_eq!(layout.total, 960);
        assert_eq!(layout.offsets, [0, 640, 0, 128]);
    }

    #[test]
    fn a_gap_is_used() {
        let buffers = [buffer(256, 0, 9), buffer(128, 0, 3), buffer(128, 2, 9), buffer(64, 5, 6)];
        let layout = layout(&buffers);
        assert_eq!(layout.total, 512);
        // The last one fits where the second was.
        assert_eq!(layout.offsets[3], layout.offsets[1]);
    }

    #[test]
    fn bytes_take_the_place_of_their_floats() {
        let buffers = [buffer(256, 0, 0), Lifetime { takes: Some(0), ..buffer(64, 0, 1) }, buffer(192, 1, 2)];
        let layout = layout(&buffers);
        assert_eq!((layout.offsets[0], layout.offsets[1], layout.total), (0, 0, 256));
        // Somebody else lives where the bytes would go: they go elsewhere.
        let buffers = [buffer(256, 0, 0), Lifetime { takes: Some(0), ..buffer(64, 0, 9) }, buffer(512, 0, 9)];
        let Layout { offsets, .. } = super::layout(&buffers);
        let apart = |a: usize, b: usize| {
            offsets[a] + buffers[a].bytes <= offsets[b] || offsets[b] + buffers[b].bytes <= offsets[a]
        };
        assert!(apart(0, 2) && apart(1, 2) && (offsets[0] == offsets[1] || apart(0, 1)), "{offsets:?}");
    }

    #[test]
    fn nothing_takes_nothing() {
        assert_eq!(layout(&[]), Layout { offsets: vec![], total: 0 });
    }

    proptest! {
        #[test]
        fn buffers_that_live_together_share_nothing(
            specs in prop::collection::vec((1u64..5000, 0usize..40, 0usize..12), 1..60)
        ) {
            let buffers: Vec<_> =
                specs.iter().map(|&(bytes, first, steps)| buffer(bytes, first, first + steps)).collect();
            let Layout { offsets, total } = layout(&buffers);
            for (i, a) in buffers.iter().enumerate() {
                prop_assert_eq!(offsets[i] % ALIGN as u64, 0);
                prop_assert!(offsets[i] + a.bytes <= total);
                for (j, b) in buffers.iter().enumerate().take(i) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    prop_assert!(!together || apart, "{i} and {j} overlap");
                }
            }
            let most = (0..60).map(|step| {
                let live = buffers.iter().filter(|buffer| (buffer.first..=buffer.last).contains(&step));
                live.map(padded).sum::<u64>()
            }).max().unwrap_or(0);
            prop_assert!(total >= most);
        }
    }
}
