//! Pictures as cameras deliver them, in memory that somebody else owns.

use super::{Colour, ImageError};
use crate::kernels::yuv::Row;

/// Longest side of a frame in pixels.
pub(super) const MAX_SIDE: usize = u16::MAX as usize;

/// How the pixels of a frame lie in memory.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Red, green, blue: three bytes a pixel.
    Rgb8,
    /// Blue, green, red: three bytes a pixel.
    Bgr8,
    /// `Y U Y V` (YUY2): four bytes for two pixels side by side. Of an odd width, the last four bytes are for one
    /// pixel, and their second `Y` is not looked at.
    Yuyv,
    /// A plane of `Y`, then one of `U V`: two bytes for 2×2 pixels, for the last column or row of an odd size too.
    Nv12,
    /// A plane each of `Y`, `U` and `V` (YUV420, YU12): one byte of `U` and of `V` for 2×2 pixels, for the last
    /// column or row of an odd size too.
    I420,
}

impl PixelFormat {
    /// How many planes there are.
    pub const fn planes(self) -> usize {
        match self {
            Self::Rgb8 | Self::Bgr8 | Self::Yuyv => 1,
            Self::Nv12 => 2,
            Self::I420 => 3,
        }
    }

    /// Bytes of a row of a plane, and rows, for a frame of that size; zero for a plane that is not there.
    pub const fn plane_size(self, plane: usize, width: usize, height: usize) -> (usize, usize) {
        let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
        match (self, plane) {
            (Self::Rgb8 | Self::Bgr8, 0) => (width.saturating_mul(3), height),
            (Self::Yuyv, 0) => (columns.saturating_mul(4), height),
            (Self::Nv12 | Self::I420, 0) => (width, height),
            (Self::Nv12, 1) => (columns.saturating_mul(2), rows),
            (Self::I420, 1 | 2) => (columns, rows),
            _ => (0, 0),
        }
    }
}

/// The bytes of one plane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plane<'a> {
    /// From the first row on; behind the last row there may be more.
    pub bytes: &'a [u8],
    /// Bytes from the beginning of one row to that of the next.
    pub stride: usize,
}

/// A picture in any of the formats, borrowed.
///
/// ```
/// use wisp::vision::{Colour, Frame, PixelFormat, Plane};
///
/// // As a pipe delivers it: planes and rows without gaps.
/// let bytes = [128; 640 * 480 * 3 / 2];
/// let frame = Frame::packed(PixelFormat::I420, &bytes, 640, 480)?;
///
/// // As a driver delivers it: rows of 704 bytes, planes apart, colours of HD video.
/// let (y, uv) = ([128; 704 * 480], [128; 704 * 240]);
/// let planes = [Plane { bytes: &y, stride: 704 }, Plane { bytes: &uv, stride: 704 }];
/// let frame = Frame::new(PixelFormat::Nv12, 640, 480, &planes)?.with_colour(Colour::Bt709);
/// # Ok::<(), wisp::vision::ImageError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    format: PixelFormat,
    colour: Colour,
    width: usize,
    height: usize,
    planes: [Plane<'a>; 3],
}

/// A row's pixels as they lie in memory.
pub(super) enum Pixels<'a> {
    /// Three bytes each, in the order of the frame.
    Colours(&'a [u8]),
    /// Luma and chroma.
    Yuv(Row<'a>),
}

impl<'a> Frame<'a> {
    /// A frame of planes with a stride each, as cameras deliver them.
    ///
    /// # Errors
    /// [`ImageError`] when a side is zero or too long, the number of planes is not the format's, or a plane has a
    /// stride smaller than a row or too few bytes.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: &[Plane<'a>],
    ) -> Result<Self, ImageError> {
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(ImageError::Size { width, height });
        }
        if planes.len() != format.planes() {
            return Err(ImageError::Planes { needed: format.planes(), given: planes.len() });
        }
        for (plane, &Plane { bytes, stride }) in planes.iter().enumerate() {
            let (row, rows) = format.plane_size(plane, width, height);
            if stride < row {
                return Err(ImageError::Stride { plane, needed: row, given: stride });
            }
            let needed = (rows - 1).saturating_mul(stride).saturating_add(row);
            if bytes.len() < needed {
                return Err(ImageError::TooShort { plane, needed, given: bytes.len() });
            }
        }
        let planes = core::array::from_fn(|plane| planes.get(plane).copied().unwrap_or_default());
        Ok(Self { format, colour: Colour::default(), width, height, planes })
    }

    /// A frame whose rows and planes follow each other without gaps.
    ///
    /// # Errors
    /// As [`new`](Self::new); a plane's bytes are what the planes before it have left.
    pub fn packed(
        format: PixelFormat,
        mut bytes: &'a [u8],
        width: usize,
        height: usize,
    ) -> Result<Self, ImageError> {
        let mut planes = [Plane::default(); 3];
        for (index, plane) in planes.iter_mut().enumerate() {
            let (stride, rows) = format.plane_size(index, width, height);
            *plane = Plane { bytes, stride };
            bytes = bytes.get(stride.saturating_mul(rows)..).unwrap_or_default();
        }
        Self::new(format, width, height, planes.get(..format.planes()).unwrap_or_default())
    }

    /// The same frame with its luma and chroma read in another way than [`Colour::Bt601`]. RGB and BGR have
    /// neither.
    #[must_use]
    pub fn with_colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// How the pixels lie in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// How luma and chroma are read.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width and height.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    /// The pixels of a row.
    pub(super) fn row(&self, row: usize) -> Pixels<'a> {
        let bytes = |plane: usize, row: usize| {
            let Plane { bytes, stride } = self.planes[plane];
            let start = row.saturating_mul(stride);
            let (length, _) = self.format.plane_size(plane, self.width, self.height);
            bytes.get(start..start.saturating_add(length)).unwrap_or_default()
        };
        match self.format {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => Pixels::Colours(bytes(0, row)),
            PixelFormat::Yuyv => Pixels::Yuv(Row::Yuyv(bytes(0, row))),
            PixelFormat::Nv12 => Pixels::Yuv(Row::Nv12([bytes(0, row), bytes(1, row / 2)])),
            PixelFormat::I420 => {
                Pixels::Yuv(Row::I420([bytes(0, row), bytes(1, row / 2), bytes(2, row / 2)]))
            }
        }
    }
}

impl<'a> From<&Frame<'a>> for Frame<'a> {
    fn from(frame: &Self) -> Self {
        *frame
    }
}

/// A picture of red, green and blue bytes, borrowed: a [`Frame`] of the one format that decoders of files give.
#[derive(Clone, Copy, Debug)]
pub struct Rgb8<'a>(Frame<'a>);

impl<'a> Rgb8<'a> {
    /// A picture whose rows follow each other without gaps.
    ///
    /// # Errors
    /// [`ImageError`] when the size is zero or too large, or there are too few bytes.
    pub fn packed(pixels: &'a [u8], width: usize, height: usize) -> Result<Self, ImageError> {
        Frame::packed(PixelFormat::Rgb8, pixels, width, height).map(Self)
    }

    /// A picture whose rows begin `stride` bytes apart.
    ///
    /// # Errors
    /// [`ImageError`] when the size is zero or too large, the stride is smaller than a row or there are
    /// too few bytes.
    pub fn new(pixels: &'a [u8], width: usize, height: usize, stride: usize) -> Result<Self, ImageError> {
        Frame::new(PixelFormat::Rgb8, width, height, &[Plane { bytes: pixels, stride }]).map(Self)
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.0.width()
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.0.height()
    }
}

impl<'a> From<Rgb8<'a>> for Frame<'a> {
    fn from(picture: Rgb8<'a>) -> Self {
        picture.0
    }
}

impl<'a> From<&Rgb8<'a>> for Frame<'a> {
    fn from(picture: &Rgb8<'a>) -> Self {
        picture.0
    }
}
