//! How pictures were prepared when a model was trained; travels in the model's file.

use super::SpecError;
use crate::kernels::resample::Values;

/// How a picture becomes an input tensor. The size is that of the model's input and not kept here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// How the picture comes to the input's size.
    pub resize: Resize,
    /// Order of the channels in the input tensor.
    pub order: ChannelOrder,
    /// Range of pixel values that `mean` and `std` apply to.
    pub range: PixelRange,
    /// Subtracted from each channel, in the tensor's channel order.
    pub mean: [f32; 3],
    /// Each channel is divided by this after that, in the tensor's channel order.
    pub std: [f32; 3],
}

/// How a picture comes to the input's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Both sides are stretched to the input's.
    Warp,
    /// The shorter side is scaled to `shorter` pixels, then the centre is cut out.
    Crop {
        /// Pixels of the shorter side after scaling.
        shorter: u32,
    },
}

/// Order of the channels in the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// The range of pixel values before mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelRange {
    /// 0 to 255.
    Byte,
    /// 0 to 1.
    Unit,
}

impl Preprocess {
    /// The convention of Caffe's ImageNet models, SqueezeNet's among them: warp, BGR, 0..255, means
    /// 104.006, 116.669 and 122.679.
    pub const fn caffe() -> Self {
        Self {
            resize: Resize::Warp,
            order: ChannelOrder::Bgr,
            range: PixelRange::Byte,
            mean: [104.006, 116.669, 122.679],
            std: [1.0; 3],
        }
    }

    /// The convention of torchvision's ImageNet models: shorter side 256, centre crop, RGB, 0..1, means
    /// 0.485, 0.456 and 0.406, standard deviations 0.229, 0.224 and 0.225.
    pub const fn torchvision() -> Self {
        Self {
            resize: Resize::Crop { shorter: 256 },
            order: ChannelOrder::Rgb,
            range: PixelRange::Unit,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// Whether the values make sense.
    ///
    /// # Errors
    /// [`SpecError`] names the first that does not.
    pub fn check(&self) -> Result<(), SpecError> {
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            return Err(SpecError::Mean);
        }
        if !self.std.iter().all(|std| std.is_finite() && *std != 0.0) {
            return Err(SpecError::Std);
        }
        match self.resize {
            Resize::Crop { shorter } if shorter == 0 || shorter > u16::MAX.into() => Err(SpecError::Shorter),
            _ => Ok(()),
        }
    }

    /// The input value of each byte, for each channel of the tensor: `(byte · scale − mean) / std`.
    pub fn table(&self) -> [[f32; 256]; 3] {
        let scale = self.scale();
        let mut table = [[0.0; 256]; 3];
        for (channel, values) in table.iter_mut().enumerate() {
            for (byte, value) in values.iter_mut().enumerate() {
                *value = (byte as f32 * scale - self.mean[channel]) / self.std[channel];
            }
        }
        table
    }

    /// What the kernels need for that, in the channel order of the tensor.
    pub(super) fn values(&self) -> Values {
        Values { table: self.table(), scale: self.scale(), mean: self.mean, std: self.std, swap: false }
    }

    fn scale(&self) -> f32 {
        match self.range {
            PixelRange::Byte => 1.0,
            PixelRange::Unit => 1.0 / 255.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_their_tables_follow_the_formula() {
        for spec in [Preprocess::caffe(), Preprocess::torchvision()] {
            assert_eq!(spec.check(), Ok(()));
        }
        assert_eq!(Preprocess::caffe().table()[0][104], 104.0 - 104.006);
        let white = Preprocess::torchvision().table()[2][255];
        assert!((white - (1.0 - 0.406) / 0.225).abs() < 1e-6);
    }

    #[test]
    fn names_what_makes_no_sense() {
        let good = Preprocess::caffe();
        assert_eq!(Preprocess { mean: [0.0, f32::NAN, 0.0], ..good }.check(), Err(SpecError::Mean));
        assert_eq!(Preprocess { std: [1.0, 0.0, 1.0], ..good }.check(), Err(SpecError::Std));
        for shorter in [0, 65_536] {
            assert_eq!(
                Preprocess { resize: Resize::Crop { shorter }, ..good }.check(),
                Err(SpecError::Shorter)
            );
        }
    }
}
