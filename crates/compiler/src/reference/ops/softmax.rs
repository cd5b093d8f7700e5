//! `QLinearSoftmax`: from integers over numbers to integers.

use super::grid::{Grid, integers, kind_of, tensor};
use super::is_microsoft;
use super::plain::{Built, Inputs, Loops, build};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Softmax {
    axis: i64,
    /// Whether the axes from `axis` on are one, as before opset 13.
    flattens: bool,
}

/// `X, x_scale, x_zero, y_scale, y_zero`; its own attribute says which opset's softmax it is.
pub fn qlinear(context: &ParsingContext, node: &NodeProto) -> Built {
    let opset = node.get_attr_opt::<i64>("opset")?.unwrap_or(context.onnx_operator_set_version);
    let flattens = opset < 13;
    let axis = node.get_attr_opt("axis")?.unwrap_or(if flattens { 1 } else { -1 });
    build(node, is_microsoft(node), Softmax { axis, flattens })
}

impl Loops for Softmax {
    const NAME: &'static str = "QLinearSoftmax";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        kind_of(kinds.get(4))
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        shapes.need(0).cloned()
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let values = inputs.need(0)?;
        let grid = Grid::read(inputs, 1, 2, values.datum_type())?;
        let output = Grid::read(inputs, 3, 4, kind)?;
        let at = if self.axis < 0 { self.axis.saturating_add(shape.len() as i64) } else { self.axis };
        let at = usize::try_from(at).ok().filter(|&at| at < shape.len());
        let at = at.with_context(|| format!("shape {shape:?} has no axis {}", self.axis))?;
        let behind: usize = shape.iter().skip(at + 1).product();
        // Values of one softmax stand `step` apart.
        let (count, step) = if self.flattens { (shape[at] * behind, 1) } else { (shape[at], behind) };
        let values = integers(values)?;
        let mut places = vec![0; values.len()];
        for block in 0..values.len() / (count * step).max(1) {
            for offset in 0..step {
                let place = |index: usize| block * count * step + index * step + offset;
                let real = |index: usize| f64::from(grid.real(values[place(index)]));
                let max = (0..count).map(real).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..count).map(|index| (real(index) - max).exp()).sum();
                for index in 0..count {
                    places[place(index)] = output.quantise(((real(index) - max).exp() / sum) as f32);
                }
            }
        }
        tensor(kind, shape, &places)
    }
}
