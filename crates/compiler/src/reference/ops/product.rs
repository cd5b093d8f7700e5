//! What convolution and dense layer have in common: from integer sums to the output.
//!
//! With `s` the scale of a step of the sums (input's times weight's), the bias is an integer in steps of
//! `s`. An output of integers is `f32(sum) · f32(s / y)`, an output of numbers `f32(sum) · f32(s)`.

use super::grid::{Grid, floats, integers, kind_of, scales, tensor};
use super::plain::{Inputs, Places};
use tract_core::internal::*;
use tract_onnx::pb::NodeProto;

// Where the inputs stand, of both.
pub const VALUES: usize = 0;
pub const SCALE: usize = 1;
pub const ZERO: usize = 2;
pub const WEIGHTS: usize = 3;
const WEIGHT_SCALE: usize = 4;
const WEIGHT_ZERO: usize = 5;
const OUTPUT_SCALE: usize = 6;
const OUTPUT_ZERO: usize = 7;
/// Integers, or numbers that are rounded to steps of the sums.
const BIAS: usize = 8;
/// Of an integer bias; without it, that of the sums.
const BIAS_SCALE: usize = 9;
/// What is added to the bias, any number of constants.
const SHIFTS: usize = 10;

/// The places of `[x, x_scale, x_zero, w, w_scale, w_zero]` and of an output's grid and a bias.
pub fn places(given: &Places, output: [usize; 2], bias: usize) -> Places {
    let at = |place: usize| given.get(place).copied().flatten();
    (0..OUTPUT_SCALE).map(at).chain([at(output[0]), at(output[1]), at(bias)]).collect()
}

/// What a node says beside its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Product {
    /// Bits of a factor on the input's scale.
    alpha_of_input: Option<u32>,
    /// Bits of a factor on the weights' scale.
    alpha_of_weights: Option<u32>,
    /// Bits of a factor on the bias.
    beta: Option<u32>,
    /// The output is the mean over all pixels: an exact sum of the sums, or of what is above 0 of them.
    average: Option<Of>,
    /// The output's shape, where it is not the operator's own.
    dims: Option<Vec<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Sums,
    Positive,
}

impl Product {
    /// Reads what the rewriter has written.
    pub fn read(node: &NodeProto) -> TractResult<Self> {
        let dims = node.get_attr_opt_vec::<i64>("wisp_dims")?;
        let dims = dims.map(|dims| dims.iter().map(|&dim| dim.max(0) as usize).collect());
        let bits = |name: &str| -> TractResult<Option<u32>> {
            Ok(node.get_attr_opt::<f32>(name)?.map(f32::to_bits))
        };
        let average = match node.get_attr_opt::<i64>("wisp_average")? {
            None => None,
            Some(0) => Some(Of::Sums),
            Some(_) => Some(Of::Positive),
        };
        let (alpha_of_weights, beta) = (bits("alpha")?, bits("beta")?);
        Ok(Self { alpha_of_input: None, alpha_of_weights, beta, average, dims })
    }

    /// `QGemm`, whose bias is in steps of `alpha · a_scale · b_scale`.
    pub fn gemm(node: &NodeProto) -> TractResult<Self> {
        let alpha = node.get_attr_opt::<f32>("alpha")?;
        Ok(Self { alpha_of_input: alpha.map(f32::to_bits), ..Self::default() })
    }

    pub fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType> {
        match kinds.get(OUTPUT_SCALE) {
            None => Ok(DatumType::F32),
            Some(_) => kind_of(kinds.get(OUTPUT_ZERO)),
        }
    }

    pub fn shape(&self, own: Vec<usize>) -> TractResult<Vec<usize>> {
        Ok(self.dims.clone().unwrap_or(own))
    }

    /// The input without its zero point.
    pub fn values(&self, inputs: &Inputs<&Tensor>) -> TractResult<Vec<i32>> {
        let values = inputs.need(VALUES)?;
        let grid = Grid::read(inputs, SCALE, ZERO, values.datum_type())?;
        Ok(integers(values)?.iter().map(|value| value - grid.zero).collect())
    }

    /// The weights without their zero point, of `outputs` outputs: value `index` belongs to the output that
    /// `output` says.
    pub fn weights(
        &self,
        inputs: &Inputs<&Tensor>,
        outputs: usize,
        output: impl Fn(usize) -> usize,
    ) -> TractResult<Vec<i32>> {
        let values = integers(inputs.need(WEIGHTS)?)?;
        let zeros = match inputs.get(WEIGHT_ZERO) {
            Some(zeros) => integers(zeros)?,
            None => vec![0],
        };
        let zeros = each(zeros, outputs, "the zero point of its weights")?;
        Ok(values.iter().enumerate().map(|(index, value)| value - zeros[output(index)]).collect())
    }

    /// The output: `sums` of each output and each pixel, `[output][pixel]`, stored at `at(output, pixel)`.
    pub fn finish(
        &self,
        inputs: &Inputs<&Tensor>,
        sums: &[i64],
        outputs: usize,
        kind: DatumType,
        shape: &[usize],
        at: impl Fn(usize, usize) -> usize,
    ) -> TractResult<Tensor> {
        let pixels = sums.len() / outputs.max(1);
        let stored = if self.average.is_some() { outputs } else { sums.len() };
        if shape.iter().product::<usize>() != stored {
            bail!("it has {stored} values, which are not those of shape {shape:?}");
        }
        let steps = self.steps(inputs, outputs)?;
        let biases = self.biases(inputs, &steps)?;
        let mut numbers = vec![0.0; stored];
        let mut places = vec![0; stored];
        let grid = match inputs.get(OUTPUT_SCALE) {
            Some(_) if self.average.is_some() => bail!("a mean of sums is a number, and has no grid"),
            Some(_) => Some(Grid::read(inputs, OUTPUT_SCALE, OUTPUT_ZERO, kind)?),
            None => None,
        };
        for (output, (&step, &bias)) in steps.iter().zip(&biases).enumerate() {
            let factor = grid.map_or(step, |grid| step / f64::from(grid.scale)) as f32;
            let sums = sums.iter().skip(output * pixels).take(pixels).map(|sum| sum + bias);
            if let Some(of) = self.average {
                let sum: i64 = sums.map(|sum| if of == Of::Positive { sum.max(0) } else { sum }).sum();
                let factor = (f64::from(factor) / pixels as f64) as f32;
                numbers[output] = sum as f32 * factor;
                continue;
            }
            for (pixel, sum) in sums.enumerate() {
                let scaled = sum as f32 * factor;
                match grid {
                    Some(grid) => places[at(output, pixel)] = grid.place(scaled),
                    None => numbers[at(output, pixel)] = scaled,
                }
            }
        }
        match grid {
            Some(_) => tensor(kind, shape, &places),
            None => Tensor::from_shape(shape, &numbers),
        }
    }

    /// What a step of the sums is worth, for each output.
    fn steps(&self, inputs: &Inputs<&Tensor>, outputs: usize) -> TractResult<Vec<f64>> {
        let mut scale = Grid::read(inputs, SCALE, ZERO, inputs.need(VALUES)?.datum_type())?.scale;
        if let Some(alpha) = self.alpha_of_input {
            scale *= f32::from_bits(alpha);
        }
        let mut weights = scales(inputs.need(WEIGHT_SCALE)?)?;
        if let Some(alpha) = self.alpha_of_weights {
            weights.iter_mut().for_each(|scale| *scale *= f32::from_bits(alpha));
        }
        let weights = each(weights, outputs, "the scale of its weights")?;
        let steps: Vec<f64> = weights.iter().map(|&weight| f64::from(scale) * f64::from(weight)).collect();
        match steps.iter().find(|step| **step <= 0.0) {
            Some(step) => bail!("a step of its sums is worth {step:e}, it must be above 0"),
            None => Ok(steps),
        }
    }

    /// The bias of each output in steps of its sums.
    fn biases(&self, inputs: &Inputs<&Tensor>, steps: &[f64]) -> TractResult<Vec<i64>> {
        let outputs = steps.len();
        let shifts = (SHIFTS..inputs.count()).filter_map(|place| inputs.get(place));
        let shifts = shifts.map(|shift| each(floats(shift)?, outputs, "what is added to it"));
        let shifts = shifts.collect::<TractResult<Vec<_>>>()?;
        let beta = f32::from_bits(self.beta.unwrap_or(1f32.to_bits()));
        let reals = match inputs.get(BIAS) {
            None => vec![0.0; outputs],
            Some(bias) if bias.datum_type().is_float() => each(floats(bias)?, outputs, "its bias")?,
            Some(bias) => {
                let values = integers(bias)?;
                let scales = inputs.get(BIAS_SCALE).map(|scale| scales(scale)).transpose()?;
                let whole = values.len() == outputs;
                let Some(scales) = scales else {
                    if !whole {
                        bail!("its bias has {} values, {outputs} are needed", values.len());
                    }
                    return Ok(values.into_iter().map(i64::from).collect());
                };
                let scales = each(scales, values.len(), "the scale of its bias")?;
                if whole && beta == 1.0 && shifts.is_empty() {
                    let biases = values.iter().zip(scales).zip(steps);
                    return Ok(biases.map(|((&value, scale), &step)| regrid(value, scale, step)).collect());
                }
                let reals = values.iter().zip(scales).map(|(&value, scale)| value as f32 * scale).collect();
                each(reals, outputs, "its bias")?
            }
        };
        let shifted = |output: usize, real: f32| {
            shifts.iter().fold(real * beta, |sum, shift| (f64::from(sum) + f64::from(shift[output])) as f32)
        };
        let reals = reals.iter().enumerate().map(|(output, &real)| f64::from(shifted(output, real)));
        Ok(reals.zip(steps).map(|(real, step)| (real / step).round_ties_even() as i64).collect())
    }
}

/// An integer of a grid of its own on that of the sums. It is the same integer where the file means the
/// scales to be the same, and only the last digit of their product was lost.
fn regrid(value: i32, scale: f32, step: f64) -> i64 {
    let ratio = f64::from(scale) / step;
    if (ratio - 1.0).abs() < 1e-5 {
        return value.into();
    }
    (f64::from(value) * f64::from(scale) / step).round_ties_even() as i64
}

/// One value for each of so many: as given, or the only one for all.
fn each<T: Copy>(values: Vec<T>, count: usize, what: &str) -> TractResult<Vec<T>> {
    match values[..] {
        [value] => Ok(vec![value; count]),
        _ if values.len() == count => Ok(values),
        _ => bail!("{what} has {} values, 1 or {count} are needed", values.len()),
    }
}
