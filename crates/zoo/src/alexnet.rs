//! AlexNet: Krizhevsky, Sutskever and Hinton 2012, in the layout of Caffe's `bvlc_alexnet`.

use crate::builder::{Builder, Map};
use crate::conv::Conv;
use crate::error::ZooError;
use crate::network::Network;
use crate::preprocessing::Preprocessing;
use crate::shape::{Shape, Window};

/// How the two towers of the paper are read.
pub struct Towers {
    /// Groups of conv2, conv4 and conv5: each GPU saw its own half of the maps.
    pub groups: u32,
    /// Width of the two dense layers.
    pub dense: u32,
}

/// The network as published: two GPUs, with 2048 of the 4096 dense units each.
pub const TWO: Towers = Towers { groups: 2, dense: 4096 };
/// One tower: no groups, and one GPU's share of the dense layers.
pub const ONE: Towers = Towers { groups: 1, dense: 2048 };

/// An AlexNet.
pub fn build(name: &str, size: u32, towers: &Towers) -> Result<Network, ZooError> {
    let (mut b, input) = Builder::new(name, Shape::square(3, size), Preprocessing::Torchvision);
    let pool = Window::new(3, 2);
    let mut x = b.conv_relu("conv1", &input, Conv::new(96, 11).stride(4).pad(2))?;
    x = b.lrn("norm1", &x);
    x = b.max_pool("pool1", &x, pool)?;
    x = b.conv_relu("conv2", &x, Conv::same(256, 5).groups(towers.groups))?;
    x = b.lrn("norm2", &x);
    x = b.max_pool("pool2", &x, pool)?;
    // The one layer at which the towers see each other.
    x = b.conv_relu("conv3", &x, Conv::same(384, 3))?;
    x = b.conv_relu("conv4", &x, Conv::same(384, 3).groups(towers.groups))?;
    x = b.conv_relu("conv5", &x, Conv::same(256, 3).groups(towers.groups))?;
    x = b.max_pool("pool5", &x, pool)?;
    x = head(&mut b, x, towers.dense)?;
    b.finish(x)
}

/// Three dense layers with dropout between them, as AlexNet and VGG end.
pub fn head(b: &mut Builder, input: Map, width: u32) -> Result<Map, ZooError> {
    let mut x = input;
    for number in [6, 7] {
        x = b.dense(&format!("fc{number}"), &x, width, true)?;
        x = b.relu(&format!("relu_fc{number}"), &x);
        x = b.dropout(&format!("drop{number}"), &x);
    }
    x = b.dense("fc8", &x, 1000, false)?;
    Ok(b.softmax("prob", &x))
}
