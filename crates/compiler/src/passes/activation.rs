//! Folds a clamp into the convolution, sum or clamp that it alone reads.

use crate::graph::{Graph, Op};
use wisp::format::Clamp;

/// Runs the pass.
pub fn run(graph: &mut Graph) {
    let reads = graph.reads();
    // A chain of clamps folds from its front: whoever takes over a clamp takes over its output too.
    let mut producers = graph.producers();
    let mut folded = vec![false; graph.nodes.len()];
    for index in 0..graph.nodes.len() {
        let Op::Clamp(clamp) = graph.nodes[index].op else { continue };
        let Some(&input) = graph.nodes[index].inputs.first() else { continue };
        let Some(producer) = producers[input].filter(|_| reads[input] == 1) else { continue };
        let output = graph.nodes[index].output;
        let target = &mut graph.nodes[producer];
        let bounds = match &mut target.op {
            Op::Conv(conv) => &mut conv.clamp,
            Op::Add(bounds) | Op::Clamp(bounds) => bounds,
            _ => continue,
        };
        *bounds = after(*bounds, clamp);
        target.output = output;
        producers[output] = Some(producer);
        folded[index] = true;
    }
    let mut folded = folded.into_iter();
    graph.nodes.retain(|_| !folded.next().unwrap_or(false));
}

/// The clamp that does what `first` and then `second` do.
fn after(first: Clamp, second: Clamp) -> Clamp {
    let apply = |value: f32| value.max(second.lo).min(second.hi);
    Clamp { lo: apply(first.lo), hi: apply(first.hi) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Builder, names, run as check};

    #[test]
    fn a_chain_folds_into_the_convolution() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 3);
        let relu = builder.relu("relu", conv);
        let output = builder.add("clip", Op::Clamp(Clamp { lo: -1.0, hi: 6.0 }), &[relu]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv"]);
        let Op::Conv(conv) = &graph.nodes[0].op else { panic!("not a convolution") };
        assert_eq!(conv.clamp, Clamp { lo: 0.0, hi: 6.0 });
        assert_eq!(graph.nodes[0].output, output);
    }

    #[test]
    fn a_tensor_that_is_read_elsewhere_keeps_its_values() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 2, 3);
        let relu = builder.relu("relu", conv);
        builder.add("concat", Op::Concat, &[conv, relu]);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "relu", "concat"]);
    }

    #[test]
    fn a_sum_takes_the_activation_of_its_block() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let conv = builder.conv("conv", input, 3, 3);
        let sum = builder.add("sum", Op::Add(Clamp::NONE), &[conv, input]);
        builder.relu("relu", sum);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["conv", "sum"]);
        assert_eq!(graph.nodes[1].op, Op::Add(Clamp::RELU));
    }

    #[test]
    fn a_pool_has_no_activation() {
        let mut builder = Builder::new(4, 4, 3);
        let input = builder.input();
        let average = builder.add("average", Op::GlobalAverage, &[input]);
        let relu = builder.relu("relu", average);
        builder.relu("again", relu);
        let graph = check(run, builder.finish());
        assert_eq!(names(&graph), ["average", "relu"]);
    }

    #[test]
    fn bounds_compose() {
        let clamp = |lo, hi| Clamp { lo, hi };
        assert_eq!(after(clamp(0.0, 6.0), clamp(-1.0, 3.0)), clamp(0.0, 3.0));
        // Nothing of the first range is left: every value becomes a bound of the second.
        assert_eq!(after(clamp(0.0, 6.0), clamp(7.0, 9.0)), clamp(7.0, 7.0));
        assert_eq!(after(Clamp::NONE, Clamp::RELU), Clamp::RELU);
    }
}
