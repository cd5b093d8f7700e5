//! ResNet: He et al. 2016, arXiv 1512.03385, for ImageNet as torchvision builds it (a bottleneck's stride
//! on its 3×3), and for 32×32 pictures as in section 4.2 of the paper, with the plain networks beside them.
//!
//! Seeded weights must not let the values grow with the depth. What a branch adds to its shortcut is scaled
//! by 1/√blocks in its last batch-norm, so that the mean square grows by (1 + 2/blocks)^blocks < e² overall.

use crate::builder::{Builder, Map};
use crate::conv::Conv;
use crate::error::ZooError;
use crate::network::Network;
use crate::preprocessing::Preprocessing;
use crate::seed::Fill;
use crate::shape::{Shape, Window};

impl Builder {
    /// What comes out of a branch and what went around it: added, then ReLU.
    ///
    /// # Errors
    /// [`ZooError::Join`] if their sizes differ.
    pub fn residual(&mut self, module: &str, branch: &Map, shortcut: &Map) -> Result<Map, ZooError> {
        let sum = self.add(&format!("{module}add"), branch, shortcut)?;
        Ok(self.relu(&format!("{module}relu"), &sum))
    }

    /// Twice the maps at half the size without a parameter: every second pixel, zeros for the new maps
    /// (option A of He et al. 2016, as fb.resnet.torch builds it).
    ///
    /// # Errors
    /// [`ZooError::Join`] if there are too many maps to double.
    pub fn widen(&mut self, name: &str, input: &Map) -> Result<Map, ZooError> {
        let picked = self.max_pool(&format!("{name}/pick"), input, Window::new(1, 2))?;
        let zeros = self.zeros(&format!("{name}/zeros"), &picked);
        self.concat(name, &picked, &zeros)
    }

    /// A map of zeros of the same size, made by a clamp, which every engine has.
    fn zeros(&mut self, name: &str, input: &Map) -> Map {
        for suffix in ["_min", "_max"] {
            self.constant(format!("{name}{suffix}"), Vec::new(), Fill::Bell { centre: 0.0, deviation: 0.0 });
        }
        self.node("Clip", name, &[input], input.shape, &["_min", "_max"], |_| {})
    }
}

/// A block of an ImageNet ResNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Two convolutions of 3×3.
    Basic,
    /// 1×1, 3×3, and 1×1 to four times the maps.
    Bottleneck,
}

/// Blocks in each of the four stages.
pub type Stages = [u32; 4];

/// A ResNet for ImageNet.
pub fn imagenet(name: &str, size: u32, block: Block, stages: Stages) -> Result<Network, ZooError> {
    let (mut b, input) = Builder::new(name, Shape::square(3, size), Preprocessing::Torchvision);
    let gain = branch_gain(stages.iter().sum());
    let mut x = conv_norm(&mut b, "", 1, &input, Conv::new(64, 7).stride(2).pad(3), 1.0)?;
    x = b.relu("relu", &x);
    x = b.max_pool("maxpool", &x, Window::new(3, 2).pad(1))?;
    for (stage, (blocks, maps)) in (1..).zip(stages.into_iter().zip([64, 128, 256, 512])) {
        for index in 0..blocks {
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            let module = format!("layer{stage}.{index}.");
            let (branch, out) = match block {
                Block::Basic => (basic(&mut b, &module, &x, maps, stride, gain)?, maps),
                Block::Bottleneck => (bottleneck(&mut b, &module, &x, maps, stride, gain)?, 4 * maps),
            };
            // A shortcut that must change size is a 1×1 convolution (option B), any other leads straight on.
            let shortcut = if stride == 1 && x.shape.channels == out {
                x
            } else {
                let conv = Conv::new(out, 1).stride(stride).without_bias().linear();
                let projected = b.conv(&format!("{module}downsample.0"), &x, conv)?;
                b.batch_norm(&format!("{module}downsample.1"), &projected, 1.0)
            };
            x = b.residual(&module, &branch, &shortcut)?;
        }
    }
    x = b.global_average("avgpool", &x);
    classify(b, &x, 1000)
}

/// A network of 6·`blocks` + 2 layers for small pictures and ten classes, with its shortcuts or without:
/// but for them (and their gain) the two have the same weights.
pub fn small(name: &str, size: u32, blocks: u32, shortcuts: bool) -> Result<Network, ZooError> {
    let (mut b, input) = Builder::new(name, Shape::square(3, size), Preprocessing::Torchvision);
    let gain = if shortcuts { branch_gain(3 * blocks) } else { 1.0 };
    let mut x = conv_norm(&mut b, "", 1, &input, Conv::same(16, 3), 1.0)?;
    x = b.relu("relu", &x);
    for (stage, maps) in (1..).zip([16, 32, 64]) {
        for index in 0..blocks {
            let narrows = stage > 1 && index == 0;
            let stride = if narrows { 2 } else { 1 };
            let module = format!("layer{stage}.{index}.");
            let branch = basic(&mut b, &module, &x, maps, stride, gain)?;
            x = match (shortcuts, narrows) {
                (false, _) => b.relu(&format!("{module}relu2"), &branch),
                (true, false) => b.residual(&module, &branch, &x)?,
                (true, true) => {
                    let shortcut = b.widen(&format!("{module}shortcut"), &x)?;
                    b.residual(&module, &branch, &shortcut)?
                }
            };
        }
    }
    x = b.global_average("avgpool", &x);
    classify(b, &x, 10)
}

fn branch_gain(blocks: u32) -> f32 {
    1.0 / (blocks as f32).sqrt()
}

fn basic(b: &mut Builder, module: &str, x: &Map, maps: u32, stride: u32, gain: f32) -> Result<Map, ZooError> {
    let y = conv_norm(b, module, 1, x, Conv::same(maps, 3).stride(stride), 1.0)?;
    let y = b.relu(&format!("{module}relu1"), &y);
    conv_norm(b, module, 2, &y, Conv::same(maps, 3), gain)
}

fn bottleneck(
    b: &mut Builder,
    module: &str,
    x: &Map,
    maps: u32,
    stride: u32,
    gain: f32,
) -> Result<Map, ZooError> {
    let y = conv_norm(b, module, 1, x, Conv::new(maps, 1), 1.0)?;
    let y = b.relu(&format!("{module}relu1"), &y);
    let y = conv_norm(b, module, 2, &y, Conv::same(maps, 3).stride(stride), 1.0)?;
    let y = b.relu(&format!("{module}relu2"), &y);
    conv_norm(b, module, 3, &y, Conv::new(4 * maps, 1), gain)
}

/// A convolution and its batch-norm, numbered alike within their module.
fn conv_norm(
    b: &mut Builder,
    module: &str,
    number: u32,
    x: &Map,
    conv: Conv,
    gain: f32,
) -> Result<Map, ZooError> {
    let y = b.conv(&format!("{module}conv{number}"), x, conv.without_bias())?;
    Ok(b.batch_norm(&format!("{module}bn{number}"), &y, gain))
}

fn classify(mut b: Builder, x: &Map, classes: u32) -> Result<Network, ZooError> {
    let logits = b.dense("fc", x, classes, false)?;
    let scores = b.softmax("prob", &logits);
    b.finish(scores)
}
