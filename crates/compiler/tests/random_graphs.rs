//! Random small graphs, native against tract, and random damage to a file.

mod common;

use common::*;
use proptest::prelude::*;
use tract_onnx::pb::AttributeProto;
use wisp_compiler::compile_bytes;

#[derive(Clone, Debug)]
struct Geometry {
    kernel: [i64; 2],
    stride: [i64; 2],
    pads: [i64; 4],
}

impl Geometry {
    fn attributes(&self) -> Vec<AttributeProto> {
        window(self.kernel, self.stride, self.pads)
    }

    fn fits(&self, h: usize, w: usize) -> bool {
        let fits = |axis: usize, side: usize| {
            side as i64 + self.pads[axis] + self.pads[axis + 2] >= self.kernel[axis]
        };
        fits(0, h) && fits(1, w)
    }
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let side = || 1i64..=5;
    let step = || 1i64..=3;
    let pad = || 0i64..=4;
    ([side(), side()], [step(), step()], [pad(), pad(), pad(), pad()]).prop_map(
        |(kernel, stride, mut pads)| {
            for (axis, pad) in pads.iter_mut().enumerate() {
                *pad %= kernel[axis % 2];
            }
            Geometry { kernel, stride, pads }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn convolutions(
        (groups, inner, outer) in (1usize..=4, 1usize..=10, 1usize..=10),
        (h, w) in (3usize..=20, 3usize..=20),
        geometry in geometry(),
        relu: bool,
    ) {
        prop_assume!(geometry.fits(h, w));
        let [kh, kw] = geometry.kernel.map(|side| side as usize);
        let mut attributes = geometry.attributes();
        attributes.push(int("group", groups as i64));
        let model = Onnx::new(groups * inner, h, w).conv("conv", "data", [groups * outer, inner, kh, kw], attributes);
        same_as_tract(if relu {
            model.node("Relu", &["conv"], &["relu"], vec![]).output("relu")
        } else {
            model.output("conv")
        });
    }

    #[test]
    fn pools(
        c in 1usize..=40,
        (h, w) in (3usize..=20, 3usize..=20),
        geometry in geometry(),
        (max, ceil, include) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        prop_assume!(geometry.fits(h, w));
        // The divisor under ceil_mode with counted pads is a matter of opinion, and refused.
        let ceil = ceil && (max || !include);
        let mut attributes = geometry.attributes();
        attributes.push(int("ceil_mode", ceil.into()));
        if !max {
            attributes.push(int("count_include_pad", include.into()));
        }
        let op = if max { "MaxPool" } else { "AveragePool" };
        same_as_tract(Onnx::new(c, h, w).node(op, &["data"], &["pool"], attributes).output("pool"));
    }

    /// Layers of convolutions, activations, normalisations and pads, each reading any tensor before it, with
    /// sums and concatenations of any tensors in between: views, nested views and copies.
    #[test]
    fn networks(
        (h, w) in (3usize..=9, 3usize..=9),
        layers in prop::collection::vec((0usize..8, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..=8), 1..12),
    ) {
        let mut model = Onnx::new(3, h, w).ints("pads", &[0, 0, 1, 0, 0, 0, 0, 2]);
        let mut tensors = vec![("data".to_string(), 3)];
        for (number, (kind, first, second, outputs)) in layers.iter().enumerate() {
            let (a, ca) = first.get(&tensors).clone();
            let (b, cb) = second.get(&tensors).clone();
            let name = format!("t{number}");
            let (next, channels) = match kind {
                0 => (model.node("Relu", &[&a], &[&name], vec![]), ca),
                1 => (model.node("Concat", &[&a, &b], &[&name], vec![int("axis", 1)]), ca + cb),
                2 if ca == cb => (model.node("Add", &[&a, &b], &[&name], vec![]), ca),
                3 => (batch_norm(model, &name, &a, ca), ca),
                4 => {
                    // Zeros around, and a pool that takes them off again.
                    let padded = format!("{name}_padded");
                    let model = model.node("Pad", &[&a, "pads"], &[&padded], vec![]);
                    let kernel = vec![ints("kernel_shape", &[2, 3])];
                    let op = if *outputs > 4 { "MaxPool" } else { "AveragePool" };
                    (model.node(op, &[&padded], &[&name], kernel), ca)
                }
                _ => {
                    let kernel = if *kind == 5 { 1 } else { 3 };
                    let pad = kernel as i64 / 2;
                    let weight = [*outputs, ca, kernel, kernel];
                    (model.conv(&name, &a, weight, vec![ints("pads", &[pad; 4])]), *outputs)
                }
            };
            model = next;
            if channels > 200 {
                prop_assume!(false);
            }
            tensors.push((name, channels));
        }
        let last = tensors.last().map(|tensor| tensor.0.clone()).unwrap_or_default();
        same_as_tract(model.output(&last));
    }
}

fn batch_norm(model: Onnx, name: &str, input: &str, channels: usize) -> Onnx {
    let names = ["scale", "shift", "mean", "var"].map(|part| format!("{name}_{part}"));
    let [scale, shift, mean, var] = &names;
    let above_zero: Vec<f32> = noise(4, channels).iter().map(|value| value.abs() + 0.5).collect();
    let values = |seed| noise(seed, channels);
    model
        .floats(scale, &[channels], &values(1))
        .floats(shift, &[channels], &values(2))
        .floats(mean, &[channels], &values(3))
        .floats(var, &[channels], &above_zero)
        .node("BatchNormalization", &[input, scale, shift, mean, var], &[name], vec![])
}

/// A small network with most of what a file can hold.
fn small() -> Vec<u8> {
    Onnx::new(3, 9, 9)
        .metadata("wisp.model", "small")
        .metadata("wisp.weights", "seeded")
        .conv("a", "data", [4, 3, 3, 3], vec![ints("strides", &[2, 2])])
        .floats("lo", &[], &[0.0])
        .node("Clip", &["a", "lo"], &["b"], vec![])
        .conv("c", "b", [4, 2, 1, 1], vec![int("group", 2)])
        .node("Concat", &["b", "c"], &["d"], vec![int("axis", 1)])
        .ints("zeros", &[0, 0, 1, 0, 0, 0, 0, 1])
        .node("Pad", &["d", "zeros"], &["padded"], vec![])
        .node("MaxPool", &["padded"], &["pool"], window([2, 2], [2, 2], [0; 4]))
        .node("Add", &["pool", "pool"], &["twice"], vec![])
        .node("LRN", &["twice"], &["e"], vec![int("size", 3)])
        .node("GlobalAveragePool", &["e"], &["f"], vec![])
        .ints("shape", &[1, -1])
        .node("Reshape", &["f", "shape"], &["g"], vec![])
        .floats("w", &[2, 8], &noise(2, 16))
        .node("Gemm", &["g", "w"], &["logits"], vec![int("transB", 1)])
        .node("Softmax", &["logits"], &["h"], vec![])
        .output("h")
        .bytes()
}

#[test]
fn damage_never_panics() {
    let whole = small();
    assert!(compile_bytes(&whole, &options()).is_ok());
    // Every byte, with each of some values that mean something in protobuf.
    for at in 0..whole.len() {
        for value in [0, 1, 2, 0x0a, 0x3a, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 0x10] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            // Compiled or refused, and if compiled then checked by the runtime's loader.
            let _ = compile_bytes(&bytes, &options());
        }
    }
}
