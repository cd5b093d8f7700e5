//! Convolution of integers.

use super::plain::{Built, Inputs, Loops, build, build_at};
use super::product::{Product, VALUES, WEIGHTS, places};
use super::window::{Side, Window, planes};
use super::{is_onnx, is_wisp};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Conv {
    window: Window,
    groups: usize,
    product: Product,
}

impl Conv {
    fn read(node: &NodeProto, product: Product) -> TractResult<Self> {
        let groups = node.get_attr_opt::<i64>("group")?.unwrap_or(1);
        let groups = usize::try_from(groups).ok().filter(|groups| *groups > 0);
        let groups = groups.context("attribute group must be above 0")?;
        Ok(Self { window: Window::read(node)?, groups, product })
    }

    fn geometry(&self, input: &[usize], weights: &[usize]) -> TractResult<Geometry> {
        let [channels, height, width] = planes(input)?;
        let [outputs, inner, kh, kw] = *weights else {
            bail!("its weight has shape {weights:?}, [outputs, inputs, height, width] is needed");
        };
        let groups = self.groups;
        if groups.checked_mul(inner) != Some(channels) || !outputs.is_multiple_of(groups) {
            bail!("group {groups}, {channels} channels and weights of shape {weights:?} do not fit together");
        }
        let [rows, columns] = self.window.on([kh, kw], [height, width])?;
        // A pad wider than the kernel is a picture of its own, which the import pads before it convolves.
        if rows.start.max(rows.end) > kh || columns.start.max(columns.end) > kw {
            bail!("pads that are larger than the kernel are not supported in integers");
        }
        Ok(Geometry { outputs, inner, rows, columns, area: height * width, width })
    }
}

struct Geometry {
    outputs: usize,
    /// Input channels of a group.
    inner: usize,
    rows: Side,
    columns: Side,
    /// Pixels of an input plane.
    area: usize,
    /// Of the input.
    width: usize,
}

/// `x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias?`
pub fn qlinear(_: &ParsingContext, node: &NodeProto) -> Built {
    let conv = Conv::read(node, Product::default())?;
    build_at(node, is_onnx(node), conv, |given| places(&given, [6, 7], 8))
}

/// As [`qlinear`], with what `product` says stands behind.
pub fn wisp(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_wisp(node), Conv::read(node, Product::read(node)?)?)
}

impl Loops for Conv {
    const NAME: &'static str = "IntegerConv";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        self.product.kind(kinds)
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        let geometry = self.geometry(shapes.need(VALUES)?, shapes.need(WEIGHTS)?)?;
        self.product.shape(vec![1, geometry.outputs, geometry.rows.output, geometry.columns.output])
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let geometry = self.geometry(inputs.need(VALUES)?.shape(), inputs.need(WEIGHTS)?.shape())?;
        let Geometry { outputs, inner, rows, columns, area, width } = geometry;
        let values = self.product.values(inputs)?;
        let taps = rows.kernel * columns.kernel;
        let depth = inner * taps;
        if depth > 1 << 15 {
            bail!("sums of {depth} products are not supported in integers, of 32768 they are");
        }
        let weights = self.product.weights(inputs, outputs, |index| index / depth.max(1))?;
        let pixels = rows.output * columns.output;
        let each_column: Vec<_> = (0..columns.kernel).map(|tap| columns.windows(tap)).collect();
        let mut sums = Vec::with_capacity(outputs * pixels);
        for output in 0..outputs {
            let first = output / (outputs / self.groups) * inner;
            // At most 2¹⁵ products of at most 255 · 255 each.
            let mut plane = vec![0i32; pixels];
            for channel in 0..inner {
                let from = &values[(first + channel) * area..][..area];
                for tap in 0..taps {
                    let weight = weights[output * depth + channel * taps + tap];
                    let (row_tap, column_tap) = (tap / columns.kernel, tap % columns.kernel);
                    let range = each_column[column_tap].clone();
                    let Some(x) = columns.pixel(range.start, column_tap).filter(|_| !range.is_empty()) else {
                        continue;
                    };
                    for row in 0..rows.output {
                        let Some(y) = rows.pixel(row, row_tap) else { continue };
                        let to = &mut plane[row * columns.output..][range.clone()];
                        let from = &from[y * width + x..];
                        if columns.stride == 1 {
                            to.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
                        } else {
                            let from = from.iter().step_by(columns.stride);
                            to.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
                        }
                    }
                }
            }
            sums.extend(plane.iter().map(|&sum| i64::from(sum)));
        }
        self.product.finish(inputs, &sums, outputs, kind, shape, |output, pixel| output * pixels + pixel)
    }
}
