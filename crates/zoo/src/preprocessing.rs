//! How a picture becomes the input tensor. It travels in the file, so that no program has to guess.

/// A convention of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preprocessing {
    /// Caffe's SqueezeNet: stretched to the input, blue first, 0..255, ImageNet's mean taken off.
    Caffe,
    /// torchvision's ImageNet models: shorter side scaled, centre cut out, red first, 0..1, normalised.
    Torchvision,
}

impl Preprocessing {
    /// Roughly how far the input values are from zero. The first layer's weights are drawn smaller by
    /// this, so that values of size one reach the second.
    pub(crate) fn deviation(self) -> f32 {
        match self {
            Self::Caffe => 64.0,
            Self::Torchvision => 1.0,
        }
    }

    /// Entries of `metadata_props` for an input of `size`×`size`.
    pub(crate) fn metadata(self, size: u32) -> Vec<(&'static str, String)> {
        let mut entries = vec![("wisp.size", size.to_string())];
        match self {
            Self::Caffe => entries.extend([
                ("wisp.resize", "warp".into()),
                ("wisp.order", "bgr".into()),
                ("wisp.range", "255".into()),
                ("wisp.mean", "104.006,116.669,122.679".into()),
                ("wisp.std", "1,1,1".into()),
            ]),
            Self::Torchvision => entries.extend([
                ("wisp.resize", "crop".into()),
                // 256 at 224, rounded to the nearest at other sizes.
                ("wisp.shorter", ((u64::from(size) * 256 + 112) / 224).to_string()),
                ("wisp.order", "rgb".into()),
                ("wisp.range", "1".into()),
                ("wisp.mean", "0.485,0.456,0.406".into()),
                ("wisp.std", "0.229,0.224,0.225".into()),
            ]),
        }
        entries
    }
}
