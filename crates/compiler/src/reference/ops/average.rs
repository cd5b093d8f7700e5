//! Means of integers, over windows or over whole axes: summed exactly, rounded once.

use super::grid::{Grid, integers, kind_of, tensor};
use super::plain::{Built, Inputs, Loops, build};
use super::window::{Window, planes};
use super::{is_microsoft, is_wisp};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

/// Over what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Average {
    Window {
        window: Window,
        include_pad: bool,
    },
    /// Axes from the start; whether they stay, with size 1.
    Axes {
        axes: Vec<usize>,
        keep: bool,
    },
}

/// `X, x_scale, x_zero, y_scale, y_zero`
pub fn pool(_: &ParsingContext, node: &NodeProto) -> Built {
    channels_first(node)?;
    let include_pad = node.get_attr_opt::<i64>("count_include_pad")?.unwrap_or(0) != 0;
    build(node, is_microsoft(node), Average::Window { window: Window::read(node)?, include_pad })
}

/// `X, x_scale, x_zero, y_scale, y_zero`
pub fn global(_: &ParsingContext, node: &NodeProto) -> Built {
    channels_first(node)?;
    build(node, is_microsoft(node), Average::Axes { axes: vec![2, 3], keep: true })
}

/// As [`global`], over the axes that the rewriter has written.
pub fn mean(_: &ParsingContext, node: &NodeProto) -> Built {
    let axes = node.get_attr_opt_vec::<i64>("wisp_axes")?.context("attribute wisp_axes is missing")?;
    let axes = axes.iter().map(|&axis| axis.max(0) as usize).collect();
    let keep = node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) != 0;
    build(node, is_wisp(node), Average::Axes { axes, keep })
}

fn channels_first(node: &NodeProto) -> TractResult<()> {
    match node.get_attr_opt::<i64>("channels_last")? {
        None | Some(0) => Ok(()),
        Some(_) => bail!("channels_last is not supported"),
    }
}

impl Loops for Average {
    const NAME: &'static str = "IntegerAverage";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        kind_of(kinds.get(4))
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        let shape = shapes.need(0)?;
        match self {
            Self::Window { window, .. } => {
                let [channels, height, width] = planes(shape)?;
                let [rows, columns] = window.pool([height, width])?;
                Ok(vec![1, channels, rows.output, columns.output])
            }
            Self::Axes { axes, keep } => {
                if axes.iter().any(|&axis| axis >= shape.len()) {
                    bail!("shape {shape:?} has not all of the axes {axes:?}");
                }
                let size = |(axis, &size): (usize, &usize)| match (axes.contains(&axis), keep) {
                    (false, _) => Some(size),
                    (true, keep) => keep.then_some(1),
                };
                Ok(shape.iter().enumerate().filter_map(size).collect())
            }
        }
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let values = inputs.need(0)?;
        let grid = Grid::read(inputs, 1, 2, values.datum_type())?;
        let output = Grid::read(inputs, 3, 4, kind)?;
        let factor = (f64::from(grid.scale) / f64::from(output.scale)) as f32;
        let dims = values.shape();
        let values: Vec<i64> = integers(values)?.iter().map(|value| i64::from(value - grid.zero)).collect();
        let sums = match self {
            Self::Window { window, include_pad } => over_windows(&values, dims, window, *include_pad)?,
            Self::Axes { axes, .. } => over_axes(&values, dims, axes),
        };
        let means: Vec<i32> = sums
            .iter()
            .map(|&(sum, count)| {
                let factor = factor / count as f32;
                output.place(sum as f32 * factor)
            })
            .collect();
        tensor(kind, shape, &means)
    }
}

/// The sum of each window, and what it is divided by.
fn over_windows(
    values: &[i64],
    dims: &[usize],
    window: &Window,
    include_pad: bool,
) -> TractResult<Vec<(i64, usize)>> {
    let [_, height, width] = planes(dims)?;
    let [rows, columns] = window.pool([height, width])?;
    let mut sums = Vec::new();
    for plane in values.chunks_exact((height * width).max(1)) {
        for row in 0..rows.output {
            for column in 0..columns.output {
                let mut sum = 0;
                for y in (0..rows.kernel).filter_map(|tap| rows.pixel(row, tap)) {
                    for x in (0..columns.kernel).filter_map(|tap| columns.pixel(column, tap)) {
                        sum += plane[y * width + x];
                    }
                }
                let count = if include_pad {
                    rows.padded(row) * columns.padded(column)
                } else {
                    rows.covered(row) * columns.covered(column)
                };
                sums.push((sum, count.max(1)));
            }
        }
    }
    Ok(sums)
}

/// The sum over some axes, and of how many values, for each place of the others.
fn over_axes(values: &[i64], dims: &[usize], axes: &[usize]) -> Vec<(i64, usize)> {
    let kept = |axis: usize| !axes.contains(&axis);
    let places: usize =
        dims.iter().enumerate().filter(|(axis, _)| kept(*axis)).map(|(_, size)| size).product();
    let mut sums = vec![(0, values.len() / places.max(1)); places];
    for (index, value) in values.iter().enumerate() {
        // From the last axis on: what is left of the index, and the place among the kept axes.
        let (mut rest, mut place, mut stride) = (index, 0, 1);
        for (axis, &size) in dims.iter().enumerate().rev() {
            if kept(axis) {
                place += rest % size * stride;
                stride *= size;
            }
            rest /= size;
        }
        sums[place].0 += value;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_axes() {
        let values: Vec<i64> = (0..12).collect();
        assert_eq!(over_axes(&values, &[1, 2, 2, 3], &[2, 3]), [(15, 6), (51, 6)]);
        assert_eq!(over_axes(&values, &[1, 2, 2, 3], &[1, 2]), [(18, 4), (22, 4), (26, 4)]);
    }
}
