//! The flags that say how a picture becomes the input of an ONNX model.

use crate::failure::usage;
use anyhow::Result;
use clap::{Args, ValueEnum};
use wisp::vision::{ChannelOrder, PixelRange, Preprocess, Resize};

/// Preprocessing of an .onnx file that does not carry it; flags win over the file's metadata. Networks of the
/// zoo carry theirs and take the flags all the same.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Preprocessing (for .onnx files and networks by name)")]
pub struct Flags {
    /// A known convention, to be refined by the flags below
    #[arg(long)]
    preset: Option<Preset>,
    /// Stretch the picture to the input, or scale its shorter side and cut out the centre
    #[arg(long)]
    resize: Option<ResizeFlag>,
    /// Pixels of the shorter side before the centre is cut out [default: input size · 256 / 224]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65535))]
    shorter: Option<u32>,
    /// Height and width of the input, for models that leave them open and networks by name
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65535))]
    pub size: Option<u32>,
    /// Order of the channels
    #[arg(long)]
    order: Option<Order>,
    /// Pixel range that mean and standard deviation apply to
    #[arg(long)]
    range: Option<Range>,
    /// Mean of each channel, in the model's channel order
    #[arg(long, value_name = "A,B,C", value_parser = three, allow_hyphen_values = true)]
    mean: Option<Three>,
    /// Standard deviation of each channel, in the model's channel order
    #[arg(long, value_name = "A,B,C", value_parser = three, allow_hyphen_values = true)]
    std: Option<Three>,
}

/// Shorter side before a crop for an input of 224 pixels; for others in proportion.
const SHORTER_AT_224: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Preset {
    /// Shorter side 256, centre crop, RGB, 0..1, ImageNet's mean and standard deviation
    Torchvision,
    /// Warp, BGR, 0..255, means 104.006, 116.669, 122.679
    Caffe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ResizeFlag {
    Warp,
    Crop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    Rgb,
    Bgr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Range {
    #[value(name = "255")]
    Byte,
    #[value(name = "1")]
    Unit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Three([f32; 3]);

fn three(text: &str) -> Result<Three, String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|part| part.trim().parse::<f32>()).collect();
    let numbers = numbers.map_err(|_| "three numbers are needed, as in 0.485,0.456,0.406")?;
    numbers.try_into().map(Three).map_err(|_| "three numbers are needed, as in 0.485,0.456,0.406".into())
}

impl Flags {
    /// Whether any flag was given.
    pub fn any(&self) -> bool {
        self.preset.is_some() || self.size.is_some() || self.single()
    }

    /// Whether a crop has to be scaled from an input of 224 pixels to the model's.
    pub fn scale_crop(&self) -> bool {
        self.shorter.is_none() && (self.preset.is_some() || self.single())
    }

    /// The flags as they were given, for another process of this program.
    pub fn to_arguments(&self) -> Vec<String> {
        fn name(value: impl ValueEnum) -> String {
            value.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
        }
        let three = |three: Three| three.0.map(|value| value.to_string()).join(",");
        let flags = [
            ("preset", self.preset.map(name)),
            ("resize", self.resize.map(name)),
            ("shorter", self.shorter.map(|shorter| shorter.to_string())),
            ("size", self.size.map(|size| size.to_string())),
            ("order", self.order.map(name)),
            ("range", self.range.map(name)),
            ("mean", self.mean.map(three)),
            ("std", self.std.map(three)),
        ];
        flags.into_iter().filter_map(|(flag, value)| Some(format!("--{flag}={}", value?))).collect()
    }

    fn single(&self) -> bool {
        self.resize.is_some()
            || self.shorter.is_some()
            || self.order.is_some()
            || self.range.is_some()
            || self.mean.is_some()
            || self.std.is_some()
    }

    /// The preprocessing that the flags describe, if they do.
    pub fn preprocess(&self) -> Result<Option<Preprocess>> {
        if self.preset.is_none() && !self.single() {
            return Ok(None);
        }
        let base = match self.preset {
            Some(Preset::Torchvision) => Some(Preprocess::torchvision()),
            Some(Preset::Caffe) => Some(Preprocess::caffe()),
            None => None,
        };
        let missing = || {
            usage(
                "preprocessing flags without --preset: give all of --resize, --order, --range, --mean and --std",
            )
        };
        let resize = match (self.resize, base.map(|base| base.resize)) {
            (Some(ResizeFlag::Warp), _) => Resize::Warp,
            (Some(ResizeFlag::Crop), _) | (None, Some(Resize::Crop { .. })) => {
                Resize::Crop { shorter: SHORTER_AT_224 }
            }
            (None, Some(Resize::Warp)) => Resize::Warp,
            (None, None) => return Err(missing()),
        };
        let resize = match (resize, self.shorter) {
            (Resize::Crop { .. }, Some(shorter)) => Resize::Crop { shorter },
            (Resize::Warp, Some(_)) => {
                return Err(usage("--shorter needs --resize crop: a warp has no shorter side"));
            }
            (resize, None) => resize,
        };
        let order = self.order.map(|order| match order {
            Order::Rgb => ChannelOrder::Rgb,
            Order::Bgr => ChannelOrder::Bgr,
        });
        let range = self.range.map(|range| match range {
            Range::Byte => PixelRange::Byte,
            Range::Unit => PixelRange::Unit,
        });
        let spec = Preprocess {
            resize,
            order: order.or(base.map(|base| base.order)).ok_or_else(missing)?,
            range: range.or(base.map(|base| base.range)).ok_or_else(missing)?,
            mean: self.mean.map(|mean| mean.0).or(base.map(|base| base.mean)).ok_or_else(missing)?,
            std: self.std.map(|std| std.0).or(base.map(|base| base.std)).ok_or_else(missing)?,
        };
        spec.check().map_err(|error| usage(error.to_string()))?;
        Ok(Some(spec))
    }
}
