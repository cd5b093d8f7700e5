//! Folds a scale and shift of channels into the convolution or the like before it, else makes it a
//! convolution of its own: one pixel wide, each channel a group.

use crate::graph::{Conv, Graph, Op};
use wisp::format::{Clamp, Window};

/// Runs the pass. No [`Op::Affine`] is left after it.
pub fn run(graph: &mut Graph) {
    let reads = graph.reads();
    // A chain folds from its front: whoever takes over a node takes over its output too.
    let mut producers = graph.producers();
    let mut folded = vec![false; graph.nodes.len()];
    for index in 0..graph.nodes.len() {
        let Op::Affine { .. } = graph.nodes[index].op else { continue };
        let (before, rest) = graph.nodes.split_at_mut(index);
        let Some(node) = rest.first() else { continue };
        let Op::Affine { scale, shift } = &node.op else { continue };
        let producer = node.inputs.first().filter(|&&input| reads[input] == 1);
        let producer = producer.and_then(|&input| producers[input]);
        let Some(target) = producer.and_then(|producer| before.get_mut(producer)) else { continue };
        if absorb(&mut target.op, scale, shift) {
            target.output = node.output;
            producers[node.output] = producer;
            folded[index] = true;
        }
    }
    let mut folded = folded.into_iter();
    graph.nodes.retain(|_| !folded.next().unwrap_or(false));
    for node in &mut graph.nodes {
        if let Op::Affine { scale, shift } = &mut node.op {
            node.op = Op::Conv(alone(std::mem::take(scale), std::mem::take(shift)));
        }
    }
}

/// Has `op` do the scale and shift of its output as well, if it can.
fn absorb(op: &mut Op, scale: &[f32], shift: &[f32]) -> bool {
    match op {
        Op::Conv(conv) if conv.clamp == Clamp::NONE => conv.scale(scale, shift),
        Op::Affine { scale: inner, shift: offset } => {
            for (((inner, offset), scale), shift) in inner.iter_mut().zip(offset).zip(scale).zip(shift) {
                *inner *= scale;
                *offset = (f64::from(*offset) * f64::from(*scale) + f64::from(*shift)) as f32;
            }
        }
        _ => return false,
    }
    true
}

/// The convolution that scales and shifts each channel by itself.
fn alone(scale: Vec<f32>, shift: Vec<f32>) -> Conv {
    let window = Window { kernel: (1, 1), stride: (1, 1), ..Window::default() };
    Conv {
        window,
        groups: scale.len(),
        weight: scale,
        bias: shift,
        clamp: Clamp::NONE,
        int8: None,
        dense: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    fn affine(scale: &[f32], shift: &[f32]) -> Op {
        Op::Affine { scale: scale.to_vec(), shift: shift.to_vec() }
    }

    #[test]
    fn a_chain_folds_into_the_convolution() {
        let mut builder = Builder::new(4, 4, 1);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 1);
        let first = builder.add("norm", affine(&[2.0, -1.0], &[1.0, 0.0]), &[conv]);
        let output = builder.add("scale", affine(&[3.0, 4.0], &[0.5, -2.0]), &[first]);
        let graph = check(run, builder.finish());
        assert_eq!((names(&graph), graph.nodes[0].output), (vec!["conv"], output));
        let Op::Conv(conv) = &graph.nodes[0].op else { panic!("not a convolution") };
        assert_eq!((&conv.weight[..], &conv.bias[..]), (&[3.0, -2.0][..], &[3.5, -2.0][..]));
    }

    #[test]
    fn what_cannot_fold_becomes_a_convolution() {
        // On the input, behind an activation, and on a tensor that is read elsewhere.
        let mut builder = Builder::new(4, 4, 2);
        let input = builder.input();
        let first = builder.add("first", affine(&[2.0, 3.0], &[1.0, 0.0]), &[input]);
        let second = builder.add("second", affine(&[1.0, 2.0], &[-1.0, 0.5]), &[first]);
        let relu = builder.relu("relu", second);
        let third = builder.add("third", affine(&[1.0, 1.0], &[0.0, 1.0]), &[relu]);
        let conv = builder.conv("conv", third, 2, 3);
        let fourth = builder.add("fourth", affine(&[1.0, 1.0], &[0.0, 1.0]), &[conv]);
        builder.add("sum", Op::Add(Clamp::NONE), &[conv, fourth]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["first", "relu", "third", "conv", "fourth", "sum"]);
        let Op::Conv(first) = &graph.nodes[0].op else { panic!("not a convolution") };
        assert_eq!((first.groups, &first.weight[..], &first.bias[..]), (2, &[2.0, 6.0][..], &[0.0, 0.5][..]));
    }
}
