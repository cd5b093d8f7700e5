//! `QLinearConcat`: each branch from its grid to that of the whole, then one after the other.

use super::grid::{Grid, integers, kind_of, tensor};
use super::is_microsoft;
use super::plain::{Built, Inputs, Loops, build};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Concat {
    axis: i64,
}

/// `Y_scale, Y_zero, x1, x1_scale, x1_zero, x2, …`
pub fn qlinear(_: &ParsingContext, node: &NodeProto) -> Built {
    if node.input.len() < 5 || !(node.input.len() - 2).is_multiple_of(3) {
        bail!("it has {} inputs, each joined one needs a scale and a zero point", node.input.len());
    }
    build(node, is_microsoft(node), Concat { axis: node.get_attr("axis")? })
}

impl Concat {
    fn axis(&self, shape: &[usize]) -> TractResult<usize> {
        let at = if self.axis < 0 { self.axis.saturating_add(shape.len() as i64) } else { self.axis };
        let at = usize::try_from(at).ok().filter(|&at| at < shape.len());
        at.with_context(|| format!("shape {shape:?} has no axis {}", self.axis))
    }
}

impl Loops for Concat {
    const NAME: &'static str = "QLinearConcat";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        kind_of(kinds.get(1))
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        let mut joined = shapes.need(2)?.clone();
        let axis = self.axis(&joined)?;
        for place in (5..shapes.count()).step_by(3) {
            let shape = shapes.need(place)?;
            let mut fits = shape.clone();
            if let Some(size) = fits.get_mut(axis) {
                *size = joined[axis];
            }
            if fits != joined {
                bail!("it joins shapes {joined:?} and {shape:?} over axis {axis}");
            }
            joined[axis] += shape[axis];
        }
        Ok(joined)
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let (axis, output) = (self.axis(shape)?, Grid::read(inputs, 0, 1, kind)?);
        let outer: usize = shape.iter().take(axis).product();
        let mut branches: Vec<Vec<i32>> = Vec::new();
        for place in (2..inputs.count()).step_by(3) {
            let values = inputs.need(place)?;
            let grid = Grid::read(inputs, place + 1, place + 2, values.datum_type())?;
            let moved = integers(values)?.iter().map(|&value| output.quantise(grid.real(value))).collect();
            branches.push(moved);
        }
        let mut joined = Vec::with_capacity(shape.iter().product());
        for at in 0..outer {
            for branch in &branches {
                let run = branch.len() / outer;
                joined.extend(branch.iter().skip(at * run).take(run));
            }
        }
        tensor(kind, shape, &joined)
    }
}
