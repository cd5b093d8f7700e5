//! `Gemm` and `MatMul`: dense layers.
//!
//! A dense layer over all values of a map is a convolution whose kernel is the map. Its weights are put
//! in the order of our pictures once, here, so that the map itself never has to be flattened.

use super::attributes::NodeRef;
use super::conv::channels_last;
use super::layout::{Layout, Order};
use super::nodes::{Importer, Value};
use crate::error::CompileError;
use crate::graph::{Conv, Op};
use wisp::format::{Clamp, Window};

/// Adds `alpha · x · W + beta · c`.
pub fn lower_gemm(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["alpha", "beta", "broadcast", "transA", "transB"])?;
    if node.flag("transA")? {
        return Err(node.error("transA is not supported: the first input is one picture"));
    }
    let alpha = node.float("alpha")?.unwrap_or(1.0);
    let beta = node.float("beta")?.unwrap_or(1.0);
    let input = importer.activation(node, 0)?;
    let mut dense = Dense::new(importer, node, &input, node.flag("transB")?)?;
    if alpha != 1.0 {
        dense.weight.iter_mut().for_each(|weight| *weight *= alpha);
    }
    if node.input(2).is_some() {
        let bias = importer.floats(node, 2, "bias")?;
        let row = bias.shape.iter().rev().skip(1).all(|&dim| dim == 1);
        if !row || ![1, dense.outputs].contains(&bias.values.len()) {
            let shape = bias.shape;
            return Err(node
                .error(format!("its bias has shape {shape:?}, one value or {} are needed", dense.outputs)));
        }
        for (to, from) in dense.bias.iter_mut().zip(bias.values.iter().cycle()) {
            *to = beta * from;
        }
    }
    dense.push(importer, node, &input)
}

/// Adds `x · W`. What an `Add` behind it adds becomes its bias in a pass.
pub fn lower_matmul(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    let dense = Dense::new(importer, node, &input, false)?;
    dense.push(importer, node, &input)
}

/// A dense layer in the making.
struct Dense {
    outputs: usize,
    kernel: (u16, u16),
    /// `[output][input]`, the inputs in the order of our pictures.
    weight: Vec<f32>,
    bias: Vec<f32>,
    layout: Layout,
}

impl Dense {
    fn new(
        importer: &Importer<'_>,
        node: NodeRef<'_>,
        input: &Value,
        by_output: bool,
    ) -> Result<Self, CompileError> {
        let (shape, layout) = (importer.shape(input.tensor), &input.layout);
        // What the layer sums over: all values, or each pixel's channels.
        let whole = layout.is_row();
        if !whole && !layout.is_pixels(shape) {
            let dims = &layout.dims;
            return Err(node.error(format!("its input has shape {dims:?}, [1, values] is needed")));
        }
        let (inner, area) = if whole { (shape.values(), (shape.h, shape.w)) } else { (shape.c, (1, 1)) };
        let weight = importer.floats(node, 1, "weight")?;
        let outputs = match weight.shape[..] {
            [outputs, values] if by_output && values == inner => outputs,
            [values, outputs] if !by_output && values == inner => outputs,
            _ => {
                let needed = if by_output { "[outputs, inputs]" } else { "[inputs, outputs]" };
                return Err(node.error(format!(
                    "its weight has shape {:?}, {needed} with {inner} inputs is needed",
                    weight.shape
                )));
            }
        };
        let mut values = weight.values;
        if !by_output {
            // `[input][output]` is what a picture of one tap and many channels would be.
            values = channels_last(&values, inner, outputs);
        }
        if whole && layout.order == Order::Planes {
            values = channels_last(&values, shape.c, shape.h * shape.w);
        }
        let mut layout = layout.clone();
        if let Some(last) = layout.dims.last_mut() {
            *last = outputs;
        }
        // A side fits: it is that of a buffer.
        let kernel = (area.0 as u16, area.1 as u16);
        Ok(Self { outputs, kernel, weight: values, bias: vec![0.0; outputs], layout })
    }

    fn push(self, importer: &mut Importer<'_>, node: NodeRef<'_>, input: &Value) -> Result<(), CompileError> {
        let window = Window { kernel: self.kernel, stride: (1, 1), ..Window::default() };
        let conv = Conv { window, groups: 1, weight: self.weight, bias: self.bias, clamp: Clamp::NONE };
        importer.push(node, Op::Conv(conv), vec![input.tensor], self.layout)
    }
}
