//! Weights in the coded form of the file, and what that costs.

use crate::graph::{Coding, QConv};
use wisp::format::coded::{MAX_WEIGHTS_A_BYTE, NotCoded, Shape, encode};

/// The coded block of a convolution whose [`Coding`] asks for one; `None` where a byte a weight is smaller,
/// or the format has none because it would be tiny.
pub(crate) fn block(conv: &QConv) -> Option<Result<Vec<u8>, NotCoded>> {
    let Coding::Coded(trellis) = conv.coding else { return None };
    let weights = conv.weight.len();
    let allowed =
        |block: &Vec<u8>| block.len() < weights && block.len() as u64 * MAX_WEIGHTS_A_BYTE >= weights as u64;
    Some(encode(&conv.weight, shape(conv), trellis))
        .filter(|block| block.as_ref().is_ok_and(allowed) || block.is_err())
}

/// Shape of a convolution's weights.
fn shape(conv: &QConv) -> Shape {
    let kernel = (conv.window.kernel.0.into(), conv.window.kernel.1.into());
    let (rows, taps) =
        (conv.bias.len(), usize::from(conv.window.kernel.0) * usize::from(conv.window.kernel.1));
    Shape { rows, kernel, channels: conv.weight.len().checked_div(rows * taps).unwrap_or(0) }
}
