//! How the dimensions of an ONNX tensor map to one of our pictures.
//!
//! ONNX has channels first, some exporters put channels last between transposes, and a dense layer reads
//! a map as one long vector. None of this moves a value in our graph: a tensor keeps its picture, and its
//! ONNX name remembers how ONNX sees it.

use crate::graph::Shape;

/// The order of a tensor's dimensions in ONNX. The batch is 1 throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[1, channels, height, width]`
    Planes,
    /// `[1, height, width, channels]`
    Pixels,
    /// `[1, values]`, in the order of planes; a plain vector of channels too.
    FlatPlanes,
    /// `[1, values]`, in the order of pixels.
    FlatPixels,
}

impl Layout {
    /// The ONNX shape of a tensor.
    pub fn dims(self, shape: Shape) -> Vec<usize> {
        match self {
            Self::Planes => vec![1, shape.c, shape.h, shape.w],
            Self::Pixels => vec![1, shape.h, shape.w, shape.c],
            Self::FlatPlanes | Self::FlatPixels => vec![1, shape.values()],
        }
    }

    /// The dimension that counts channels; `None` where channels are mixed with pixels.
    pub fn channel_axis(self, shape: Shape) -> Option<usize> {
        match self {
            Self::Planes => Some(1),
            Self::Pixels => Some(3),
            Self::FlatPlanes | Self::FlatPixels => shape.is_vector().then_some(1),
        }
    }

    /// The dimensions that count rows and columns.
    pub fn pixel_axes(self) -> Option<[usize; 2]> {
        match self {
            Self::Planes => Some([2, 3]),
            Self::Pixels => Some([1, 2]),
            Self::FlatPlanes | Self::FlatPixels => None,
        }
    }

    /// What a reshape to `dims` makes of it, if every value keeps its place.
    pub fn reshaped(self, shape: Shape, dims: &[usize]) -> Option<Self> {
        // With one pixel or one channel, all orders are the same.
        let any = shape.is_vector() || shape.c == 1;
        let by_planes = any || matches!(self, Self::Planes | Self::FlatPlanes);
        let by_pixels = any || matches!(self, Self::Pixels | Self::FlatPixels);
        let candidates = [
            (by_planes, Self::Planes),
            (by_pixels, Self::Pixels),
            (by_planes, Self::FlatPlanes),
            (by_pixels, Self::FlatPixels),
        ];
        let fitting = candidates.into_iter().find(|(same, layout)| *same && layout.dims(shape) == dims);
        fitting.map(|(_, layout)| layout)
    }

    /// What a transpose makes of it.
    pub fn transposed(self, shape: Shape, permutation: &[usize]) -> Option<Self> {
        match (self, permutation) {
            (Self::Planes, [0, 2, 3, 1]) => Some(Self::Pixels),
            (Self::Pixels, [0, 3, 1, 2]) => Some(Self::Planes),
            _ => {
                // One that moves only dimensions of size 1 is a reshape.
                let dims = self.dims(shape);
                let moved: Option<Vec<usize>> =
                    permutation.iter().map(|&axis| dims.get(axis).copied()).collect();
                let long = |&axis: &usize| dims.get(axis).is_some_and(|&size| size > 1);
                let in_order = permutation.iter().copied().filter(long).is_sorted();
                moved.filter(|_| in_order).and_then(|dims| self.reshaped(shape, &dims))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Layout::*;
    use super::*;

    const MAP: Shape = Shape { h: 2, w: 3, c: 5 };
    const VECTOR: Shape = Shape { h: 1, w: 1, c: 5 };

    #[test]
    fn reshapes_keep_the_order() {
        assert_eq!(Planes.reshaped(MAP, &[1, 30]), Some(FlatPlanes));
        assert_eq!(Pixels.reshaped(MAP, &[1, 30]), Some(FlatPixels));
        assert_eq!(FlatPixels.reshaped(MAP, &[1, 2, 3, 5]), Some(Pixels));
        assert_eq!(Planes.reshaped(MAP, &[1, 2, 3, 5]), None);
        assert_eq!(Planes.reshaped(MAP, &[1, 6, 5]), None);
        assert_eq!(Planes.reshaped(VECTOR, &[1, 1, 1, 5]), Some(Pixels));
        assert_eq!(FlatPlanes.reshaped(VECTOR, &[1, 5, 1, 1]), Some(Planes));
    }

    #[test]
    fn transposes_that_move_no_value_of_ours() {
        assert_eq!(Planes.transposed(MAP, &[0, 2, 3, 1]), Some(Pixels));
        assert_eq!(Pixels.transposed(MAP, &[0, 3, 1, 2]), Some(Planes));
        assert_eq!(Planes.transposed(MAP, &[0, 1, 2, 3]), Some(Planes));
        assert_eq!(Planes.transposed(MAP, &[0, 3, 1, 2]), None);
        assert_eq!(Planes.transposed(MAP, &[0, 1, 3, 2]), None);
        assert_eq!(Planes.transposed(VECTOR, &[0, 2, 1, 3]), None);
        assert_eq!(Planes.transposed(VECTOR, &[0, 2, 3, 1]), Some(Pixels));
        assert_eq!(FlatPlanes.transposed(VECTOR, &[0, 1]), Some(FlatPlanes));
    }

    #[test]
    fn channels_are_found() {
        assert_eq!(
            [Planes, Pixels, FlatPlanes].map(|layout| layout.channel_axis(MAP)),
            [Some(1), Some(3), None]
        );
        assert_eq!(FlatPixels.channel_axis(VECTOR), Some(1));
    }
}
