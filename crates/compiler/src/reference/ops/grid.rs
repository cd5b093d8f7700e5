//! Grids: which number an integer stands for, and which integer a number becomes.

use super::plain::Inputs;
use tract_core::internal::*;

/// Scale and zero point of a whole tensor, and the bounds of its type.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub scale: f32,
    pub zero: i32,
    lo: f32,
    hi: f32,
}

impl Grid {
    /// The grid that the inputs at two places give a tensor of type `kind`.
    pub fn read(inputs: &Inputs<&Tensor>, scale: usize, zero: usize, kind: DatumType) -> TractResult<Self> {
        let scale = single(&scales(inputs.need(scale)?)?, "scale")?;
        let zero = match inputs.get(zero) {
            Some(zero) => single(&integers(zero)?, "zero point")?,
            None => 0,
        };
        Self::new(scale, zero, kind)
    }

    pub fn new(scale: f32, zero: i32, kind: DatumType) -> TractResult<Self> {
        let (lo, hi) = match kind {
            DatumType::U8 => (0, 255),
            DatumType::I8 => (-128, 127),
            // Of a bias, which is only ever read.
            DatumType::I32 => (i32::MIN, i32::MAX),
            _ => bail!("integers of type {kind:?} are not supported"),
        };
        let steps = |bound: i32| (i64::from(bound) - i64::from(zero)) as f32;
        Ok(Self { scale, zero, lo: steps(lo), hi: steps(hi) })
    }

    /// The integer that so many steps from zero are: bounded, rounded half to even, moved by the zero
    /// point. Not a number is the lower bound.
    pub fn place(&self, steps: f32) -> i32 {
        let steps = if steps > self.lo { steps } else { self.lo };
        let steps = if steps < self.hi { steps } else { self.hi };
        steps.round_ties_even() as i32 + self.zero
    }

    /// The integer that a number becomes: ONNX divides.
    pub fn quantise(&self, value: f32) -> i32 {
        self.place(value / self.scale)
    }

    /// The number that an integer stands for.
    pub fn real(&self, value: i32) -> f32 {
        value.wrapping_sub(self.zero) as f32 * self.scale
    }
}

/// The one value of a list.
pub fn single<T: Copy>(values: &[T], what: &str) -> TractResult<T> {
    match values {
        [value] => Ok(*value),
        _ => bail!("its {what} has {} values, 1 is supported here", values.len()),
    }
}

/// The type that a zero point gives a quantised tensor.
pub fn kind_of(zero: Option<&DatumType>) -> TractResult<DatumType> {
    match zero {
        None => Ok(DatumType::U8),
        Some(kind @ (DatumType::U8 | DatumType::I8)) => Ok(*kind),
        Some(kind) => bail!("a zero point of type {kind:?} is not supported, u8 and i8 are"),
    }
}

/// The values of a scale.
pub fn scales(tensor: &Tensor) -> TractResult<Vec<f32>> {
    let values = floats(tensor)?;
    match values.iter().find(|value| !(value.is_normal() && **value > 0.0)) {
        Some(value) => bail!("its scale is {value:e}, it must be above 0"),
        None => Ok(values),
    }
}

/// The values of a tensor of floating-point numbers.
pub fn floats(tensor: &Tensor) -> TractResult<Vec<f32>> {
    if !tensor.datum_type().is_float() {
        bail!("it has data of type {:?}, floating point is needed", tensor.datum_type());
    }
    let values = tensor.cast_to::<f32>()?;
    Ok(values.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// The values of a tensor of integers of up to 32 bits.
pub fn integers(tensor: &Tensor) -> TractResult<Vec<i32>> {
    let plain = tensor.try_as_plain_ram()?;
    Ok(match tensor.datum_type() {
        DatumType::U8 => plain.as_slice::<u8>()?.iter().map(|&value| value.into()).collect(),
        DatumType::I8 => plain.as_slice::<i8>()?.iter().map(|&value| value.into()).collect(),
        DatumType::I32 => plain.as_slice::<i32>()?.to_vec(),
        kind => bail!("it has data of type {kind:?}, integers of 8 or 32 bits are needed"),
    })
}

/// A tensor of integers of a type of 8 bits.
pub fn tensor(kind: DatumType, shape: &[usize], values: &[i32]) -> TractResult<Tensor> {
    match kind {
        DatumType::U8 => {
            Tensor::from_shape(shape, &values.iter().map(|&value| value as u8).collect::<Vec<_>>())
        }
        DatumType::I8 => {
            Tensor::from_shape(shape, &values.iter().map(|&value| value as i8).collect::<Vec<_>>())
        }
        _ => bail!("it would give integers of type {kind:?}, u8 and i8 are supported"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_even_step_and_the_zero_point_comes_after() {
        let grid = Grid::new(0.5, 3, DatumType::U8).unwrap();
        let found = [0.25, 0.75, -0.25, -0.75, 1e9, -1e9, f32::NAN].map(|value| grid.quantise(value));
        assert_eq!(found, [3, 5, 3, 1, 255, 0, 0]);
        let signed = Grid::new(0.5, -3, DatumType::I8).unwrap();
        assert_eq!([1e9, -1e9, 0.25].map(|value| signed.quantise(value)), [127, -128, -3]);
        assert_eq!((signed.real(127), grid.real(0)), (65.0, -1.5));
    }

    #[test]
    fn it_divides_and_does_not_multiply_by_the_reciprocal() {
        // 0.5 / 0.1 in f32 is 5 exactly; the reciprocal of 0.1 is 10, but that of 0.3 loses a digit.
        let grid = Grid::new(0.3, 0, DatumType::U8).unwrap();
        let tie = 0.3f32 * 0.5;
        assert_eq!(grid.quantise(tie), (tie / 0.3).round_ties_even() as i32);
    }
}
