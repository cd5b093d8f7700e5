//! Operators that move or choose integers without knowing their grid: max-pool, clamps and pads.

use super::grid::{integers, single, tensor};
use super::is_wisp;
use super::plain::{Built, Inputs, Loops, build};
use super::window::{Window, planes};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Bytes {
    /// The pads are less than any value.
    MaxPool(Window),
    /// What is above the integer 0.
    Relu,
    /// `x, min?, max?`, integers as well.
    Clip,
    /// `x, zero_point?`, which the pads are: top, left, bottom, right.
    Pad([usize; 4]),
}

pub fn max_pool(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_wisp(node), Bytes::MaxPool(Window::read(node)?))
}

pub fn relu(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_wisp(node), Bytes::Relu)
}

pub fn clip(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_wisp(node), Bytes::Clip)
}

pub fn pad(_: &ParsingContext, node: &NodeProto) -> Built {
    let pads = node.get_attr_opt_vec::<i64>("wisp_pads")?.unwrap_or_default();
    let pads: Vec<usize> = pads.iter().map(|&pad| pad.max(0) as usize).collect();
    let pads = <[usize; 4]>::try_from(pads).ok().context("attribute wisp_pads has not four values")?;
    build(node, is_wisp(node), Bytes::Pad(pads))
}

impl Loops for Bytes {
    const NAME: &'static str = "IntegerBytes";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        kinds.need(0).copied()
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        let shape = shapes.need(0)?;
        match self {
            Self::Relu | Self::Clip => Ok(shape.clone()),
            Self::MaxPool(window) => {
                let [channels, height, width] = planes(shape)?;
                let [rows, columns] = window.pool([height, width])?;
                Ok(vec![1, channels, rows.output, columns.output])
            }
            Self::Pad([top, left, bottom, right]) => {
                let [channels, height, width] = planes(shape)?;
                Ok(vec![1, channels, top + height + bottom, left + width + right])
            }
        }
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let input = inputs.need(0)?;
        let values = integers(input)?;
        let other = |place: usize| {
            inputs.get(place).map(|value| single(&integers(value)?, "bound or zero point")).transpose()
        };
        let values = match self {
            Self::Relu => values.iter().map(|&value| value.max(0)).collect(),
            Self::Clip => {
                let (lo, hi) = (other(1)?.unwrap_or(i32::MIN), other(2)?.unwrap_or(i32::MAX));
                values.iter().map(|&value| value.max(lo).min(hi)).collect()
            }
            Self::MaxPool(window) => max(&values, input.shape(), window)?,
            Self::Pad([top, left, ..]) => {
                let [_, height, width] = planes(input.shape())?;
                let [channels, rows, columns] = planes(shape)?;
                let mut padded = vec![other(1)?.unwrap_or(0); channels * rows * columns];
                for (index, &value) in values.iter().enumerate() {
                    let (plane, pixel) = (index / (height * width), index % (height * width));
                    let row = plane * rows + top + pixel / width;
                    padded[row * columns + left + pixel % width] = value;
                }
                padded
            }
        };
        tensor(kind, shape, &values)
    }
}

fn max(values: &[i32], dims: &[usize], window: &Window) -> TractResult<Vec<i32>> {
    let [_, height, width] = planes(dims)?;
    let [rows, columns] = window.pool([height, width])?;
    let mut largest = Vec::new();
    for plane in values.chunks_exact((height * width).max(1)) {
        for row in 0..rows.output {
            for column in 0..columns.output {
                let ys = (0..rows.kernel).filter_map(|tap| rows.pixel(row, tap));
                let taps = ys.flat_map(|y| {
                    let xs = (0..columns.kernel).filter_map(|tap| columns.pixel(column, tap));
                    xs.map(move |x| plane[y * width + x])
                });
                largest.push(taps.max().context("a window covers no pixel")?);
            }
        }
    }
    Ok(largest)
}
