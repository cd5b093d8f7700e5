//! Rewrites of the graph, one file each, run in a fixed order.
//!
//! | pass | what it does |
//! |---|---|
//! | `identity` | drops operations that leave every value where it is |
//! | `pad` | folds zeros around a picture into the windows that read it |
//! | `affine` | folds a scale and shift of channels into the convolution before it |
//! | `activation` | folds a clamp into the convolution, sum or clamp before it |
//! | `average` | joins a convolution and the global average over its map |
//! | `integer` | puts dequantise, operation and quantise together to operations on integers |
//! | `pool` | joins a convolution and the max-pool that alone reads it |
//! | `dead` | drops what the output does not need |
//! | `concat` | turns concatenations into views: each input is written where it belongs |
//! | `output` | gives the output a buffer of its own |

mod activation;
mod affine;
mod average;
mod concat;
mod dead;
mod identity;
pub(crate) mod integer;
mod output;
mod pad;
mod pool;
#[cfg(any(test, debug_assertions))]
mod verify;

#[cfg(test)]
pub(crate) mod testing;

use crate::graph::Graph;

/// A rewrite of the graph that keeps what it computes.
type Pass = fn(&mut Graph);

/// On floating-point graphs.
const PREPARE: &[(&str, Pass)] = &[
    ("identity", identity::run),
    ("pad", pad::run),
    ("affine", affine::run),
    ("activation", activation::run),
    ("average", average::run),
];

/// Behind the quantiser.
const INTEGER: (&str, Pass) = ("integer", integer::run);
const POOL: (&str, Pass) = ("pool", pool::run);
/// Whatever is done between tensors.
const FINISH: &[(&str, Pass)] = &[("dead", dead::run), ("concat", concat::run), ("output", output::run)];

/// Runs the passes over floating-point operations. Operations on integers are not there yet.
pub(crate) fn prepare(graph: &mut Graph) {
    run_all(graph, PREPARE);
}

/// Runs the passes that make a graph ready to be scheduled.
pub(crate) fn finish(graph: &mut Graph) {
    run_all(graph, &[INTEGER, POOL]);
    run_all(graph, FINISH);
}

/// As [`finish`], and leaves every tensor that can be looked at between the steps.
pub(crate) fn finish_to_look_at(graph: &mut Graph) {
    run_all(graph, &[INTEGER]);
    run_all(graph, FINISH);
}

/// Runs all passes.
#[cfg(test)]
pub(crate) fn run(graph: &mut Graph) {
    prepare(graph);
    finish(graph);
}

fn run_all(graph: &mut Graph, passes: &[(&str, Pass)]) {
    for (name, pass) in passes {
        pass(graph);
        log::debug!("pass {name}: {} nodes", graph.nodes.len());
        #[cfg(any(test, debug_assertions))]
        if let Err(problem) = verify::check(graph) {
            panic!("pass {name} broke the graph: {problem}");
        }
    }
}
