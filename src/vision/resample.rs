//! Resizing, cutting out and conversion in one pass over the frame.

use super::image::MAX_SIDE;
use super::taps::{Axis, PRECISION};
use super::{ChannelOrder, Preprocess, PreprocessError, Resize, Rgb8};

/// Half of the last bit kept, so that the shift rounds to nearest.
const HALF: i32 = 1 << (PRECISION - 1);
/// Values that are summed side by side; two registers of eight lanes.
const LANES: usize = 16;

/// Turns frames of one size into a model's input tensor.
///
/// ```
/// use wisp::vision::{Preprocess, Resampler, Rgb8, scratch_bytes};
///
/// let spec = Preprocess::caffe();
/// let mut scratch = vec![0; scratch_bytes(&spec, (640, 480), (224, 224))?];
/// let mut resampler = Resampler::new(&spec, (640, 480), (224, 224), &mut scratch)?;
/// let mut input = vec![0.0; 224 * 224 * 3];
/// let frame = vec![127; 640 * 480 * 3];
/// resampler.run(&Rgb8::packed(&frame, 640, 480)?, &mut input)?;
/// assert_eq!(input[0], 127.0 - 104.006);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Resampler<'s> {
    plan: Plan,
    scratch: &'s mut [u8],
}

/// Bytes of scratch for a [`Resampler`] from frames of `frame` to an input of `input`, both (width,
/// height): the filter tables, and as many rows as the vertical filter spans.
///
/// # Errors
/// [`PreprocessError`] when a size or the preparation is not valid.
pub fn scratch_bytes(
    spec: &Preprocess,
    frame: (u32, u32),
    input: (u32, u32),
) -> Result<usize, PreprocessError> {
    Ok(Plan::new(spec, frame, input)?.scratch_bytes())
}

impl<'s> Resampler<'s> {
    /// Computes the filter tables in `scratch`, which needs [`scratch_bytes`] and no alignment.
    ///
    /// # Errors
    /// [`PreprocessError`] when a size or the preparation is not valid, or the scratch is too small.
    pub fn new(
        spec: &Preprocess,
        frame: (u32, u32),
        input: (u32, u32),
        scratch: &'s mut [u8],
    ) -> Result<Self, PreprocessError> {
        let plan = Plan::new(spec, frame, input)?;
        plan.fill(scratch)?;
        Ok(Self { plan, scratch })
    }

    /// Writes the input tensor of a frame: rows of pixels of three values in the model's channel order.
    ///
    /// # Errors
    /// [`PreprocessError::Frame`] or [`PreprocessError::Output`] when a size is not the one that the
    /// resampler was made for.
    pub fn run(&mut self, frame: &Rgb8<'_>, input: &mut [f32]) -> Result<(), PreprocessError> {
        self.plan.run(self.scratch, frame, input)
    }
}

/// A resampler without its memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    table: [[f32; 256]; 3],
    order: ChannelOrder,
    x: Axis,
    y: Axis,
}

impl Plan {
    pub fn new(spec: &Preprocess, frame: (u32, u32), input: (u32, u32)) -> Result<Self, PreprocessError> {
        spec.check()?;
        let valid = |side: u32| (1..=MAX_SIDE as u32).contains(&side);
        if ![frame.0, frame.1, input.0, input.1].into_iter().all(valid) {
            return Err(PreprocessError::Size);
        }
        let resized = match spec.resize {
            Resize::Warp => input,
            Resize::Crop { shorter } => {
                // As torchvision's `Resize`: the longer side is rounded down.
                let longer = |long: u32, short: u32| u64::from(shorter) * u64::from(long) / u64::from(short);
                let (width, height) = if frame.0 <= frame.1 {
                    (shorter.into(), longer(frame.1, frame.0))
                } else {
                    (longer(frame.0, frame.1), shorter.into())
                };
                // A side beyond 32 bits can only come of a frame that is 65535 times as long as wide.
                (u32::try_from(width).unwrap_or(u32::MAX), u32::try_from(height).unwrap_or(u32::MAX))
            }
        };
        if resized.0 < input.0 || resized.1 < input.1 {
            return Err(PreprocessError::CropTooLarge { needed: input, given: resized });
        }
        let axis = |input, output, count| Axis { input, output, first: centre(output - count), count };
        Ok(Self {
            table: spec.table(),
            order: spec.order,
            x: axis(frame.0, resized.0, input.0),
            y: axis(frame.1, resized.1, input.1),
        })
    }

    fn row_bytes(&self) -> usize {
        self.x.count as usize * 3
    }

    pub fn scratch_bytes(&self) -> usize {
        self.x.table_bytes() + self.y.table_bytes() + self.y.taps() * self.row_bytes()
    }

    /// Whether this plan is for frames of that size.
    #[cfg(feature = "std")]
    pub fn takes(&self, frame: &Rgb8<'_>) -> bool {
        (frame.width(), frame.height()) == (self.x.input as usize, self.y.input as usize)
    }

    /// Computes the filter tables.
    pub fn fill(&self, scratch: &mut [u8]) -> Result<(), PreprocessError> {
        let [x_table, y_table, _] = self.split(scratch)?;
        self.x.fill(x_table);
        self.y.fill(y_table);
        Ok(())
    }

    /// The table of each axis and the ring of rows.
    fn split<'s>(&self, scratch: &'s mut [u8]) -> Result<[&'s mut [u8]; 3], PreprocessError> {
        let (needed, given) = (self.scratch_bytes(), scratch.len());
        let too_small = PreprocessError::ScratchTooSmall { needed, given };
        let used = scratch.get_mut(..needed).ok_or(too_small)?;
        let (x_table, rest) = used.split_at_mut_checked(self.x.table_bytes()).ok_or(too_small)?;
        let (y_table, ring) = rest.split_at_mut_checked(self.y.table_bytes()).ok_or(too_small)?;
        Ok([x_table, y_table, ring])
    }

    /// Resamples a frame with tables that [`fill`](Self::fill) has written to `scratch`.
    pub fn run(
        &self,
        scratch: &mut [u8],
        frame: &Rgb8<'_>,
        input: &mut [f32],
    ) -> Result<(), PreprocessError> {
        let size = (self.x.input, self.y.input);
        let given = (frame.width() as u32, frame.height() as u32);
        if given != size {
            return Err(PreprocessError::Frame { needed: size, given });
        }
        let needed = self.row_bytes() * self.y.count as usize;
        if input.len() != needed {
            return Err(PreprocessError::Output { needed, given: input.len() });
        }
        let [x_table, y_table, ring] = self.split(scratch)?;
        let rows = self.y.taps();
        let mut done = 0;
        for (index, out) in input.chunks_exact_mut(self.row_bytes()).enumerate() {
            let (start, weights) = self.y.entry_at(y_table, index);
            for row in start.max(done)..start + weights.len() {
                let slot = ring.chunks_exact_mut(self.row_bytes()).nth(row % rows).unwrap_or_default();
                self.shrink_row(x_table, frame.row(row), slot);
            }
            done = start + weights.len();
            self.blend_rows(ring, start, weights, out);
        }
        Ok(())
    }

    /// Horizontal pass: one source row to the needed pixels.
    fn shrink_row(&self, table: &[u8], row: &[[u8; 3]], out: &mut [u8]) {
        for (index, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (start, weights) = self.x.entry_at(table, index);
            let mut sums = [HALF; 3];
            for (weight, source) in weights.iter().zip(row.get(start..).unwrap_or_default()) {
                let weight = i32::from_le_bytes(*weight);
                for (sum, &value) in sums.iter_mut().zip(source) {
                    *sum += weight * i32::from(value);
                }
            }
            *pixel = sums.map(round);
        }
    }

    /// Vertical pass over rows of the ring, then bytes to input values.
    fn blend_rows(&self, ring: &[u8], start: usize, weights: &[[u8; 4]], out: &mut [f32]) {
        let (length, rows) = (self.row_bytes(), self.y.taps());
        for first in (0..length).step_by(LANES) {
            let mut sums = [HALF; LANES];
            for (tap, weight) in weights.iter().enumerate() {
                let weight = i32::from_le_bytes(*weight);
                let row = (start + tap) % rows * length;
                let values = ring.get(row + first..row + length).unwrap_or_default();
                if let Some(values) = values.first_chunk::<LANES>() {
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum += weight * i32::from(value);
                    }
                } else {
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum += weight * i32::from(value);
                    }
                }
            }
            for (at, sum) in (first..length).zip(sums) {
                let channel = at % 3;
                let (tensor_channel, to) = match self.order {
                    ChannelOrder::Rgb => (channel, at),
                    ChannelOrder::Bgr => (2 - channel, at - channel + 2 - channel),
                };
                if let Some(value) = out.get_mut(to) {
                    *value = self.table[tensor_channel][usize::from(round(sum))];
                }
            }
        }
    }
}

/// A sum of weighted pixels as a pixel.
fn round(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Half of `difference`, a half rounded to even: where torchvision's `CenterCrop` begins.
fn centre(difference: u32) -> u32 {
    let half = difference / 2;
    half + (difference % 2) * (half % 2)
}
