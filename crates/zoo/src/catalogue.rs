//! The names of the networks.

use crate::error::ZooError;
use crate::network::Network;
use crate::resnet::Block::{Basic, Bottleneck};
use crate::squeezenet::{Bypass, v1_0, v1_1};
use crate::{alexnet, resnet, squeezenet, vgg};

/// Largest side of an input.
const SIZE: u32 = 4096;

/// One network of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What [`build`] knows it by.
    pub name: &'static str,
    /// What people call it, and what is particular about it.
    pub title: &'static str,
    /// Side of its input unless another is asked for.
    pub default_size: u32,
    /// Where it was published.
    pub source: &'static str,
    /// The file of the repository that holds trained weights for [`Network::with_weights`]. Where there
    /// is none the weights are seeded.
    pub trained: Option<&'static str>,
    build: fn(&str, u32) -> Result<Network, ZooError>,
}

impl Entry {
    /// Builds it, at its default size or at another.
    ///
    /// # Errors
    /// A size that is zero, too large, or too small for one of the layers.
    pub fn build(&self, size: Option<u32>) -> Result<Network, ZooError> {
        match size.unwrap_or(self.default_size) {
            size if (1..=SIZE).contains(&size) => (self.build)(self.name, size),
            size => Err(ZooError::Size { size, limit: SIZE }),
        }
    }
}

/// Every network, in the order of the comparison.
pub fn list() -> &'static [Entry] {
    ENTRIES
}

/// Builds the network of that name, at its default size or at another. Names are as in [`list`]; capital
/// letters, hyphens, underscores and spaces make no difference (`ResNet-50` is `resnet50`).
///
/// # Errors
/// [`ZooError::Unknown`] names the networks there are; else as [`Entry::build`].
pub fn build(name: &str, size: Option<u32>) -> Result<Network, ZooError> {
    let wanted = key(name);
    match ENTRIES.iter().find(|entry| key(entry.name) == wanted) {
        Some(entry) => entry.build(size),
        None => Err(ZooError::Unknown { name: name.into() }),
    }
}

fn key(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

const SQUEEZENET: &str = "Iandola et al. 2016, arXiv 1602.07360";
const ALEXNET: &str =
    "Krizhevsky et al. 2012, ImageNet Classification with Deep Convolutional Neural Networks";
const VGG: &str = "Simonyan and Zisserman 2014, arXiv 1409.1556";
const RESNET: &str = "He et al. 2015, arXiv 1512.03385";
const RESNET_SMALL: &str = "He et al. 2015, arXiv 1512.03385, section 4.2";

const fn entry(
    name: &'static str,
    title: &'static str,
    default_size: u32,
    source: &'static str,
    build: fn(&str, u32) -> Result<Network, ZooError>,
) -> Entry {
    Entry { name, title, default_size, source, trained: None, build }
}

#[rustfmt::skip] // a table: one network a line, as far as it goes
static ENTRIES: &[Entry] = &[
    entry("alexnet", "AlexNet, two towers", 224, ALEXNET, |name, size| alexnet::build(name, size, &alexnet::TWO)),
    entry("alexnet-2048", "AlexNet read as one tower", 224, ALEXNET, |name, size| alexnet::build(name, size, &alexnet::ONE)),
    entry("vgg16", "VGG-16 (D)", 224, VGG, |name, size| vgg::build(name, size, vgg::SIXTEEN)),
    entry("vgg19", "VGG-19 (E)", 224, VGG, |name, size| vgg::build(name, size, vgg::NINETEEN)),
    entry("resnet18", "ResNet-18", 224, RESNET, |name, size| resnet::imagenet(name, size, Basic, [2, 2, 2, 2])),
    entry("resnet34", "ResNet-34", 224, RESNET, |name, size| resnet::imagenet(name, size, Basic, [3, 4, 6, 3])),
    entry("resnet50", "ResNet-50", 224, RESNET, |name, size| resnet::imagenet(name, size, Bottleneck, [3, 4, 6, 3])),
    entry("resnet101", "ResNet-101", 224, RESNET, |name, size| resnet::imagenet(name, size, Bottleneck, [3, 4, 23, 3])),
    entry("resnet152", "ResNet-152", 224, RESNET, |name, size| resnet::imagenet(name, size, Bottleneck, [3, 8, 36, 3])),
    entry("plain20", "20 layers for 32×32, no shortcuts", 32, RESNET_SMALL, |name, size| resnet::small(name, size, 3, false)),
    entry("plain56", "56 layers for 32×32, no shortcuts", 32, RESNET_SMALL, |name, size| resnet::small(name, size, 9, false)),
    entry("resnet20", "ResNet-20 for 32×32", 32, RESNET_SMALL, |name, size| resnet::small(name, size, 3, true)),
    entry("resnet56", "ResNet-56 for 32×32", 32, RESNET_SMALL, |name, size| resnet::small(name, size, 9, true)),
    entry("resnet1202", "ResNet-1202 for 32×32", 32, RESNET_SMALL, |name, size| resnet::small(name, size, 200, true)),
    entry("squeezenet1.0", "SqueezeNet 1.0", 227, SQUEEZENET, |name, size| squeezenet::build(name, size, &v1_0(), Bypass::None)),
    entry("squeezenet1.0-simple-bypass", "SqueezeNet 1.0, simple bypass", 227, SQUEEZENET, |name, size| squeezenet::build(name, size, &v1_0(), Bypass::Simple)),
    entry("squeezenet1.0-complex-bypass", "SqueezeNet 1.0, complex bypass", 227, SQUEEZENET, |name, size| squeezenet::build(name, size, &v1_0(), Bypass::Complex)),
    Entry {
        trained: Some("models/squeezenet1.1.onnx"),
        ..entry("squeezenet1.1", "SqueezeNet 1.1", 224, "github.com/forresti/SqueezeNet, SqueezeNet_v1.1", |name, size| {
            squeezenet::build(name, size, &v1_1(), Bypass::None)
        })
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{ModelProto, NodeProto};
    use prost::Message;
    use std::collections::HashSet;

    #[test]
    fn names_are_found_as_people_write_them() {
        for (written, name) in
            [("ResNet-50", "resnet50"), ("AlexNet_2048", "alexnet-2048"), ("VGG 16", "vgg16")]
        {
            assert_eq!(build(written, None).unwrap().name(), name);
        }
        let keys: HashSet<_> = list().iter().map(|entry| key(entry.name)).collect();
        assert_eq!(keys.len(), list().len());
        let error = build("lenet", None).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no network `lenet` (there are: alexnet, alexnet-2048, vgg16,"),
            "{error}"
        );
    }

    #[test]
    fn sizes_are_checked() {
        for size in [0, 4097, u32::MAX] {
            assert_eq!(build("resnet18", Some(size)).unwrap_err(), ZooError::Size { size, limit: 4096 });
        }
        let error = build("alexnet", Some(32)).unwrap_err().to_string();
        assert_eq!(
            error,
            "pool5: a kernel of 3×3 does not fit on a map of 1×1×256; choose a larger input size"
        );
        assert_eq!(build("vgg16", Some(32)).unwrap().params(), 37_694_248);
    }

    /// Every name in a file is written once, read after that, and led to the output.
    #[test]
    fn the_graphs_are_sound() {
        for entry in list() {
            let network = entry.build(None).unwrap();
            let mut known: HashSet<&str> = network.constants.iter().map(|c| c.name.as_str()).collect();
            assert_eq!(known.len(), network.constants.len(), "{}: a constant twice", entry.name);
            known.insert("data");
            let mut read = HashSet::new();
            for NodeProto { input, output, .. } in &network.nodes {
                assert!(input.iter().all(|name| known.contains(name.as_str())), "{}: {input:?}", entry.name);
                read.extend(input.iter().map(String::as_str));
                assert!(output.iter().all(|name| known.insert(name)), "{}: {output:?}", entry.name);
            }
            known.retain(|name| !read.contains(name));
            assert_eq!(known.into_iter().collect::<Vec<_>>(), ["prob"], "{}", entry.name);
        }
    }

    #[test]
    fn logits_end_before_the_softmax() {
        let network = build("resnet20", None).unwrap();
        let layers = network.layers().len();
        let logits = network.without_softmax();
        assert_eq!((logits.layers().len(), logits.classes()), (layers - 1, 10));
        let graph = ModelProto::decode(&logits.to_onnx()[..]).unwrap().graph.unwrap();
        assert_eq!((graph.output[0].name.as_str(), graph.node.last().unwrap().name.as_str()), ("fc", "fc"));
        let again = logits.clone().without_softmax();
        assert_eq!(again.layers(), logits.layers());
    }

    #[test]
    fn a_file_says_how_its_pictures_are_prepared() {
        let metadata = |name: &str, size| {
            let model = ModelProto::decode(&build(name, size).unwrap().to_onnx()[..]).unwrap();
            model
                .metadata_props
                .iter()
                .map(|e| format!("{}={}", e.key, e.value))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            metadata("squeezenet1.1", None),
            "wisp.model=squeezenet1.1 wisp.weights=seeded wisp.size=224 wisp.resize=warp wisp.order=bgr wisp.range=255 \
             wisp.mean=104.006,116.669,122.679 wisp.std=1,1,1"
        );
        assert_eq!(
            metadata("resnet18", Some(64)),
            "wisp.model=resnet18 wisp.weights=seeded wisp.size=64 wisp.resize=crop wisp.shorter=73 wisp.order=rgb \
             wisp.range=1 wisp.mean=0.485,0.456,0.406 wisp.std=0.229,0.224,0.225"
        );
    }
}
