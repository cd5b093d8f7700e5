//! Operators that leave every value of ours where it is: `Identity`, `Cast`, `Dropout`, reshapes, and
//! transposes between channels first and channels last.

use super::attributes::NodeRef;
use super::nodes::Importer;
use crate::error::CompileError;
use crate::graph::Op;

/// Adds nothing but a second name.
pub fn lower_identity(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&[])?;
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::Identity, vec![input.tensor], input.layout)
}

/// Dropout does nothing outside training. A mask output is fine as long as nothing reads it: then it has
/// no tensor in our graph, and reading it is an error there.
pub fn lower_dropout(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["ratio", "seed"])?;
    if let Some(mode) = node.input(2)
        && importer.facts.flag(mode) != Some(false)
    {
        return Err(node.error("dropout in training mode is not supported"));
    }
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::Identity, vec![input.tensor], input.layout)
}

/// A cast between floating-point types: we compute in `f32` whatever the file's type.
pub fn lower_cast(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["saturate", "to"])?;
    let input = importer.activation(node, 0)?;
    importer.push(node, Op::Identity, vec![input.tensor], input.layout)
}

/// A reshape is another name, since it keeps the order of the values. Who reads it decides whether it can
/// read them so.
pub fn lower(importer: &mut Importer<'_>, node: NodeRef<'_>, known: &[&str]) -> Result<(), CompileError> {
    node.only(known)?;
    let input = importer.activation(node, 0)?;
    let name = node.output()?;
    let dims = match importer.facts.shape(name) {
        Some(dims) => Some(dims),
        None => dims(importer, node, &input.layout.dims)?,
    };
    let Some(dims) = dims else {
        return Err(node.error(format!("the shape of \"{name}\" does not follow from the input's")));
    };
    let reshaped = input.layout.reshaped(importer.shape(input.tensor), dims.clone());
    let Some(layout) = reshaped else {
        let before = &input.layout.dims;
        return Err(node.error(format!("shape {before:?} has not as many values as {dims:?}")));
    };
    importer.push(node, Op::Identity, vec![input.tensor], layout)
}

/// The shape behind a reshape whose input's shape tract does not know, if the node itself says it.
fn dims(
    importer: &Importer<'_>,
    node: NodeRef<'_>,
    before: &[usize],
) -> Result<Option<Vec<usize>>, CompileError> {
    let all: usize = before.iter().product();
    let axes = || match node.input(1) {
        Some(_) => importer.ints(node, 1, "axes").map(Some),
        None => Ok(node.ints("axes")?.map(<[i64]>::to_vec)),
    };
    Ok(match node.proto.op_type.as_str() {
        "Flatten" if node.int("axis")?.unwrap_or(1) == 1 => {
            let batch = before.first().copied().unwrap_or(1);
            Some(vec![batch, all / batch.max(1)])
        }
        "Reshape" => {
            let given = importer.ints(node, 1, "shape")?;
            let known = given.iter().enumerate().map(|(at, &dim)| match dim {
                0 => before.get(at).copied(),
                -1 => Some(0),
                dim => usize::try_from(dim).ok(),
            });
            let Some(mut dims) = known.collect::<Option<Vec<_>>>() else { return Ok(None) };
            if let Some(open) = given.iter().position(|&dim| dim == -1) {
                dims[open] = 1;
                dims[open] = all / dims.iter().product::<usize>().max(1);
            }
            Some(dims)
        }
        "Squeeze" => match axes()? {
            Some(axes) => {
                let axes = importer.axes(node, &axes, before.len())?;
                let kept = before.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
                Some(kept.map(|(_, &dim)| dim).collect())
            }
            None => Some(before.iter().copied().filter(|&dim| dim != 1).collect()),
        },
        _ => None,
    })
}

/// A transpose between channels first and channels last is another name: our order is our own.
pub fn lower_transpose(importer: &mut Importer<'_>, node: NodeRef<'_>) -> Result<(), CompileError> {
    node.only(&["perm"])?;
    let input = importer.activation(node, 0)?;
    let dims = &input.layout.dims;
    let reversed: Vec<i64> = (0..dims.len() as i64).rev().collect();
    let perm = node.ints("perm")?.unwrap_or(&reversed);
    let axes = importer.axes(node, perm, dims.len())?;
    let layout = input.layout.transposed(importer.shape(input.tensor), &axes);
    let Some(layout) = layout.filter(|_| axes.len() == dims.len()) else {
        return Err(node.error(format!(
            "the order {perm:?} of shape {dims:?} is not supported: only between channels first ([0, 3, 1, 2]) and \
             channels last ([0, 2, 3, 1])"
        )));
    };
    importer.push(node, Op::Identity, vec![input.tensor], layout)
}
