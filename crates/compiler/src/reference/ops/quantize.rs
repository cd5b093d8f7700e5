//! `QuantizeLinear` and `DequantizeLinear`: with one scale, or one for each place along an axis.

use super::grid::{Grid, floats, integers, kind_of, scales, tensor};
use super::plain::{Built, Inputs, Loops, build};
use super::{is_microsoft, is_onnx};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

const VALUES: usize = 0;
const SCALE: usize = 1;
const ZERO: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Quantize {
    axis: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Dequantize {
    axis: i64,
}

pub fn quantize(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_onnx(node) || is_microsoft(node), Quantize { axis: axis(node)? })
}

pub fn dequantize(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_onnx(node) || is_microsoft(node), Dequantize { axis: axis(node)? })
}

fn axis(node: &NodeProto) -> TractResult<i64> {
    let size: i64 = node.get_attr_opt("block_size")?.unwrap_or(0);
    if size != 0 {
        bail!("blocked quantisation (block_size {size}) is not supported");
    }
    Ok(node.get_attr_opt("axis")?.unwrap_or(1))
}

/// The grid of each value of a tensor.
fn grids(
    inputs: &Inputs<&Tensor>,
    axis: i64,
    shape: &[usize],
    kind: DatumType,
) -> TractResult<impl Iterator<Item = Grid>> {
    let scales = scales(inputs.need(SCALE)?)?;
    let zeros = match inputs.get(ZERO) {
        Some(zero) => integers(zero)?,
        None => vec![0; scales.len()],
    };
    if zeros.len() != scales.len() {
        bail!("its zero point has {} values, its scale has {}", zeros.len(), scales.len());
    }
    // How many values stand side by side before the next scale begins.
    let run = if scales.len() == 1 {
        shape.iter().product()
    } else {
        let from_start = if axis < 0 { axis.saturating_add(shape.len() as i64) } else { axis };
        let at = usize::try_from(from_start).ok().filter(|&at| shape.get(at) == Some(&scales.len()));
        let at = at.with_context(|| {
            format!("its scale has {} values, axis {axis} of shape {shape:?} has not", scales.len())
        })?;
        shape.iter().skip(at + 1).product::<usize>()
    };
    let grids = scales.iter().zip(zeros).map(|(&scale, zero)| Grid::new(scale, zero, kind));
    let grids = grids.collect::<TractResult<Vec<_>>>()?;
    let values: usize = shape.iter().product();
    Ok((0..values).map(move |index| grids[index / run.max(1) % grids.len()]))
}

impl Loops for Quantize {
    const NAME: &'static str = "QuantizeLinear";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        kind_of(kinds.get(ZERO))
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        shapes.need(VALUES).cloned()
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let values = floats(inputs.need(VALUES)?)?;
        let grids = grids(inputs, self.axis, shape, kind)?;
        let steps: Vec<i32> = values.iter().zip(grids).map(|(&value, grid)| grid.quantise(value)).collect();
        tensor(kind, shape, &steps)
    }
}

impl Loops for Dequantize {
    const NAME: &'static str = "DequantizeLinear";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        match kinds.need(VALUES)? {
            DatumType::U8 | DatumType::I8 | DatumType::I32 => Ok(DatumType::F32),
            kind => bail!("it has data of type {kind:?}, u8, i8 and i32 are supported"),
        }
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        shapes.need(VALUES).cloned()
    }

    fn run(&self, inputs: &Inputs<&Tensor>, _: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let values = inputs.need(VALUES)?;
        let grids = grids(inputs, self.axis, shape, values.datum_type())?;
        let values = integers(values)?;
        let reals: Vec<f32> = values.iter().zip(grids).map(|(&value, grid)| grid.real(value)).collect();
        Tensor::from_shape(shape, &reals)
    }
}
