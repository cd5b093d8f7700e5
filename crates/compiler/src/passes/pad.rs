//! Folds zeros around a picture into the windows that read it.
//!
//! A convolution pads with zeros itself. An average does where pads count; a maximum ignores its pads,
//! which is the same where no value is below zero. Where one reader cannot take the zeros, they are
//! written out by a convolution that copies each channel.

use crate::graph::{Conv, Graph, Op, Pad, TensorId};
use wisp::format::{Clamp, Window};

/// Runs the pass. No [`Op::Pad`] is left after it.
pub fn run(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let Op::Pad(pad) = graph.nodes[index].op else { continue };
        let Some(&input) = graph.nodes[index].inputs.first() else { continue };
        let output = graph.nodes[index].output;
        let readers =
            || (index + 1..graph.nodes.len()).filter(|&at| graph.nodes[at].inputs.contains(&output));
        let non_negative = is_non_negative(graph, input);
        let padded: Option<Vec<(usize, Op)>> =
            readers().map(|at| Some((at, with_pad(&graph.nodes[at].op, pad, non_negative)?))).collect();
        match padded {
            Some(padded) if output != graph.output => {
                for (at, op) in padded {
                    graph.nodes[at].op = op;
                    graph.nodes[at].inputs = vec![input];
                }
            }
            _ => {
                let channels = graph.tensors[input].shape.c;
                graph.nodes[index].op = Op::Conv(copying(pad, channels));
            }
        }
    }
    graph.nodes.retain(|node| !matches!(node.op, Op::Pad(_)));
}

/// `op` on a picture without the zeros of `pad`, if it can stand in for them.
fn with_pad(op: &Op, pad: Pad, non_negative: bool) -> Option<Op> {
    let mut op = op.clone();
    let (window, largest) = match &mut op {
        Op::Conv(conv) | Op::ConvGlobalAverage(conv) => {
            let kernel = conv.window.kernel;
            (&mut conv.window, kernel)
        }
        Op::MaxPool(window) if non_negative => {
            let kernel = window.kernel;
            (window, (kernel.0 - 1, kernel.1 - 1))
        }
        Op::AveragePool { window, include_pad } => {
            let plain = window.pad_start == (0, 0) && window.pad_end == (0, 0);
            if !plain && !*include_pad {
                return None;
            }
            *include_pad = true;
            let kernel = window.kernel;
            (window, (kernel.0 - 1, kernel.1 - 1))
        }
        _ => return None,
    };
    let sum = |own: u16, more: u16, largest: u16| own.checked_add(more).filter(|sum| *sum <= largest);
    let both = |own: (u16, u16), more: (u16, u16)| {
        Some((sum(own.0, more.0, largest.0)?, sum(own.1, more.1, largest.1)?))
    };
    window.pad_start = both(window.pad_start, pad.start)?;
    window.pad_end = both(window.pad_end, pad.end)?;
    Some(op)
}

/// Whether no value of a tensor is below zero, as far as the nodes just before it tell.
fn is_non_negative(graph: &Graph, tensor: TensorId) -> bool {
    let producers = graph.producers();
    let mut open = vec![tensor];
    // Each tensor is looked at once at most: a walk over everything is long enough.
    for _ in 0..graph.tensors.len() {
        let Some(tensor) = open.pop() else { return true };
        let Some(node) = producers[tensor].map(|index| &graph.nodes[index]) else { return false };
        match &node.op {
            Op::Conv(Conv { clamp, .. }) | Op::Clamp(clamp) | Op::Add(clamp) if clamp.lo >= 0.0 => {}
            Op::Softmax => {}
            Op::MaxPool(_) | Op::AveragePool { .. } | Op::Concat | Op::Identity | Op::Copy => {
                open.extend(&node.inputs);
            }
            _ => return false,
        }
    }
    open.is_empty()
}

/// The convolution that copies each channel and puts zeros around it. Its pads must not be larger than
/// its kernel, so the kernel is as large as the pads together, and only one of its taps is 1.
fn copying(pad: Pad, channels: usize) -> Conv {
    // How far the tap stands from the start, and the pads that this takes.
    let along = |start: u16, end: u16| {
        let kernel = start.saturating_add(end).max(1);
        let tap = end.min(kernel - 1);
        (kernel, tap, start + tap, end + (kernel - 1 - tap))
    };
    let rows = along(pad.start.0, pad.end.0);
    let columns = along(pad.start.1, pad.end.1);
    let taps = usize::from(rows.0) * usize::from(columns.0);
    let one = usize::from(rows.1) * usize::from(columns.0) + usize::from(columns.1);
    let mut weight = vec![0.0; channels * taps];
    weight.iter_mut().skip(one).step_by(taps).for_each(|weight| *weight = 1.0);
    let window = Window {
        kernel: (rows.0, columns.0),
        stride: (1, 1),
        pad_start: (rows.2, columns.2),
        pad_end: (rows.3, columns.3),
    };
    Conv {
        window,
        groups: channels,
        weight,
        bias: vec![0.0; channels],
        clamp: Clamp::NONE,
        int8: None,
        dense: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    const PAD: Pad = Pad { start: (1, 0), end: (0, 1) };

    fn window(graph: &Graph, node: usize) -> Window {
        match &graph.nodes[node].op {
            Op::Conv(conv) => conv.window,
            Op::MaxPool(window) | Op::AveragePool { window, .. } => *window,
            other => panic!("{other:?} has no window"),
        }
    }

    #[test]
    fn windows_take_the_zeros() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let relu = builder.relu("relu", input);
        let pad = builder.add("pad", Op::Pad(PAD), &[relu]);
        let conv = builder.conv("conv", pad, 3, 3);
        let plain = Window { kernel: (3, 3), stride: (1, 1), pad_start: (1, 1), pad_end: (1, 1) };
        let max = builder.add("max", Op::MaxPool(plain), &[pad]);
        builder.add("sum", Op::Add(Clamp::NONE), &[conv, max]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["relu", "conv", "max", "sum"]);
        for node in [1, 2] {
            let window = window(&graph, node);
            assert_eq!((window.pad_start, window.pad_end), ((2, 1), (1, 2)), "{node}");
        }
    }

    #[test]
    fn an_average_counts_them() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let pad = builder.add("pad", Op::Pad(PAD), &[input]);
        let window = Window { kernel: (2, 2), stride: (1, 1), ..Window::default() };
        builder.add("average", Op::AveragePool { window, include_pad: false }, &[pad]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["average"]);
        assert!(matches!(graph.nodes[0].op, Op::AveragePool { include_pad: true, .. }));
    }

    #[test]
    fn else_they_are_written() {
        // The maximum may be below zero, the kernel is too small, and a sum has no pads.
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let pad = builder.add("pad", Op::Pad(Pad { start: (1, 2), end: (3, 0) }), &[input]);
        let plain = Window { kernel: (9, 9), stride: (1, 1), pad_start: (4, 4), pad_end: (4, 4) };
        let max = builder.add("max", Op::MaxPool(plain), &[pad]);
        let conv = builder.conv("conv", pad, 3, 1);
        builder.add("sum", Op::Add(Clamp::NONE), &[conv, max]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["pad", "max", "conv", "sum"]);
        let window = window(&graph, 0);
        assert_eq!((window.kernel, window.pad_start, window.pad_end), ((4, 2), (4, 2), (3, 1)));
        let Op::Conv(conv) = &graph.nodes[0].op else { panic!("not a convolution") };
        assert_eq!(conv.weight[..8], [0., 0., 0., 0., 0., 0., 1., 0.]);
    }
}
