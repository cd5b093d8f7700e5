//! Integer operators for tract, as plain loops: what tract 0.23.9 lacks or rounds otherwise.
//!
//! A second writing of `docs/arithmetic.md`, from ONNX's side: planes and not pixels, the file's own `i8`
//! and `u8`, nothing packed, and no line shared with the runtime. `plain` makes a tract operator of a
//! loop; `grid` and `product` hold what several have in common; the rest is one operator family a file.

mod add;
mod average;
mod bytes;
mod concat;
mod conv;
mod dense;
mod grid;
mod plain;
mod product;
mod quantize;
mod softmax;
mod window;

use tract_onnx::Onnx;
use tract_onnx::pb::NodeProto;

/// Domain of the operators that a file cannot name: [`rewrite`](super::rewrite) makes them.
pub const DOMAIN: &str = "wisp";

/// Operators of ONNX Runtime's domain that run here.
pub const MICROSOFT: &[&str] = &[
    "QuantizeLinear",
    "DequantizeLinear",
    "QGemm",
    "QLinearAdd",
    "QLinearConcat",
    "QLinearAveragePool",
    "QLinearGlobalAveragePool",
    "QLinearSoftmax",
];

/// tract's own operators, with ours in place of those on integers.
pub fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    let register = &mut onnx.op_register;
    register.insert("QuantizeLinear", quantize::quantize);
    register.insert("DequantizeLinear", quantize::dequantize);
    register.insert("QLinearConv", conv::qlinear);
    register.insert("QLinearMatMul", dense::qlinear_matmul);
    register.insert("QGemm", dense::qgemm);
    register.insert("QLinearAdd", add::qlinear);
    register.insert("QLinearConcat", concat::qlinear);
    register.insert("QLinearAveragePool", average::pool);
    register.insert("QLinearGlobalAveragePool", average::global);
    register.insert("QLinearSoftmax", softmax::qlinear);
    register.insert("WispConv", conv::wisp);
    register.insert("WispGemm", dense::wisp);
    register.insert("WispMean", average::mean);
    register.insert("WispMaxPool", bytes::max_pool);
    register.insert("WispRelu", bytes::relu);
    register.insert("WispClip", bytes::clip);
    register.insert("WispPad", bytes::pad);
    onnx
}

/// Whether a node stands in ONNX's own domain.
pub fn is_onnx(node: &NodeProto) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx")
}

/// Whether a node stands in ONNX Runtime's domain.
pub fn is_microsoft(node: &NodeProto) -> bool {
    node.domain == "com.microsoft"
}

/// Whether a node is one of ours.
pub fn is_wisp(node: &NodeProto) -> bool {
    node.domain == DOMAIN
}
