//! Kernel, strides and pads of a convolution or a pool, with `auto_pad` and `ceil_mode` worked out.

use super::attributes::NodeRef;
use crate::error::CompileError;
use crate::graph::Shape;
use wisp::format::Window;

/// A window, and whether its pads reach further than the file says, because `ceil_mode` has windows hang
/// over the edge.
pub struct Placed {
    pub window: Window,
    pub overhangs: bool,
}

/// As [`read`], for a pool: its pads must be smaller than its kernel, so that each window covers a pixel.
pub fn read_pool(node: NodeRef<'_>, kernel: [usize; 2], input: Shape) -> Result<Placed, CompileError> {
    let [top, left, bottom, right] = pads(node)?;
    for (pad, kernel, name) in [(top.max(bottom), kernel[0], "rows"), (left.max(right), kernel[1], "columns")]
    {
        if pad >= kernel as i64 {
            return Err(node.error(format!(
                "a pad of {pad} {name} is not supported, it must be smaller than the kernel's {kernel}"
            )));
        }
    }
    read(node, kernel, input)
}

/// Whether a convolution can have these pads: none larger than the kernel.
pub fn pads_fit(window: &Window) -> bool {
    let Window { kernel, pad_start, pad_end, .. } = window;
    pad_start.0.max(pad_end.0) <= kernel.0 && pad_start.1.max(pad_end.1) <= kernel.1
}

/// The window of `node` with a kernel of `kernel` rows and columns, on an input of shape `input`.
pub fn read(node: NodeRef<'_>, kernel: [usize; 2], input: Shape) -> Result<Placed, CompileError> {
    if let Some(given) = node.ints("kernel_shape")?
        && !given.iter().copied().eq(kernel.map(|side| side as i64))
    {
        return Err(
            node.error(format!("kernel_shape is {given:?}, but its weights have a kernel of {kernel:?}"))
        );
    }
    let strides = pair(node, "strides", [1, 1])?;
    // A single tap has no neighbour to keep a distance from.
    let dilations = pair(node, "dilations", [1, 1])?;
    if dilations.iter().zip(kernel).any(|(&dilation, taps)| dilation != 1 && taps != 1) {
        return Err(node.error("dilations other than 1 are not supported"));
    }
    let pads = pads(node)?;
    let auto = auto_pad(node)?;
    // With auto_pad, the number of windows is given, however the pads are rounded.
    let ceil = node.flag("ceil_mode")? && auto == AutoPad::NotSet;
    if auto != AutoPad::NotSet && pads != [0; 4] {
        return Err(node.error("auto_pad says how to pad, so pads must not be given"));
    }
    let mut window = [Axis::default(); 2];
    for (axis, (side, name)) in [(input.h, "rows"), (input.w, "columns")].into_iter().enumerate() {
        let (kernel, stride) = (kernel[axis] as i64, strides[axis]);
        let (start, end) = match auto {
            AutoPad::NotSet => (pads[axis], pads[axis + 2]),
            AutoPad::Valid => (0, 0),
            AutoPad::Same { odd_at_end } => {
                let count = (side as i64 + stride - 1) / stride;
                let total = ((count - 1) * stride + kernel - side as i64).max(0);
                let (less, more) = (total / 2, total - total / 2);
                if odd_at_end { (less, more) } else { (more, less) }
            }
        };
        window[axis] = Axis { kernel, stride, start, end, overhang: 0 };
        window[axis].check(node, side as i64, name, ceil)?;
    }
    let narrow = |value: i64| value as u16;
    let each = |value: fn(&Axis) -> i64| (narrow(value(&window[0])), narrow(value(&window[1])));
    Ok(Placed {
        window: Window {
            kernel: each(|axis| axis.kernel),
            stride: each(|axis| axis.stride),
            pad_start: each(|axis| axis.start),
            pad_end: each(|axis| axis.end + axis.overhang),
        },
        overhangs: window.iter().any(|axis| axis.overhang > 0),
    })
}

/// Checks the attributes of a window by themselves: tract takes for granted that there are two of each.
pub fn check(node: NodeRef<'_>) -> Result<(), CompileError> {
    for name in ["kernel_shape", "strides", "dilations"] {
        pair(node, name, [1, 1])?;
    }
    pads(node)?;
    auto_pad(node).map(|_| ())
}

/// Largest pad, as in the `.wisp` file.
const MAX_PAD: i64 = u16::MAX as i64;

/// How the pads are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AutoPad {
    /// As the file gives them.
    NotSet,
    /// None.
    Valid,
    /// As many as `ceil(side / stride)` windows take; an odd one at the end, or at the start.
    Same { odd_at_end: bool },
}

fn auto_pad(node: NodeRef<'_>) -> Result<AutoPad, CompileError> {
    match node.text("auto_pad")? {
        None | Some("" | "NOTSET") => Ok(AutoPad::NotSet),
        Some("VALID") => Ok(AutoPad::Valid),
        Some("SAME_UPPER") => Ok(AutoPad::Same { odd_at_end: true }),
        Some("SAME_LOWER") => Ok(AutoPad::Same { odd_at_end: false }),
        Some(other) => {
            let known = "NOTSET, VALID, SAME_UPPER and SAME_LOWER";
            Err(node.error(format!("auto_pad is {other}, {known} are supported")))
        }
    }
}

/// Pads as top, left, bottom, right.
fn pads(node: NodeRef<'_>) -> Result<[i64; 4], CompileError> {
    let Some(pads) = node.ints("pads")? else { return Ok([0; 4]) };
    let four = <[i64; 4]>::try_from(pads).ok();
    let four = four.filter(|pads| pads.iter().all(|pad| (0..=MAX_PAD).contains(pad)));
    four.ok_or_else(|| {
        let needed = format!("[top, left, bottom, right] in 0..={MAX_PAD} are needed");
        node.error(format!("pads are {pads:?}, {needed}"))
    })
}

/// The kernel of a pool.
pub fn pool_kernel(node: NodeRef<'_>) -> Result<[usize; 2], CompileError> {
    if node.ints("kernel_shape")?.is_none() {
        return Err(node.error("attribute kernel_shape is missing"));
    }
    Ok(pair(node, "kernel_shape", [1, 1])?.map(|side| side as usize))
}

/// Two positive numbers that fit the `.wisp` file, for rows and columns.
fn pair(node: NodeRef<'_>, name: &str, otherwise: [i64; 2]) -> Result<[i64; 2], CompileError> {
    let Some(given) = node.ints(name)? else { return Ok(otherwise) };
    let pair = <[i64; 2]>::try_from(given).ok();
    let pair = pair.filter(|pair| pair.iter().all(|side| (1..=i64::from(u16::MAX)).contains(side)));
    pair.ok_or_else(|| node.error(format!("{name} is {given:?}, two numbers in 1..=65535 are needed")))
}

/// One direction of a window.
#[derive(Clone, Copy, Default)]
struct Axis {
    kernel: i64,
    stride: i64,
    start: i64,
    end: i64,
    /// What `ceil_mode` adds at the end.
    overhang: i64,
}

impl Axis {
    /// Checks that windows fit a side of `side` and its pads, and works out the overhang.
    fn check(&mut self, node: NodeRef<'_>, side: i64, name: &str, ceil: bool) -> Result<(), CompileError> {
        let Self { kernel, stride, start, end, .. } = *self;
        let Some(room) = (side + start + end).checked_sub(kernel).filter(|room| *room >= 0) else {
            return Err(node.error(format!(
                "its kernel of {kernel} {name} is larger than its padded input of {}",
                side + start + end
            )));
        };
        if ceil && room % stride != 0 {
            // One more window, if it starts on a pixel or on the pad before it.
            let begins = (room / stride + 1) * stride;
            if begins < side + start {
                self.overhang = begins - room;
            }
        }
        Ok(())
    }
}
