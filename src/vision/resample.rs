//! Resizing, cutting out and conversion in one pass over the frame.

use super::frame::{MAX_SIDE, Pixels};
use super::taps::Axis;
use super::{ChannelOrder, Colour, Frame, PixelFormat, Preprocess, PreprocessError, Resize};
use crate::Isa;
use crate::kernels::Kernels;
use crate::kernels::resample::{BLOCK, Values};

/// Turns frames of one size, in any pixel format, into a model's input tensor.
///
/// ```
/// use wisp::vision::{Frame, PixelFormat, Preprocess, Resampler, scratch_bytes};
///
/// let spec = Preprocess::caffe();
/// let mut scratch = vec![0; scratch_bytes(&spec, (640, 480), (224, 224))?];
/// let mut resampler = Resampler::new(&spec, (640, 480), (224, 224), &mut scratch)?;
/// let mut input = vec![0.0; 224 * 224 * 3];
/// let bytes = vec![128; 640 * 480 * 2];
/// resampler.run(Frame::packed(PixelFormat::Yuyv, &bytes, 640, 480)?, &mut input)?;
/// assert_eq!(input[0], 130.0 - 104.006);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Resampler<'s> {
    plan: Plan,
    kernels: &'static Kernels,
    scratch: &'s mut [u8],
}

/// Bytes of scratch for a [`Resampler`] from frames of `frame` to an input of `input`, both (width,
/// height): the filter tables, as many rows as the vertical filter spans and one or two more, and two rows of
/// the frame.
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
        let isa = Isa::detect();
        let kernels = Kernels::of(isa).ok_or(PreprocessError::Isa(isa))?;
        let plan = Plan::new(spec, frame, input)?;
        plan.fill(scratch)?;
        Ok(Self { plan, kernels, scratch })
    }

    /// The same resampler on another instruction set than this CPU's best. All give the same bits.
    ///
    /// # Errors
    /// [`PreprocessError::Isa`] when this CPU does not have it.
    pub fn with_isa(self, isa: Isa) -> Result<Self, PreprocessError> {
        let kernels = Kernels::of(isa).ok_or(PreprocessError::Isa(isa))?;
        Ok(Self { kernels, ..self })
    }

    /// Writes the input tensor of a frame: rows of pixels of three values in the model's channel order.
    ///
    /// # Errors
    /// [`PreprocessError::Frame`] or [`PreprocessError::Output`] when a size is not the one that the
    /// resampler was made for.
    pub fn run<'f>(&mut self, frame: impl Into<Frame<'f>>, input: &mut [f32]) -> Result<(), PreprocessError> {
        self.plan.run(self.kernels, self.scratch, &frame.into(), input)
    }
}

/// A resampler without its memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Without the swap, which the frame has a say in.
    values: Values,
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
            values: spec.values(),
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
        let row = self.row_bytes();
        self.x.table_bytes() + self.y.table_bytes() + row * self.slots() as u64 + self.lines_bytes()
    }

    /// Rows in the ring: those of the vertical filter and one, an even number.
    fn slots(&self) -> usize {
        (self.y.taps() + 1).next_multiple_of(2)
    }

    /// Bytes of a row in the ring.
    fn row_bytes(&self) -> u64 {
        (u64::from(self.x.count) * 3).next_multiple_of(BLOCK as u64)
    }

    /// Bytes of the rows that are at hand: two of the frame in colour, later one between vertical pass and values.
    fn lines_bytes(&self) -> u64 {
        self.row_bytes().max(u64::from(self.x.needed().1) * 6)
    }

    pub fn scratch_bytes(&self) -> usize {
        self.bytes() as usize
    }

    /// Whether this plan is for frames of that size.
    #[cfg(feature = "std")]
    pub fn takes(&self, frame: &Frame<'_>) -> bool {
        frame.size() == (self.x.input, self.y.input)
    }

    /// Computes the filter tables.
    pub fn fill(&self, scratch: &mut [u8]) -> Result<(), PreprocessError> {
        let [x_table, y_table, ..] = self.split(scratch)?;
        self.x.fill(x_table);
        self.y.fill(y_table);
        Ok(())
    }

    /// The table of each axis, the ring of rows and the rows at hand.
    fn split<'s>(&self, scratch: &'s mut [u8]) -> Result<[&'s mut [u8]; 4], PreprocessError> {
        let (needed, given) = (self.scratch_bytes(), scratch.len());
        let too_small = PreprocessError::ScratchTooSmall { needed, given };
        let used = scratch.get_mut(..needed).ok_or(too_small)?;
        let (x_table, rest) = used.split_at_mut_checked(self.x.table_bytes() as usize).ok_or(too_small)?;
        let (y_table, rest) = rest.split_at_mut_checked(self.y.table_bytes() as usize).ok_or(too_small)?;
        let ring = self.row_bytes() as usize * self.slots();
        let (ring, lines) = rest.split_at_mut_checked(ring).ok_or(too_small)?;
        Ok([x_table, y_table, ring, lines])
    }

    /// Resamples a frame with tables that [`fill`](Self::fill) has written to `scratch`.
    pub fn run(
        &self,
        kernels: &Kernels,
        scratch: &mut [u8],
        frame: &Frame<'_>,
        input: &mut [f32],
    ) -> Result<(), PreprocessError> {
        let (size, given) = ((self.x.input, self.y.input), frame.size());
        if given != size {
            return Err(PreprocessError::Frame { needed: size, given });
        }
        let width = self.x.count as usize * 3;
        let needed = width * self.y.count as usize;
        if input.len() != needed {
            return Err(PreprocessError::Output { needed, given: input.len() });
        }
        let [x_table, y_table, ring, lines] = self.split(scratch)?;
        let (x_filter, y_filter) = (self.x.filter(x_table), self.y.filter(y_table));
        let (length, taps) = (self.row_bytes() as usize, self.y.taps());
        let blue_first = frame.format() == PixelFormat::Bgr8;
        let values = Values { swap: blue_first != (self.order == ChannelOrder::Bgr), ..self.values };
        let (first, end) = self.y.needed();
        let (first, end) = (first as usize, end as usize);
        let mut done = first;
        for ((start, weights), out) in y_filter.entries().zip(input.chunks_exact_mut(width)) {
            // Two rows at a time, side by side in the ring, which has an even number. Behind the last row it comes
            // once more, and is not looked at.
            while done < start + taps {
                let rows = [done, (done + 1).min(end - 1)].map(|row| frame.row(row));
                let pair = (done - first) / 2 % (self.slots() / 2);
                let slots = ring.chunks_exact_mut(2 * length).nth(pair).unwrap_or_default();
                let (one, other) = slots.split_at_mut_checked(length).unwrap_or_default();
                let colours = self.colours(kernels, frame.colour(), rows, lines);
                kernels.resample.horizontal(x_filter, colours, [one, other]);
                done += 2;
            }
            // The ring from the first row on: behind its end it goes on at its beginning.
            let at = (start - first) % self.slots() * length;
            let (later, sooner) = ring.split_at_checked(at).unwrap_or_default();
            let (blended, _) = lines.split_at_mut_checked(length).unwrap_or_default();
            kernels.resample.vertical([sooner, later], weights, blended);
            kernels.resample.values(&values, blended.get(..width).unwrap_or_default(), out);
        }
        Ok(())
    }

    /// Two rows of the frame in three-byte pixels: as they lie in memory, or converted into `lines` as far as the
    /// filter looks at them.
    fn colours<'l>(
        &self,
        kernels: &Kernels,
        colour: Colour,
        rows: [Pixels<'l>; 2],
        lines: &'l mut [u8],
    ) -> [&'l [u8]; 2] {
        let (start, end) = self.x.needed();
        // Two pixels share their chroma.
        let start = start as usize & !1;
        let (one, other) = lines.split_at_mut_checked(end as usize * 3).unwrap_or_default();
        let mut lines = [one, other].into_iter();
        rows.map(|row| match row {
            Pixels::Colours(bytes) => bytes,
            Pixels::Yuv(row) => {
                let line = lines.next().unwrap_or_default();
                let line = line.get_mut(..end as usize * 3).unwrap_or_default();
                let needed = line.get_mut(start * 3..).unwrap_or_default();
                kernels.yuv.run(row.from(start), &colour.matrix(), needed);
                line
            }
        })
    }
}

/// Half of `difference`, a half rounded to even: where torchvision's `CenterCrop` begins.
fn centre(difference: u32) -> u32 {
    let half = difference / 2;
    half + (difference % 2) * (half % 2)
}
