//! The figures that the literature gives for these networks, each beside its source.

use wisp_zoo::{Builder, Conv, Fire, Network, Preprocessing, Shape, ZooError, build, list};

fn network(name: &str) -> Network {
    build(name, None).unwrap()
}

fn at(name: &str, size: u32) -> Network {
    build(name, Some(size)).unwrap()
}

/// Height (= width) of a layer's output.
fn side(network: &Network, layer: &str) -> u32 {
    let shape = network.layer(layer).unwrap_or_else(|| panic!("{} has no {layer}", network.name())).output;
    assert_eq!(shape.height, shape.width, "{layer}");
    shape.height
}

/// Weights without biases of a layer that reads its input at every output pixel.
fn weights(network: &Network, layer: &str) -> u64 {
    let layer = network.layer(layer).unwrap();
    layer.macs / layer.output.pixels()
}

/// A network of one block on `input`.
fn alone(input: Shape, block: impl FnOnce(&mut Builder, &wisp_zoo::Map) -> wisp_zoo::Map) -> Network {
    let (mut builder, map) = Builder::new("block", input, Preprocessing::Torchvision);
    let output = block(&mut builder, &map);
    builder.finish(output).unwrap()
}

#[test]
fn parameters() {
    for (name, params) in [
        // Caffe's bvlc_alexnet: 60,965,224 values in bvlc_alexnet.caffemodel ("60 million", Krizhevsky et
        // al. 2012, abstract).
        ("alexnet", 60_965_224),
        // The single-tower reading: the same layers without groups, 2048 instead of 4096 dense units;
        // the sum 34,944 + 614,656 + 885,120 + 1,327,488 + 884,992 + 18,876,416 + 4,196,352 + 2,049,000.
        ("alexnet-2048", 28_868_968),
        // torchvision's models page, `num_params`: VGG16_Weights and VGG19_Weights ("138" and "144"
        // million, Simonyan and Zisserman 2014, table 2).
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        // torchvision's models page, `num_params` of ResNet{18,34,50,101,152}_Weights.IMAGENET1K_V1.
        // A batch-norm has two parameters a map.
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        // torchvision's models page, `num_params` of SqueezeNet1_{0,1}_Weights.
        ("squeezenet1.0", 1_248_424),
        ("squeezenet1.1", 1_235_496),
        // Iandola et al. 2016, section 6: the simple bypass adds no parameters; the complex one brings
        // 4.8 MB to 7.7 MB in their table 3. Its four 1×1 convolutions as the text describes them, with
        // biases, are 341,248 parameters, that is 6.4 MB in all.
        ("squeezenet1.0-simple-bypass", 1_248_424),
        ("squeezenet1.0-complex-bypass", 1_589_672),
    ] {
        assert_eq!(network(name).params(), params, "{name}");
    }
}

#[test]
fn parameters_of_the_small_residual_networks() {
    // He et al. 2015 (arXiv 1512.03385), table 6, in millions as printed. Option A shortcuts have none,
    // so a plain network has as many (section 4.2).
    for (name, plain, millions, digits) in [
        ("resnet20", Some("plain20"), "0.27", 2),
        ("resnet56", Some("plain56"), "0.85", 2),
        ("resnet1202", None, "19.4", 1),
    ] {
        let params = network(name).params();
        assert_eq!(format!("{:.digits$}", params as f64 / 1e6), millions, "{name}: {params}");
        if let Some(plain) = plain {
            assert_eq!(network(plain).params(), params, "{plain}");
            assert_eq!(network(plain).macs(), network(name).macs(), "{plain}");
        }
    }
}

#[test]
fn multiply_adds() {
    // torchvision's models page, GFLOPS of the weights' tables (one multiply-add each), at 224×224.
    for (name, gmacs, digits) in [
        ("vgg16", "15.47", 2),
        ("vgg19", "19.63", 2),
        ("resnet18", "1.81", 2),
        ("resnet34", "3.66", 2),
        ("resnet50", "4.09", 2),
        ("resnet101", "7.80", 2),
        ("resnet152", "11.51", 2),
        ("squeezenet1.0", "0.82", 2),
        ("squeezenet1.1", "0.349", 3),
        // Sze, Chen, Yang and Emer 2017 (arXiv 1703.09039), table II: AlexNet, 724 million.
        ("alexnet", "0.724", 3),
    ] {
        let macs = at(name, 224).macs();
        assert_eq!(format!("{:.digits$}", macs as f64 / 1e9), gmacs, "{name}: {macs}");
    }
    // SqueezeNet's repository, SqueezeNet_v1.1/README: "2.4x less computation than SqueezeNet v1.0".
    let ratio = network("squeezenet1.0").macs() as f64 / network("squeezenet1.1").macs() as f64;
    assert_eq!(format!("{ratio:.1}"), "2.4");
    // Where SqueezeNet 1.1 spends them, by hand: the squeezes are 55²·3072 + 27²·12288 + 13²·88064, the 1×1
    // expands 55²·2048 + 27²·8192 + 13²·51200, the 3×3 ones nine times that.
    let network = network("squeezenet1.1");
    let part = |end: &str| -> u64 {
        network.layers().iter().filter(|layer| layer.name.ends_with(end)).map(|layer| layer.macs).sum()
    };
    assert_eq!((part("conv1"), part("conv10")), (21_290_688, 86_528_000));
    assert_eq!(
        (part("squeeze1x1"), part("expand1x1"), part("expand3x3")),
        (33_133_568, 20_819_968, 187_379_712)
    );
    assert_eq!(weights(&network, "conv10"), 512_000);
}

#[test]
fn depths() {
    // The number in a name counts the convolutions and dense layers (on the way through the branches:
    // ResNet's three or four 1×1 shortcuts do not count). He et al. 2015; Simonyan and Zisserman 2014;
    // Krizhevsky et al. 2012, "five convolutional and three fully-connected".
    for (name, depth) in [
        ("alexnet", 8),
        ("vgg16", 16),
        ("vgg19", 19),
        ("resnet18", 18),
        ("resnet34", 34),
        ("resnet50", 50),
        ("resnet101", 101),
        ("resnet152", 152),
        ("plain20", 20),
        ("plain56", 56),
        ("resnet20", 20),
        ("resnet56", 56),
        ("resnet1202", 1202),
    ] {
        let network = network(name);
        let on_the_way =
            network.layers().iter().filter(|layer| layer.is_weighted() && !layer.name.contains("downsample"));
        assert_eq!(on_the_way.count(), depth, "{name}");
    }
}

#[test]
fn maps() {
    let tables: &[(&str, &[(&str, u32)])] = &[
        // Iandola et al. 2016, table 1 (its 224 is 227: 111 is what a 7×7 kernel of stride 2 makes of it).
        (
            "squeezenet1.0",
            &[
                ("conv1", 111),
                ("pool1", 55),
                ("fire2/concat", 55),
                ("fire4/concat", 55),
                ("pool4", 27),
                ("fire5/concat", 27),
                ("fire8/concat", 27),
                ("pool8", 13),
                ("fire9/concat", 13),
                ("conv10", 13),
                ("pool10", 1),
            ],
        ),
        // SqueezeNet's repository, SqueezeNet_v1.1/README: pools behind conv1, fire3 and fire5.
        (
            "squeezenet1.1",
            &[
                ("conv1", 111),
                ("pool1", 55),
                ("fire3/concat", 55),
                ("pool3", 27),
                ("pool5", 13),
                ("conv10", 13),
            ],
        ),
        // Krizhevsky et al. 2012, figure 2: maps of 55, 27 and 13, and 6×6×256 into the dense layers.
        (
            "alexnet",
            &[
                ("conv1", 55),
                ("pool1", 27),
                ("conv2", 27),
                ("pool2", 13),
                ("conv3", 13),
                ("conv4", 13),
                ("conv5", 13),
                ("pool5", 6),
            ],
        ),
        // Simonyan and Zisserman 2014, section 2.1: every 3×3 keeps the size, each of five pools halves it.
        (
            "vgg16",
            &[("conv1_2", 224), ("pool1", 112), ("pool2", 56), ("pool3", 28), ("conv5_3", 14), ("pool5", 7)],
        ),
        // He et al. 2015, table 1, output sizes.
        (
            "resnet50",
            &[
                ("conv1", 112),
                ("maxpool", 56),
                ("layer1.2.relu", 56),
                ("layer2.3.relu", 28),
                ("layer3.5.relu", 14),
                ("layer4.2.relu", 7),
                ("avgpool", 1),
            ],
        ),
        // He et al. 2015, section 4.2: 32, 16 and 8 with 16, 32 and 64 maps.
        ("resnet1202", &[("layer1.199.relu", 32), ("layer2.199.relu", 16), ("layer3.199.relu", 8)]),
    ];
    for (name, layers) in tables {
        let network = network(name);
        for (layer, expected) in *layers {
            assert_eq!(side(&network, layer), *expected, "{name}, {layer}");
        }
    }
    // The same sources' numbers of maps.
    for (name, layer, maps) in [
        ("squeezenet1.0", "conv1", 96),
        ("squeezenet1.0", "fire9/concat", 512),
        ("squeezenet1.1", "conv1", 64),
        ("alexnet", "conv1", 96),
        ("alexnet", "pool5", 256),
        ("resnet50", "layer4.2.relu", 2048),
        ("resnet1202", "layer3.199.relu", 64),
    ] {
        assert_eq!(network(name).layer(layer).unwrap().output.channels, maps, "{name}, {layer}");
    }
    // bvlc_alexnet: fc6 reads 9,216 values.
    assert_eq!(network("alexnet").layer("fc6").unwrap().input.channels, 9_216);
}

#[test]
fn a_fire_module_against_a_plain_convolution() {
    // The worked example of the project: five maps squeezed to three, expanded to four and four.
    let input = Shape::square(5, 13);
    let numbers = Fire { squeeze: 3, expand1x1: 4, expand3x3: 4 };
    let fire = alone(input, |builder, map| builder.fire("fire", map, numbers).unwrap());
    let plain = alone(input, |builder, map| builder.conv("conv", map, Conv::same(8, 3)).unwrap());
    assert_eq!((fire.params(), plain.params()), (146, 368));
    // Both make the same maps.
    assert_eq!(fire.layer("fire/concat").unwrap().output, Shape::square(8, 13));
    assert_eq!(plain.layer("conv").unwrap().output, Shape::square(8, 13));
}

#[test]
fn a_squeeze_that_does_not_squeeze_is_refused() {
    // Iandola et al. 2016, section 3.2: "we set s1x1 to be less than (e1x1 + e3x3)".
    let (mut builder, input) = Builder::new("block", Shape::square(5, 13), Preprocessing::Caffe);
    for squeeze in [8, 9] {
        let refused = builder.fire("fire", &input, Fire { squeeze, expand1x1: 4, expand3x3: 4 });
        assert!(matches!(refused, Err(ZooError::Fire { .. })));
    }
    assert!(builder.fire("fire", &input, Fire { squeeze: 7, expand1x1: 4, expand3x3: 4 }).is_ok());
}

/// Weights of `layers` convolutions of 3×3, the first from `from` maps, all to `to`; and of the one
/// convolution that sees as far.
fn stack(layers: u32, from: u32, to: u32) -> (u64, u64) {
    let input = Shape::square(from, 28);
    let small = alone(input, |builder, map| {
        (0..layers).fold(map.clone(), |map, index| {
            builder.conv(&format!("conv{index}"), &map, Conv::same(to, 3).without_bias()).unwrap()
        })
    });
    let kernel = 2 * layers + 1;
    let large = alone(input, |builder, map| {
        builder.conv("conv", map, Conv::same(to, kernel).without_bias()).unwrap()
    });
    (small.params(), large.params())
}

#[test]
fn small_kernels_in_place_of_large_ones() {
    // Simonyan and Zisserman 2014, section 2.3: three 3×3 are 27 C² against 49 C² for one 7×7, with C maps
    // in and out; two are 18 N·M against 25 N·M for one 5×5 where N = M.
    let (n, m) = (64, 64);
    assert_eq!(stack(2, n, m), (18 * 64 * 64, 25 * 64 * 64));
    assert_eq!(stack(3, n, m), (27 * 64 * 64, 49 * 64 * 64));

    // In VGG-16 itself only the last stage has as many maps in as out. Where a stage widens, its first
    // layer is the cheap one, and a pair costs more than the 5×5 would: eight times in the first stage.
    let vgg = network("vgg16");
    for (stage, layers, from, to, small, large) in [
        (1, 2, 3, 64, 38_592, 4_800),
        (2, 2, 64, 128, 221_184, 204_800),
        (3, 3, 128, 256, 1_474_560, 1_605_632),
        (4, 3, 256, 512, 5_898_240, 6_422_528),
        (5, 3, 512, 512, 7_077_888, 12_845_056),
    ] {
        assert_eq!(stack(layers, from, to), (small, large), "stage {stage}");
        let written: u64 = (1..=layers).map(|layer| weights(&vgg, &format!("conv{stage}_{layer}"))).sum();
        assert_eq!(written, small, "stage {stage}");
    }
}

#[test]
fn a_global_average_in_place_of_a_dense_layer() {
    // The last map of SqueezeNet is 13×13×512 (Iandola et al. 2016, table 1). A dense layer to 1000 classes
    // would have a weight for every value of it; conv10 has one for every channel (Lin et al. 2013, arXiv
    // 1312.4400, is where the paper has the average from).
    let squeezenet = network("squeezenet1.0");
    let last = squeezenet.layer("fire9/concat").unwrap().output;
    assert_eq!(last, Shape::square(512, 13));
    let dense = alone(last, |builder, map| builder.dense("fc", map, 1000, false).unwrap());
    assert_eq!(weights(&dense, "fc"), 86_528_000);
    assert_eq!(weights(&squeezenet, "conv10"), 512_000);
}

#[test]
fn against_alexnet() {
    let (alexnet, squeezenet) = (network("alexnet"), network("squeezenet1.0"));
    // Iandola et al. 2016, abstract: "50x fewer parameters".
    let ratio = alexnet.params() as f64 / squeezenet.params() as f64;
    assert_eq!(format!("{ratio:.1}"), "48.8");
    // Their table 2: 240 MB and 4.8 MB in 32 bits. AlexNet's 244 million bytes are 233 MiB, SqueezeNet's
    // 5.0 million are 4.8 MiB.
    assert_eq!((alexnet.params() * 4, squeezenet.params() * 4), (243_860_896, 4_993_696));
    assert_eq!(format!("{:.1}", (squeezenet.params() * 4) as f64 / f64::from(1 << 20)), "4.8");
    // Abstract and table 2: 510 times less than 240 MB, in bytes.
    assert_eq!(240_000_000 / 510, 470_588);
    // The files here hold little besides: names and geometry.
    for network in [&alexnet, &squeezenet] {
        let besides = network.onnx_bytes() - network.params() * 4;
        assert!(besides < 16_384, "{}: {besides}", network.name());
    }
}

#[test]
fn another_input_size_changes_the_work_and_the_first_dense_layer_only() {
    for entry in list() {
        let size = if entry.default_size == 32 { 48 } else { 256 };
        let (usual, other) = (entry.build(None).unwrap(), entry.build(Some(size)).unwrap());
        assert!(other.macs() > usual.macs(), "{}", entry.name);
        for (usual, other) in usual.layers().iter().zip(other.layers()) {
            assert!(usual.params == other.params || usual.name == "fc6", "{}, {}", entry.name, usual.name);
        }
    }
}
