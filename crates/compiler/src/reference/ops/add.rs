//! `QLinearAdd`: the sum of two tensors of integers on grids of their own, on a third.

use super::grid::{Grid, integers, kind_of, tensor};
use super::is_microsoft;
use super::plain::{Built, Inputs, Loops, build};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Add;

/// `A, a_scale, a_zero, B, b_scale, b_zero, y_scale, y_zero`
pub fn qlinear(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_microsoft(node), Add)
}

impl Loops for Add {
    const NAME: &'static str = "QLinearAdd";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        kind_of(kinds.get(7))
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        // What the file may say of a constant; the rewriter spells that one otherwise.
        let (one, other) = (shapes.need(0)?, shapes.need(3)?);
        let shape = tract_core::broadcast::multi_broadcast(&[one.as_slice(), other.as_slice()]);
        Ok(shape.with_context(|| format!("it adds shapes {one:?} and {other:?}"))?.to_vec())
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        if inputs.need(0)?.shape() != shape || inputs.need(3)?.shape() != shape {
            bail!("it adds tensors of different shapes, which is not supported");
        }
        let output = Grid::read(inputs, 6, 7, kind)?;
        // Each in steps of the output: a factor once, a product for each value.
        let steps = |place: usize| -> TractResult<Vec<f32>> {
            let values = inputs.need(place)?;
            let grid = Grid::read(inputs, place + 1, place + 2, values.datum_type())?;
            let factor = (f64::from(grid.scale) / f64::from(output.scale)) as f32;
            Ok(integers(values)?.iter().map(|value| (value - grid.zero) as f32 * factor).collect())
        };
        let (one, other) = (steps(0)?, steps(3)?);
        let sums: Vec<i32> = one.iter().zip(&other).map(|(a, b)| output.place(a + b)).collect();
        tensor(kind, shape, &sums)
    }
}
