//! Dense layers of integers: rows of values times a matrix of weights.

use super::plain::{Built, Inputs, Loops, build, build_at};
use super::product::{Product, VALUES, WEIGHTS, places};
use super::{is_microsoft, is_onnx, is_wisp};
use tract_core::internal::*;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Dense {
    /// Whether weights stand `[output][input]`.
    by_output: bool,
    product: Product,
}

impl Dense {
    fn read(node: &NodeProto, product: Product) -> TractResult<Self> {
        if node.get_attr_opt::<i64>("transA")?.unwrap_or(0) != 0 {
            bail!("transA is not supported: the first input is one picture");
        }
        Ok(Self { by_output: node.get_attr_opt::<i64>("transB")?.unwrap_or(0) != 0, product })
    }

    /// Rows, inputs and outputs.
    fn sizes(&self, values: &[usize], weights: &[usize]) -> TractResult<[usize; 3]> {
        let [first, second] = *weights else {
            bail!("its weight has shape {weights:?}, a matrix is needed");
        };
        let (inputs, outputs) = if self.by_output { (second, first) } else { (first, second) };
        match values.split_last() {
            Some((&last, rest)) if last == inputs => Ok([rest.iter().product(), inputs, outputs]),
            _ => bail!("its input has shape {values:?}, [.., {inputs}] is needed"),
        }
    }
}

/// `a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero`
pub fn qlinear_matmul(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_onnx(node), Dense { by_output: false, product: Product::default() })
}

/// `A, a_scale, a_zero, B, b_scale, b_zero, C?, y_scale?, y_zero?`
pub fn qgemm(_: &ParsingContext, node: &NodeProto) -> Built {
    let dense = Dense::read(node, Product::gemm(node)?)?;
    build_at(node, is_microsoft(node), dense, |given| places(&given, [7, 8], 6))
}

/// As `QLinearMatMul`, with what `product` says stands behind.
pub fn wisp(_: &ParsingContext, node: &NodeProto) -> Built {
    build(node, is_wisp(node), Dense::read(node, Product::read(node)?)?)
}

impl Loops for Dense {
    const NAME: &'static str = "IntegerDense";

    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        self.product.kind(kinds)
    }

    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>> {
        let mut shape = shapes.need(VALUES)?.clone();
        let [_, _, outputs] = self.sizes(&shape, shapes.need(WEIGHTS)?)?;
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        self.product.shape(shape)
    }

    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor> {
        let weights = inputs.need(WEIGHTS)?.shape();
        let [rows, depth, outputs] = self.sizes(inputs.need(VALUES)?.shape(), weights)?;
        let values = self.product.values(inputs)?;
        let place = |output: usize, input: usize| {
            if self.by_output { output * depth + input } else { input * outputs + output }
        };
        let output_of =
            |index: usize| if self.by_output { index / depth.max(1) } else { index % outputs.max(1) };
        let weights = self.product.weights(inputs, outputs, output_of)?;
        let mut sums = Vec::with_capacity(outputs * rows);
        for output in 0..outputs {
            for row in 0..rows {
                let values = values[row * depth..][..depth].iter().enumerate();
                let products =
                    values.map(|(input, &value)| i64::from(value) * i64::from(weights[place(output, input)]));
                sums.push(products.sum());
            }
        }
        self.product.finish(inputs, &sums, outputs, kind, shape, |output, row| row * outputs + output)
    }
}
