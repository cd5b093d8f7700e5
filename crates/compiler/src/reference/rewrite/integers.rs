//! Sums, averages, and what a dequantise may move behind.

use super::chain::Between;
use super::emit::{int, ints};
use super::{Names, Quantised, Rewriter};
use crate::error::CompileError;
use crate::import::NodeRef;
use crate::reference::ops::DOMAIN;
use tract_onnx::pb::NodeProto;

const MICROSOFT: &str = "com.microsoft";

impl Rewriter<'_> {
    /// Moves the dequantise before a node behind it, if it has one and the node only moves or chooses values.
    pub(super) fn behind(&mut self, index: usize) -> Result<bool, CompileError> {
        let node = self.node_ref(index);
        let proto = node.proto;
        let (Some(input), Some(output)) = (proto.input.first(), proto.output.first()) else {
            return Ok(false);
        };
        if proto.op_type == "Concat" {
            return Ok(self.concat(node, output));
        }
        let Some(source) = self.sources.get(input).cloned() else { return Ok(false) };
        let mut moved = proto.clone();
        let named = |node: &mut NodeProto, operator: &str| {
            (node.op_type, node.domain) = (operator.into(), DOMAIN.into());
        };
        match proto.op_type.as_str() {
            "MaxPool" => named(&mut moved, "WispMaxPool"),
            "Pad" => {
                let Some(pads) = self.pads_of_windows(index)? else { return Ok(false) };
                named(&mut moved, "WispPad");
                moved.input = vec![String::new(), source.grid.zero.clone()];
                moved.attribute = vec![ints("wisp_pads", &pads)];
            }
            // Numbers are computed in f32 whatever their type; between integers there is nothing to cast.
            "Cast" | "Dropout" | "Identity" | "Sum" => {
                moved.op_type = "Identity".into();
                moved.input.truncate(1);
                moved.attribute.clear();
            }
            _ => {}
        }
        moved.input[0] = source.integers;
        let moved = self.push_quantised(moved, &source.grid, output);
        self.sources.insert(output.clone(), moved);
        Ok(true)
    }

    /// A concatenation of one grid, or of grids that say the same.
    fn concat(&mut self, node: NodeRef<'_>, output: &str) -> bool {
        let sources: Option<Vec<Quantised>> =
            node.proto.input.iter().map(|input| self.sources.get(input).cloned()).collect();
        let Some(sources) = sources else { return false };
        let Some((first, rest)) = sources.split_first() else { return false };
        if !rest.iter().all(|other| self.same_grid(first, other)) {
            return false;
        }
        let mut joined = node.proto.clone();
        (joined.op_type, joined.domain) = ("QLinearConcat".into(), MICROSOFT.into());
        joined.input = vec![first.grid.scale.clone(), first.grid.zero.clone()];
        for Quantised { integers, grid } in &sources {
            joined.input.extend([integers.clone(), grid.scale.clone(), grid.zero.clone()]);
        }
        let joined = self.push_quantised(joined, &first.grid, output);
        self.sources.insert(output.into(), joined);
        true
    }

    /// Whether two tensors of integers stand for numbers by the same rule, `i8` seen as `u8`.
    fn same_grid(&self, one: &Quantised, other: &Quantised) -> bool {
        let grid = |quantised: &Quantised| {
            let Names { scale, zero } = &quantised.grid;
            let scale = self.facts.floats(scale)?.values.first()?.to_bits();
            let zero = if zero.is_empty() { 0 } else { *self.facts.ints(zero)?.first()? };
            let signed = self.facts.kind(&quantised.integers).as_deref() == Some("i8")
                || self.facts.kind(&quantised.grid.zero).as_deref() == Some("i8");
            Some((scale, zero + if signed { 128 } else { 0 }))
        };
        grid(one).is_some_and(|one| grid(other) == Some(one))
    }

    /// The pads (top, left, bottom, right) of a `Pad` with zeros whose readers are all windows that could
    /// pad by themselves.
    fn pads_of_windows(&self, index: usize) -> Result<Option<[usize; 4]>, CompileError> {
        let node = self.node_ref(index);
        let Some(output) = node.proto.output.first() else { return Ok(None) };
        let given = match node.input(1) {
            Some(tensor) => self.facts.ints(tensor),
            None => node.ints("pads")?.map(<[i64]>::to_vec),
        };
        let value = match node.input(2) {
            Some(tensor) => self.facts.floats(tensor).and_then(|value| value.values.first().copied()),
            None => Some(node.float("value")?.unwrap_or(0.0)),
        };
        let constant = matches!(node.text("mode")?, None | Some("constant"));
        let pads: Option<Vec<usize>> =
            given.map(|pads| pads.iter().map(|&pad| usize::try_from(pad).ok()).collect()).unwrap_or_default();
        let Some([0, 0, top, left, 0, 0, bottom, right]) = pads.as_deref() else { return Ok(None) };
        let pads = [*top, *left, *bottom, *right];
        let readers = self.readers.get(output.as_str()).map(Vec::as_slice).unwrap_or_default();
        if !constant || value != Some(0.0) || readers.is_empty() {
            return Ok(None);
        }
        for reader in readers {
            let Some(reader) = *reader else { return Ok(None) };
            if !self.takes_pads(reader, pads)? {
                return Ok(None);
            }
        }
        Ok(Some(pads))
    }

    /// Whether a window can have these pads beside its own.
    fn takes_pads(&self, reader: usize, more: [usize; 4]) -> Result<bool, CompileError> {
        let node = self.node_ref(reader);
        let own = node.ints("pads")?.map_or(vec![0; 4], <[i64]>::to_vec);
        let automatic = !matches!(node.text("auto_pad")?, None | Some("" | "NOTSET" | "VALID"));
        let kernel: Vec<i64> = match node.proto.op_type.as_str() {
            "Conv" => {
                let weights = node.input(1).and_then(|weights| self.facts.shape(weights)).unwrap_or_default();
                weights.iter().skip(2).map(|&side| side as i64).collect()
            }
            "AveragePool" if own.iter().all(|pad| *pad == 0) || node.int("count_include_pad")? == Some(1) => {
                let kernel = node.ints("kernel_shape")?.unwrap_or_default();
                kernel.iter().map(|side| side - 1).collect()
            }
            _ => return Ok(false),
        };
        let fits = |side: usize| {
            let largest = kernel.get(side % 2).copied().unwrap_or(0);
            own.get(side).is_some_and(|own| own.saturating_add(more[side] as i64) <= largest)
        };
        Ok(!automatic && (0..4).all(fits))
    }

    /// The sum of two dequantised tensors whose sum is quantised.
    pub(super) fn sum(&mut self, index: usize) -> Result<bool, CompileError> {
        let node = self.node_ref(index);
        let ([one, other], Some(output)) = (node.proto.input.as_slice(), node.proto.output.first()) else {
            return Ok(false);
        };
        let (Some(one), Some(other)) = (self.sources.get(one).cloned(), self.sources.get(other).cloned())
        else {
            return Ok(false);
        };
        let Some(grid) = self.chain(output, Between::Clamps)?.sink else { return Ok(false) };
        let mut sum = node.proto.clone();
        (sum.op_type, sum.domain) = ("QLinearAdd".into(), MICROSOFT.into());
        sum.attribute.clear();
        sum.input = [one, other]
            .into_iter()
            .flat_map(inputs)
            .chain([grid.scale.clone(), grid.zero.clone()])
            .collect();
        self.push_quantised(sum, &grid, output);
        Ok(true)
    }

    /// A `QLinearAdd` of a constant: natively a shift of numbers, so it is spelled as one.
    pub(super) fn add_constant(&mut self, node: NodeRef<'_>, output: &str) -> Result<bool, CompileError> {
        let input = node.proto.input.as_slice();
        let (Some(one), Some(other)) = (input.get(0..3), input.get(3..6)) else { return Ok(false) };
        if !self.is_constant(&one[0]) && !self.is_constant(&other[0]) {
            let (one, other) = (self.facts.shape(&one[0]), self.facts.shape(&other[0]));
            if one != other {
                let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
                return Err(
                    node.error(format!("it adds shapes {one:?} and {other:?}, they must be the same"))
                );
            }
            return Ok(false);
        }
        let mut terms = Vec::new();
        for (position, term) in [one, other].into_iter().enumerate() {
            let real = format!("{output}#term{position}");
            let grid = Names { scale: term[1].clone(), zero: term[2].clone() };
            self.push_dequantize(&term[0], &grid, &real);
            terms.push(real);
        }
        let sum = format!("{output}#sum");
        let plain = |name: String, operator: &str, input: Vec<String>, output: &str| NodeProto {
            name,
            op_type: operator.into(),
            input,
            output: vec![output.into()],
            ..Default::default()
        };
        self.done.push(plain(sum.clone(), "Add", terms, &sum));
        let mut input = vec![sum];
        input.extend(node.proto.input.iter().skip(6).cloned());
        self.done.push(plain(node.proto.name.clone(), "QuantizeLinear", input, output));
        Ok(true)
    }

    /// The mean of a dequantised tensor that is quantised at once.
    pub(super) fn average(&mut self, index: usize) -> Result<bool, CompileError> {
        let node = self.node_ref(index);
        let (Some(input), Some(output)) = (node.input(0), node.proto.output.first()) else {
            return Ok(false);
        };
        let Some(source) = self.sources.get(input).cloned() else { return Ok(false) };
        let Some(grid) = self.chain(output, Between::Nothing)?.sink else { return Ok(false) };
        let mut mean = node.proto.clone();
        match mean.op_type.as_str() {
            "ReduceMean" => {
                let axes = self.mean_axes(index)?;
                let axes = axes.ok_or_else(|| node.error("its axes are not known before it runs"))?;
                (mean.op_type, mean.domain) = ("WispMean".into(), DOMAIN.into());
                let keep = node.int("keepdims")?.unwrap_or(1);
                mean.attribute = vec![ints("wisp_axes", &axes), int("keepdims", keep)];
            }
            name => (mean.op_type, mean.domain) = (format!("QLinear{name}"), MICROSOFT.into()),
        }
        mean.input = inputs(source).into_iter().chain([grid.scale.clone(), grid.zero.clone()]).collect();
        self.push_quantised(mean, &grid, output);
        Ok(true)
    }
}

/// Integers, scale and zero point, as inputs of a node.
pub fn inputs(quantised: Quantised) -> [String; 3] {
    let Quantised { integers, grid: Names { scale, zero } } = quantised;
    [integers, scale, zero]
}
