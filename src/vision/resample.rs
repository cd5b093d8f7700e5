//! Resizing, cutting out and conversion in one pass over the frame.

use super::image::MAX_SIDE;
use super::passes::{LANES, blend, shrink_row};
use super::taps::Axis;
use super::{ChannelOrder, Preprocess, PreprocessError, Resize, Rgb8};

/// A row of the ring takes a multiple of this: whole pixels, and whole groups of lanes.
const BLOCK: usize = 3 * LANES;

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
                // As torchvision's `Resize`: the longer side is rounded down. No product of two sides,
                // each below 2^16, takes more than 32 bits.
                let longer = |long: u32, short: u32| shorter * long / short;
                if frame.0 <= frame.1 {
                    (shorter, longer(frame.1, frame.0))
                } else {
                    (longer(frame.0, frame.1), shorter)
                }
            }
        };
        if resized.0 < input.0 || resized.1 < input.1 {
            return Err(PreprocessError::CropTooLarge { needed: input, given: resized });
        }
        let axis = |input, output, count| Axis::new(input, output, centre(output - count), count);
        let plan = Self {
            table: spec.table(),
            order: spec.order,
            x: axis(frame.0, resized.0, input.0),
            y: axis(frame.1, resized.1, input.1),
        };
        // When both memories can be addressed, no product below overflows.
        let tensor = u64::from(input.0) * u64::from(input.1) * 3 * size_of::<f32>() as u64;
        let needed = plan.bytes().max(tensor);
        usize::try_from(needed).map_err(|_| PreprocessError::TooLarge { needed })?;
        Ok(plan)
    }

    /// Bytes of scratch, which may be more than this CPU can address.
    fn bytes(&self) -> u64 {
        let row = (u64::from(self.x.count) * 3).next_multiple_of(BLOCK as u64);
        self.x.table_bytes() + self.y.table_bytes() + row * self.y.taps() as u64
    }

    /// Bytes of a row in the ring.
    fn row_bytes(&self) -> usize {
        (self.x.count as usize * 3).next_multiple_of(BLOCK)
    }

    pub fn scratch_bytes(&self) -> usize {
        self.bytes() as usize
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
        let (x_table, rest) = used.split_at_mut_checked(self.x.table_bytes() as usize).ok_or(too_small)?;
        let (y_table, ring) = rest.split_at_mut_checked(self.y.table_bytes() as usize).ok_or(too_small)?;
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
        let width = self.x.count as usize;
        let needed = width * 3 * self.y.count as usize;
        if input.len() != needed {
            return Err(PreprocessError::Output { needed, given: input.len() });
        }
        let [x_table, y_table, ring] = self.split(scratch)?;
        let (length, taps) = (self.row_bytes(), self.y.taps());
        let mut done = 0;
        let rows = input.as_chunks_mut::<3>().0.chunks_exact_mut(width);
        for ((start, weights), out) in self.y.entries(y_table).zip(rows) {
            for row in start.max(done)..start + taps {
                let slot = ring.chunks_exact_mut(length).nth(row % taps).unwrap_or_default();
                shrink_row(&self.x, x_table, frame.row(row), slot);
            }
            done = start + taps;
            // The ring from the first row on: behind its end it goes on at its beginning.
            let (later, sooner) = ring.split_at_checked(start % taps * length).unwrap_or_default();
            self.blend_rows([sooner, later], weights, out);
        }
        Ok(())
    }

    /// Vertical pass over the rows of the ring, in two parts, then bytes to input values.
    fn blend_rows(&self, ring: [&[u8]; 2], weights: &[[u8; 4]], out: &mut [[f32; 3]]) {
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            let mut bytes = [0; BLOCK];
            for (group, bytes) in bytes.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                *bytes = blend(ring, self.row_bytes(), block * BLOCK + group * LANES, weights);
            }
            for (values, &[red, green, blue]) in out.iter_mut().zip(bytes.as_chunks::<3>().0) {
                let bytes = match self.order {
                    ChannelOrder::Rgb => [red, green, blue],
                    ChannelOrder::Bgr => [blue, green, red],
                };
                for channel in 0..3 {
                    values[channel] = self.table[channel][usize::from(bytes[channel])];
                }
            }
        }
    }
}

/// Half of `difference`, a half rounded to even: where torchvision's `CenterCrop` begins.
fn centre(difference: u32) -> u32 {
    let half = difference / 2;
    half + (difference % 2) * (half % 2)
}
