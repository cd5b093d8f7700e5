//! The SqueezeNets: Iandola et al. 2016, arXiv 1602.07360, and version 1.1 of its repository.

use crate::builder::{Builder, Map};
use crate::conv::Conv;
use crate::error::ZooError;
use crate::network::Network;
use crate::preprocessing::Preprocessing;
use crate::shape::{Shape, Window};

/// The three numbers of a fire module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fire {
    /// S1x1: maps of the squeeze layer.
    pub squeeze: u32,
    /// e1x1: maps of the expand layer's 1×1 kernels.
    pub expand1x1: u32,
    /// e3x3: maps of the expand layer's 3×3 kernels.
    pub expand3x3: u32,
}

impl Builder {
    /// A fire module: squeeze to a few maps by 1×1, expand by 1×1 and 3×3 kernels, side by side.
    ///
    /// # Errors
    /// [`ZooError::Fire`] if the squeeze does not squeeze; else as [`Builder::conv`].
    pub fn fire(&mut self, name: &str, input: &Map, fire: Fire) -> Result<Map, ZooError> {
        let Fire { squeeze, expand1x1, expand3x3 } = fire;
        if u64::from(squeeze) >= u64::from(expand1x1) + u64::from(expand3x3) {
            return Err(ZooError::Fire { layer: name.into(), squeeze, expand1x1, expand3x3 });
        }
        let thin = self.conv_relu(&format!("{name}/squeeze1x1"), input, Conv::new(squeeze, 1))?;
        let one = self.conv_relu(&format!("{name}/expand1x1"), &thin, Conv::new(expand1x1, 1))?;
        let three = self.conv_relu(&format!("{name}/expand3x3"), &thin, Conv::same(expand3x3, 3))?;
        self.concat(&format!("{name}/concat"), &one, &three)
    }
}

/// What leads around the fire modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// Nothing.
    None,
    /// The input of fire3, 5, 7 and 9, which has as many maps as their output, is added to it.
    Simple,
    /// And for fire2, 4, 6 and 8 a 1×1 convolution makes it so.
    Complex,
}

/// How a version begins, and where it pools.
pub struct Version {
    conv1: Conv,
    /// Fire modules with a pool behind them; it bears their number.
    pools: [u32; 2],
}

/// 1.0: 96 maps of 7×7, and the late pooling of the paper.
pub fn v1_0() -> Version {
    Version { conv1: Conv::new(96, 7).stride(2), pools: [4, 8] }
}

/// 1.1: 64 maps of 3×3, pooled early; 2.4 times less work.
pub fn v1_1() -> Version {
    Version { conv1: Conv::new(64, 3).stride(2), pools: [3, 5] }
}

/// A SqueezeNet.
pub fn build(name: &str, size: u32, version: &Version, bypass: Bypass) -> Result<Network, ZooError> {
    let (mut b, input) = Builder::new(name, Shape::square(3, size), Preprocessing::Caffe);
    let pool = Window::new(3, 2).ceil();
    let mut x = b.conv_relu("conv1", &input, version.conv1)?;
    x = b.max_pool("pool1", &x, pool)?;
    for number in 2..=9 {
        // Modules come in pairs, each pair wider than the one before by 16 and 64 maps.
        let step = number / 2;
        let fire = Fire { squeeze: 16 * step, expand1x1: 64 * step, expand3x3: 64 * step };
        let module = format!("fire{number}");
        let fired = b.fire(&module, &x, fire)?;
        x = match (bypass, number % 2) {
            (Bypass::None, _) | (Bypass::Simple, 0) => fired,
            (Bypass::Complex, 0) => {
                let maps = fired.shape.channels;
                let around = b.conv(&format!("{module}/bypass1x1"), &x, Conv::new(maps, 1).linear())?;
                b.add(&format!("{module}/add"), &fired, &around)?
            }
            _ => b.add(&format!("{module}/add"), &fired, &x)?,
        };
        if version.pools.contains(&number) {
            x = b.max_pool(&format!("pool{number}"), &x, pool)?;
        }
    }
    x = b.dropout("drop9", &x);
    x = b.conv_relu("conv10", &x, Conv::new(1000, 1))?;
    x = b.global_average("pool10", &x);
    x = b.flatten("flatten", &x)?;
    x = b.softmax("prob", &x);
    b.finish(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fire(squeeze: u32, expand1x1: u32, expand3x3: u32) -> Result<Map, ZooError> {
        let (mut b, input) = Builder::new("fire", Shape::square(5, 8), Preprocessing::Caffe);
        b.fire("fire2", &input, Fire { squeeze, expand1x1, expand3x3 })
    }

    #[test]
    fn a_squeeze_must_squeeze() {
        assert!(fire(7, 4, 4).is_ok());
        for squeeze in [8, 9, u32::MAX] {
            let error = fire(squeeze, 4, 4).unwrap_err();
            let layer = "fire2".to_string();
            assert_eq!(error, ZooError::Fire { layer, squeeze, expand1x1: 4, expand3x3: 4 });
        }
        assert_eq!(
            fire(8, 4, 4).unwrap_err().to_string(),
            "fire2: a squeeze to 8 maps in front of 4 + 4 squeezes nothing; S1x1 must be less than e1x1 + e3x3"
        );
    }

    #[test]
    fn a_module_without_maps_is_refused() {
        assert!(matches!(fire(0, 4, 4), Err(ZooError::Layer { .. })));
        assert!(matches!(fire(3, 0, 4), Err(ZooError::Layer { .. })));
    }
}
