//! How ONNX sees one of our pictures: in which order its values stand, and under which dimensions.
//!
//! ONNX has channels first, some exporters put channels last between transposes, and a dense layer reads
//! a map as one long vector. None of this moves a value in our graph: a tensor keeps its picture, and its
//! ONNX name remembers how ONNX sees it. The batch is 1 throughout.

use crate::graph::Shape;

/// The order of the values in ONNX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Channel by channel, as in `[1, channels, height, width]`.
    Planes,
    /// Pixel by pixel, as in `[1, height, width, channels]`.
    Pixels,
}

/// Order and dimensions of a tensor in ONNX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub order: Order,
    pub dims: Vec<usize>,
}

impl Layout {
    /// `[1, channels, height, width]`.
    pub fn planes(shape: Shape) -> Self {
        Self { order: Order::Planes, dims: vec![1, shape.c, shape.h, shape.w] }
    }

    /// `[1, height, width, channels]`.
    pub fn pixels(shape: Shape) -> Self {
        Self { order: Order::Pixels, dims: vec![1, shape.h, shape.w, shape.c] }
    }

    /// Whether a picture of `shape` stands in this order; with one pixel or one channel, in either.
    fn has_order(&self, order: Order, shape: Shape) -> bool {
        self.order == order || shape.is_vector() || shape.c == 1
    }

    /// Whether this is `[1, channels, height, width]`.
    pub fn is_planes(&self, shape: Shape) -> bool {
        self.has_order(Order::Planes, shape) && self.dims == Self::planes(shape).dims
    }

    /// Whether this is `[1, height, width, channels]`.
    pub fn is_pixels(&self, shape: Shape) -> bool {
        self.has_order(Order::Pixels, shape) && self.dims == Self::pixels(shape).dims
    }

    /// Whether all values stand in the last dimension.
    pub fn is_row(&self) -> bool {
        self.dims.split_last().is_some_and(|(_, rest)| rest.iter().all(|&dim| dim == 1))
    }

    /// Whether both see a picture of `shape` alike.
    pub fn agrees(&self, other: &Self, shape: Shape) -> bool {
        self.dims == other.dims && self.has_order(other.order, shape)
    }

    /// The dimension that counts channels; `None` where they are mixed with pixels.
    pub fn channel_axis(&self, shape: Shape) -> Option<usize> {
        if self.is_planes(shape) {
            Some(1)
        } else if self.is_pixels(shape) {
            Some(3)
        } else if shape.is_vector() {
            // The one that is not 1; of nothing but ones, the second as in `[1, channels]`.
            self.dims.iter().position(|&dim| dim != 1).or((self.dims.len() > 1).then_some(1))
        } else {
            None
        }
    }

    /// The dimensions that count rows and columns.
    pub fn pixel_axes(&self, shape: Shape) -> Option<[usize; 2]> {
        if self.is_planes(shape) {
            Some([2, 3])
        } else if self.is_pixels(shape) {
            Some([1, 2])
        } else {
            None
        }
    }

    /// What a reshape to `dims` makes of it: the order stays.
    pub fn reshaped(&self, shape: Shape, dims: Vec<usize>) -> Option<Self> {
        let values = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        (values == Some(shape.values())).then_some(Self { order: self.order, dims })
    }

    /// What a transpose makes of it, if it moves no value of ours.
    pub fn transposed(&self, shape: Shape, permutation: &[usize]) -> Option<Self> {
        if self.is_planes(shape) && permutation == [0, 2, 3, 1] {
            return Some(Self::pixels(shape));
        }
        if self.is_pixels(shape) && permutation == [0, 3, 1, 2] {
            return Some(Self::planes(shape));
        }
        // One that moves only dimensions of size 1 is a reshape.
        let dims: Option<Vec<usize>> = permutation.iter().map(|&axis| self.dims.get(axis).copied()).collect();
        let long = |&axis: &usize| self.dims.get(axis).is_some_and(|&size| size > 1);
        let in_order = permutation.iter().copied().filter(long).is_sorted();
        dims.filter(|_| in_order).and_then(|dims| self.reshaped(shape, dims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: Shape = Shape { h: 2, w: 3, c: 5 };
    const VECTOR: Shape = Shape { h: 1, w: 1, c: 5 };

    fn planes() -> Layout {
        Layout::planes(MAP)
    }

    #[test]
    fn reshapes_keep_the_order() {
        let flat = planes().reshaped(MAP, vec![1, 30]).unwrap();
        assert!(flat.is_row() && flat.channel_axis(MAP).is_none());
        assert!(flat.reshaped(MAP, vec![1, 5, 2, 3]).unwrap().is_planes(MAP));
        assert!(!flat.reshaped(MAP, vec![1, 2, 3, 5]).unwrap().is_pixels(MAP));
        assert_eq!(flat.reshaped(MAP, vec![1, 31]), None);
        assert_eq!(flat.reshaped(MAP, vec![usize::MAX, 31]), None);
        let vector = Layout::planes(VECTOR).reshaped(VECTOR, vec![1, 1, 1, 5]).unwrap();
        assert!(vector.is_pixels(VECTOR) && vector.is_row());
    }

    #[test]
    fn transposes_that_move_no_value_of_ours() {
        let pixels = planes().transposed(MAP, &[0, 2, 3, 1]).unwrap();
        assert!(pixels.is_pixels(MAP));
        assert_eq!(pixels.transposed(MAP, &[0, 3, 1, 2]), Some(planes()));
        assert_eq!(planes().transposed(MAP, &[0, 1, 2, 3]), Some(planes()));
        assert_eq!(planes().transposed(MAP, &[0, 3, 1, 2]), None);
        assert_eq!(planes().transposed(MAP, &[0, 1, 3, 2]), None);
        let vector = Layout::planes(VECTOR).transposed(VECTOR, &[0, 2, 1, 3]).unwrap();
        assert_eq!((vector.dims.as_slice(), vector.channel_axis(VECTOR)), (&[1, 1, 5, 1][..], Some(2)));
    }

    #[test]
    fn channels_are_found() {
        assert_eq!(planes().channel_axis(MAP), Some(1));
        assert_eq!(Layout::pixels(MAP).channel_axis(MAP), Some(3));
        let one = Shape { h: 1, w: 1, c: 1 };
        assert_eq!(Layout { order: Order::Planes, dims: vec![1, 1] }.channel_axis(one), Some(1));
    }
}
