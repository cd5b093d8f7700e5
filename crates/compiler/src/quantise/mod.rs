//! Post-training quantisation: from a floating-point graph and the ranges of its tensors to integers.
//!
//! | room | job |
//! |---|---|
//! | `ranges` | what calibration found out, and its file |
//! | `plan` | which tensors become integers, and which of them share a grid |
//! | `equalise` | channels of a tensor made alike, by moving factors from layer to layer |
//! | `weights` | weights to `i8`, one scale an output channel; the bias corrected for what that costs |
//! | `insert` | quantise and dequantise around each tensor; the `integer` pass puts operations together |
//! | `narrow` | which layers may have narrow weights |
//! | `tap` | a model whose tensors can all be looked at after a run |
//! | `histogram` | the values of a tensor, and ranges by each method |
//! | `calibrate` | runs the pictures, chooses the ranges, measures what they cost |
//! | `compact` | weights of few bits for a budget of bytes |
//!
//! From the same weights and the same ranges the same bytes come out on every machine: nothing here but
//! `calibrate` and `compact` runs a network.

mod calibrate;
mod compact;
mod equalise;
mod histogram;
mod insert;
mod narrow;
mod plan;
mod ranges;
mod tap;
mod weights;

pub use calibrate::{Calibration, Progress, calibrate};
pub use compact::{Compression, compress};
pub use histogram::Method;
pub use ranges::{Range, Ranges};

use crate::error::CompileError;
use crate::graph::Graph;

/// Makes integers of a graph that has been through the floating-point passes. `keep_f32` names nodes that
/// stay as they are.
pub(crate) fn run(graph: &mut Graph, ranges: &Ranges, keep_f32: &[String]) -> Result<(), CompileError> {
    for name in keep_f32 {
        if !graph.nodes.iter().any(|node| node.name == *name) {
            let problem = format!("the model has no layer \"{name}\"");
            return Err(CompileError::Option { option: "--keep-f32", problem });
        }
    }
    for name in &ranges.narrow {
        if !graph.nodes.iter().any(|node| node.name == *name) {
            let problem = format!("it narrows layer \"{name}\", which the model does not have");
            return Err(CompileError::Option { option: "--ranges", problem });
        }
    }
    if ranges.equalised {
        equalise::run(graph);
    }
    let plan = plan::plan(graph, keep_f32);
    let grids = plan.grids(graph, ranges)?;
    weights::run(graph, &plan, ranges);
    insert::run(graph, &plan, &grids);
    Ok(())
}
