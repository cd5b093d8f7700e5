//! Views of pixels that somebody else owns.

use super::ImageError;

/// Longest side of a frame in pixels.
pub(super) const MAX_SIDE: usize = u16::MAX as usize;

/// A picture of red, green and blue bytes, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Rgb8<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> Rgb8<'a> {
    /// A picture whose rows follow each other without gaps.
    ///
    /// # Errors
    /// [`ImageError`] when the size is zero or too large, or there are too few bytes.
    pub fn packed(pixels: &'a [u8], width: usize, height: usize) -> Result<Self, ImageError> {
        Self::new(pixels, width, height, width.saturating_mul(3))
    }

    /// A picture whose rows begin `stride` bytes apart, as cameras deliver them.
    ///
    /// # Errors
    /// [`ImageError`] when the size is zero or too large, the stride is smaller than a row or there are
    /// too few bytes.
    pub fn new(pixels: &'a [u8], width: usize, height: usize, stride: usize) -> Result<Self, ImageError> {
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(ImageError::Size { width, height });
        }
        let row = width * 3;
        if stride < row {
            return Err(ImageError::Stride { needed: row, given: stride });
        }
        let needed = (height - 1).saturating_mul(stride).saturating_add(row);
        if pixels.len() < needed {
            return Err(ImageError::TooShort { needed, given: pixels.len() });
        }
        Ok(Self { pixels, width, height, stride })
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels of a row, three bytes each; empty behind the last row.
    pub fn row(&self, row: usize) -> &'a [[u8; 3]] {
        let start = row.saturating_mul(self.stride);
        let bytes = self.pixels.get(start..start.saturating_add(self.width * 3));
        bytes.filter(|_| row < self.height).unwrap_or_default().as_chunks().0
    }
}
