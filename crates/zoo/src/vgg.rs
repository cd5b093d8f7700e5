//! VGG: Simonyan and Zisserman 2014, arXiv 1409.1556, configurations D and E.

use crate::alexnet::head;
use crate::builder::Builder;
use crate::conv::Conv;
use crate::error::ZooError;
use crate::network::Network;
use crate::preprocessing::Preprocessing;
use crate::shape::{Shape, Window};

/// Convolutions of 3×3 in each of the five stages.
pub type Stages = [u32; 5];
/// Configuration D.
pub const SIXTEEN: Stages = [2, 2, 3, 3, 3];
/// Configuration E.
pub const NINETEEN: Stages = [2, 2, 4, 4, 4];

const MAPS: [u32; 5] = [64, 128, 256, 512, 512];

/// A VGG. Another input size than 224 changes the number of weights of fc6, which reads the last map whole.
pub fn build(name: &str, size: u32, stages: Stages) -> Result<Network, ZooError> {
    let (mut b, mut x) = Builder::new(name, Shape::square(3, size), Preprocessing::Torchvision);
    for (stage, (convs, maps)) in (1..).zip(stages.into_iter().zip(MAPS)) {
        for conv in 1..=convs {
            x = b.conv_relu(&format!("conv{stage}_{conv}"), &x, Conv::same(maps, 3))?;
        }
        x = b.max_pool(&format!("pool{stage}"), &x, Window::new(2, 2))?;
    }
    x = head(&mut b, x, 4096)?;
    b.finish(x)
}
