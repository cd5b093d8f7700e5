//! The order of the steps and how long each buffer is in use.
//!
//! Deterministic: the same graph gives the same order on every machine. Two orders are tried, the one of
//! the file and a greedy one that prefers the step after which the least memory is in use; the one with
//! the lower peak wins, the file's order on a tie.

use crate::graph::{Graph, Op, TensorId};
use std::collections::BTreeSet;

/// A buffer's size and the steps between which it is in use, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub tensor: TensorId,
    pub bytes: u64,
    pub first: usize,
    pub last: usize,
    /// The buffer whose place this one takes: bytes made of floats, in their last step.
    pub takes: Option<usize>,
}

/// The steps in order, and the buffers that they use in order of first use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Indices of nodes.
    pub order: Vec<usize>,
    pub buffers: Vec<Lifetime>,
}

/// Orders the nodes of a graph without concatenations.
pub(crate) fn schedule(graph: &Graph) -> Schedule {
    let given: Vec<usize> = (0..graph.nodes.len()).collect();
    let given = Schedule { buffers: lifetimes(graph, &given), order: given };
    let order = greedy(graph);
    let greedy = Schedule { buffers: lifetimes(graph, &order), order };
    if peak(&greedy) < peak(&given) { greedy } else { given }
}

/// The most bytes in use at one step: no layout can do with less.
pub(crate) fn peak(schedule: &Schedule) -> u64 {
    let mut change = vec![0i128; schedule.order.len() + 1];
    for buffer in &schedule.buffers {
        // One that takes another's place is no larger, and needs nothing yet while that is there.
        let first = buffer.first + usize::from(buffer.takes.is_some());
        change[first] += i128::from(buffer.bytes);
        change[buffer.last + 1] -= i128::from(buffer.bytes);
    }
    let mut used = 0;
    change
        .iter()
        .map(|step| {
            used += step;
            used
        })
        .max()
        .unwrap_or(0) as u64
}

/// Bytes of a tensor's memory.
fn bytes(graph: &Graph, tensor: TensorId) -> u64 {
    graph.tensors[tensor].shape.values() as u64 * graph.tensors[tensor].element.bytes()
}

/// The buffers in use when the nodes run in `order`. The input is in use from the first step on, the
/// output until the last.
fn lifetimes(graph: &Graph, order: &[usize]) -> Vec<Lifetime> {
    let mut at: Vec<Option<usize>> = vec![None; graph.tensors.len()];
    let mut buffers = Vec::new();
    let mut use_at = |tensor: TensorId, step: usize| {
        let root = graph.root(tensor).0;
        let index = *at[root].get_or_insert_with(|| {
            let bytes = bytes(graph, root);
            buffers.push(Lifetime { tensor: root, bytes, first: step, last: step, takes: None });
            buffers.len() - 1
        });
        buffers[index].last = step;
    };
    use_at(graph.input, 0);
    for (step, &node) in order.iter().enumerate() {
        for &input in &graph.nodes[node].inputs {
            use_at(input, step);
        }
        use_at(graph.nodes[node].output, step);
    }
    use_at(graph.output, order.len().saturating_sub(1));
    for (step, &node) in order.iter().enumerate() {
        let node = &graph.nodes[node];
        let (Op::Quantize(_), &[input]) = (&node.op, node.inputs.as_slice()) else { continue };
        // Both whole buffers, and nobody else there in this step.
        let whole = [input, node.output].iter().all(|&tensor| graph.tensors[tensor].place.is_none());
        if let (true, Some(from), Some(to)) = (whole, at[input], at[node.output])
            && buffers[from].last == step
            && buffers[to].first == step
            && buffers[to].last > step
        {
            buffers[to].takes = Some(from);
        }
    }
    buffers
}

/// Lists the nodes so that after each step as little memory as possible is in use.
fn greedy(graph: &Graph) -> Vec<usize> {
    let count = graph.nodes.len();
    let roots: Vec<TensorId> = (0..graph.tensors.len()).map(|tensor| graph.root(tensor).0).collect();
    let waits = dependencies(graph);
    let mut waited_for = vec![Vec::new(); count];
    for (node, before) in waits.iter().enumerate() {
        for &earlier in before {
            waited_for[earlier].push(node);
        }
    }
    let mut missing: Vec<usize> = waits.iter().map(Vec::len).collect();
    // How many nodes still read each buffer.
    let mut readers = vec![0usize; graph.tensors.len()];
    for &input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        readers[roots[input]] += 1;
    }
    readers[roots[graph.output]] += 1;
    let mut live = vec![false; graph.tensors.len()];
    live[graph.input] = true;

    let mut ready: BTreeSet<usize> = (0..count).filter(|&node| missing[node] == 0).collect();
    let mut order = Vec::with_capacity(count);
    while !ready.is_empty() {
        // What the step adds, less what it is the last to read. Ties go to the file's order.
        let growth = |node: usize| {
            let node = &graph.nodes[node];
            let output = roots[node.output];
            let added = if live[output] { 0 } else { bytes(graph, output) as i128 };
            let mut inputs: Vec<TensorId> = node.inputs.iter().map(|&input| roots[input]).collect();
            inputs.sort_unstable();
            let freed = inputs.chunk_by(|a, b| a == b).filter(|same| readers[same[0]] == same.len());
            added - freed.map(|same| bytes(graph, same[0]) as i128).sum::<i128>()
        };
        let Some(next) = ready.iter().copied().min_by_key(|&node| growth(node)) else { break };
        ready.remove(&next);
        order.push(next);
        live[roots[graph.nodes[next].output]] = true;
        for &input in &graph.nodes[next].inputs {
            readers[roots[input]] -= 1;
        }
        for &later in &waited_for[next] {
            missing[later] -= 1;
            if missing[later] == 0 {
                ready.insert(later);
            }
        }
    }
    order
}

/// For each node, the nodes that write what it reads.
fn dependencies(graph: &Graph) -> Vec<Vec<usize>> {
    let producers = graph.producers();
    let mut pieces = vec![Vec::new(); graph.tensors.len()];
    for (id, tensor) in graph.tensors.iter().enumerate() {
        if let Some(place) = tensor.place {
            pieces[place.parent].push(id);
        }
    }
    let writers = |tensor: TensorId| {
        let (mut found, mut open) = (Vec::new(), vec![tensor]);
        while let Some(tensor) = open.pop() {
            match producers[tensor] {
                Some(node) => found.push(node),
                None => open.extend(&pieces[tensor]),
            }
        }
        found
    };
    let of_node = |inputs: &[TensorId]| {
        let mut before: Vec<usize> = inputs.iter().flat_map(|&input| writers(input)).collect();
        before.sort_unstable();
        before.dedup();
        before
    };
    graph.nodes.iter().map(|node| of_node(&node.inputs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes;
    use crate::passes::testing::{Builder, names};

    #[test]
    fn buffers_live_from_first_write_to_last_read() {
        let mut builder = Builder::new(2, 2, 4);
        let input = builder.input();
        let squeeze = builder.conv("squeeze", input, 2, 1);
        let one = builder.conv("one", squeeze, 3, 1);
        let three = builder.conv("three", squeeze, 5, 3);
        let concat = builder.add("concat", Op::Concat, &[one, three]);
        let last = builder.conv("last", concat, 1, 1);
        let mut graph = builder.finish();
        passes::run(&mut graph);
        let plan = schedule(&graph);
        assert_eq!(plan.order, [0, 1, 2, 3]);
        let buffer = |tensor, channels: u64, first, last| Lifetime {
            tensor,
            bytes: channels * 16,
            first,
            last,
            takes: None,
        };
        let expected = [
            buffer(input, 4, 0, 0),
            buffer(squeeze, 2, 0, 2),
            buffer(concat, 8, 1, 3),
            buffer(last, 1, 3, 3),
        ];
        assert_eq!(plan.buffers, expected);
        assert_eq!(peak(&plan), 160);
    }

    #[test]
    fn a_wide_branch_waits_until_it_is_needed() {
        // In the file's order both wide maps stand in memory together; one after the other is enough.
        let mut builder = Builder::new(4, 4, 2);
        let input = builder.input();
        let wide_a = builder.conv("wide a", input, 64, 1);
        let wide_b = builder.conv("wide b", input, 64, 1);
        let a = builder.conv("a", wide_a, 1, 1);
        let b = builder.conv("b", wide_b, 1, 1);
        builder.add("concat", Op::Concat, &[a, b]);
        let mut graph = builder.finish();
        passes::run(&mut graph);
        let plan = schedule(&graph);
        let order: Vec<&str> = plan.order.iter().map(|&node| names(&graph)[node]).collect();
        assert_eq!(order, ["wide a", "a", "wide b", "b"]);
        assert_eq!(peak(&plan), (2 + 64 + 2) * 64);
    }

    #[test]
    fn the_input_may_be_the_only_buffer_but_the_output_is_another() {
        let mut graph = Builder::new(1, 1, 3).finish();
        passes::run(&mut graph);
        let plan = schedule(&graph);
        assert_eq!((plan.order.len(), plan.buffers.len()), (1, 2));
    }
}
