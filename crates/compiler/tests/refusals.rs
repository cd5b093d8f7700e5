//! Every refusal, with its whole text: it names the place, what was found and what is needed.

mod common;

use common::*;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, NodeProto, SparseTensorProto, TensorProto};
use wisp_compiler::{Options, Reference, compile_bytes};

/// A valid model to break: one convolution of 3×8×8.
fn net() -> Onnx {
    Onnx::new(3, 8, 8).conv("conv", "data", [4, 3, 3, 3], vec![]).output("conv")
}

/// As `net`, with one more node called `x`, which is the output.
fn after(op: &str, inputs: &[&str], attributes: Vec<tract_onnx::pb::AttributeProto>) -> Onnx {
    let mut onnx = net().node(op, inputs, &["x"], attributes);
    onnx.graph.output[0].name = "x".into();
    onnx
}

/// A convolution `x` of the input with these attributes and weight shape.
fn conv(weight: [usize; 4], attributes: Vec<tract_onnx::pb::AttributeProto>) -> Onnx {
    Onnx::new(3, 8, 8).conv("x", "data", weight, attributes).output("x")
}

fn check(cases: Vec<(Onnx, &str)>) {
    for (onnx, expected) in cases {
        assert_eq!(refusal(onnx), expected);
    }
}

#[test]
fn files_that_are_not_onnx() {
    let text = |bytes: &[u8]| chain(&compile_bytes(bytes, &options()).unwrap_err());
    assert!(text(b"\x89PNG\r\n\x1a\n....").starts_with("not an ONNX model: the protobuf does not decode: "));
    assert_eq!(text(b""), "not an ONNX model: it holds no graph");
    let path = std::env::temp_dir().join("wisp-no-such-file.onnx");
    let error = wisp_compiler::compile(&path, &options()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    assert!(std::error::Error::source(&error).is_some());
    // Every truncation of a model is refused, by the decoder or by a check after it.
    let whole = net().bytes();
    for length in 0..whole.len() {
        assert!(compile_bytes(&whole[..length], &options()).is_err(), "{length} bytes");
    }
}

#[test]
fn models_as_a_whole() {
    let node = |count: usize| {
        net().with(|onnx| {
            for index in 0..count {
                let (input, output) = (vec!["conv".into()], vec![format!("n{index}")]);
                onnx.graph.node.push(NodeProto {
                    op_type: "Relu".into(),
                    input,
                    output,
                    ..Default::default()
                });
            }
        })
    };
    check(vec![
        (net().opset(6), "opset 6 is not supported, 7 to 25 are"),
        (net().opset(99), "opset 99 is not supported, 7 to 25 are"),
        (
            net().with(|onnx| onnx.model.opset_import.clear()),
            "the model names no opset version (opset_import of ai.onnx is missing)",
        ),
        (net().with(|onnx| onnx.graph.node.clear()), "the graph has no nodes"),
        (node(20_000), "nodes in the graph: 20001, at most 16384 are accepted"),
        (net().with(|onnx| onnx.graph.output.clear()), "the graph has no output"),
        (
            net().with(|onnx| onnx.graph.sparse_initializer.push(SparseTensorProto::default())),
            "sparse initialisers are not supported",
        ),
        (
            net().with(|onnx| onnx.graph.output[0].name = "y".into()),
            "tensor \"y\": it is a graph output, but nothing computes it",
        ),
        (
            net().with(|onnx| onnx.graph.output[0].name = "data".into()),
            "tensor \"data\": it is the graph's input, an output that a node computes is needed",
        ),
        (
            net().with(|onnx| onnx.graph.output[0].name = "conv_w".into()),
            "tensor \"conv_w\": it is a constant, an output that a node computes is needed",
        ),
    ]);
}

#[test]
fn names_and_order() {
    check(vec![
        (after("Relu", &["y"], vec![]), "node \"x\" (Relu): its input \"y\" is not defined before it"),
        // A cycle is a node that reads what comes after it.
        (
            net().node("Relu", &["b"], &["a"], vec![]).node("Relu", &["a"], &["b"], vec![]),
            "node \"a\" (Relu): its input \"b\" is not defined before it",
        ),
        (net().node("Relu", &["data"], &["conv"], vec![]), "tensor \"conv\": it is defined twice"),
        (net().floats("conv_w", &[1], &[0.0]), "tensor \"conv_w\": it is defined twice"),
        (net().floats("", &[1], &[0.0]), "a graph input or an initialiser has no name"),
        (net().node("Relu", &["data"], &[], vec![]), "node \"#1\" (Relu): it has no output"),
    ]);
}

#[test]
fn inputs() {
    let input = |kind, dims: &[Dim]| {
        let input = value("data", kind, dims);
        net().with(|onnx| onnx.graph.input = vec![input])
    };
    use Dim::{Is, Open};
    check(vec![
        (
            net().with(|onnx| onnx.graph.input[0].r#type = None),
            "tensor \"data\": the graph's input has no tensor type",
        ),
        (
            input(DataType::Uint8, &[Is(1), Is(3), Is(8), Is(8)]),
            "tensor \"data\": the graph's input has data type Uint8, Float is needed",
        ),
        (
            input(DataType::Float, &[Is(3), Is(8), Is(8)]),
            "tensor \"data\": the graph's input has 3 dimensions, [batch, channels, height, width] are needed",
        ),
        (
            input(DataType::Float, &[Is(8), Is(3), Is(8), Is(8)]),
            "tensor \"data\": the batch is 8, one picture at a time is supported (1 or open)",
        ),
        (
            input(DataType::Float, &[Is(1), Is(3), Is(-8), Is(8)]),
            "tensor \"data\": the height must be in 1..=65535",
        ),
        (
            input(DataType::Float, &[Is(1), Is(3), Is(8), Is(1 << 40)]),
            "tensor \"data\": the width must be in 1..=65535",
        ),
        (
            input(DataType::Float, &[Is(1), Is(0), Is(8), Is(8)]),
            "tensor \"data\": the channels must be in 1..=1048576",
        ),
        (
            input(DataType::Float, &[Is(1), Open("C"), Is(8), Is(8)]),
            "tensor \"data\": the model leaves its channels open, a number is needed",
        ),
        (
            input(DataType::Float, &[Is(1), Is(1000), Is(60000), Is(60000)]),
            "values of the input: 3600000000000, at most 268435456 are accepted",
        ),
        (
            net().with(|onnx| {
                let dims = [1, 3, 8, 8].map(Is);
                onnx.graph.input.push(value("second", DataType::Float, &dims));
            }),
            "the graph has 2 inputs, one is supported",
        ),
        (
            net().metadata("wisp.size", "224"),
            "metadata key \"wisp.size\": it is 224, but the model's input has a side of 8",
        ),
    ]);
    // The node that reads the input is checked first, so this one needs a graph that does not.
    let mut none =
        Onnx::new(3, 8, 8).floats("w", &[1], &[0.0]).node("Identity", &["w"], &["x"], vec![]).output("x");
    none.graph.input.clear();
    assert_eq!(refusal(none), "the graph has no input");
}

#[test]
fn options_that_do_not_fit() {
    let text = |options: &Options| chain(&compile_bytes(&net().bytes(), options).unwrap_err());
    let size = Options { size: Some(9), ..options() };
    assert_eq!(text(&size), "option --size: 9 is wanted, but the model's input has a side of 8");
    let output = Options { output: Some("nowhere".into()), ..options() };
    assert_eq!(text(&output), "tensor \"nowhere\": it is wanted as the output, but no node computes it");
    let labels = Options { labels: Some(vec!["cat".into(), "dog".into()]), ..options() };
    assert_eq!(text(&labels), "option --labels: there are 2 labels, the model has 144 classes");
    let mut broken = options();
    if let Some(preprocess) = &mut broken.preprocess {
        preprocess.std[1] = 0.0;
    }
    assert!(text(&broken).starts_with("option preprocessing: "));
    assert_eq!(
        text(&Options::default()),
        "the model does not say how a picture becomes its input: give --preset torchvision|caffe, or --resize \
         warp|crop --order rgb|bgr --range 255|1 --mean A,B,C --std A,B,C"
    );
    let open = net().with(|onnx| {
        let dims = [Dim::Is(1), Dim::Is(3), Dim::Open("h"), Dim::Open("w")];
        onnx.graph.input = vec![value("data", DataType::Float, &dims)];
    });
    let zero = Options { size: Some(0), ..options() };
    let text = compile_bytes(&open.bytes(), &zero).unwrap_err().to_string();
    assert_eq!(text, "option --size: 0 is not in 1..=65535");
}

#[test]
fn initialisers() {
    let weight = |change: fn(&mut TensorProto)| net().with(|onnx| change(&mut onnx.graph.initializer[0]));
    check(vec![
        (
            weight(|w| w.raw_data.truncate(8)),
            "tensor \"conv_w\": its shape [4, 3, 3, 3] takes 108 values, 2 are there",
        ),
        (
            weight(|w| w.raw_data.truncate(7)),
            "tensor \"conv_w\": 7 bytes of data are not a whole number of Float values",
        ),
        (
            weight(|w| w.dims = vec![1 << 40, 1 << 40]),
            "tensor \"conv_w\": 18446744073709551615 values, at most 536870912 are accepted",
        ),
        (weight(|w| w.dims[0] = -4), "tensor \"conv_w\": dimension -4 is negative"),
        (
            weight(|w| w.data_location = Some(1)),
            "tensor \"conv_w\": its data are in another file; a model must be one file",
        ),
        (weight(|w| w.data_type = 8), "tensor \"conv_w\": data type String is not supported"),
        (
            weight(|w| w.raw_data[..4].fill(0xff)),
            "node \"conv\" (Conv): its weight \"conv_w\" holds NaN, finite numbers are needed",
        ),
    ]);
    // The tensor in a node's attribute is checked in the same way.
    let lying = TensorProto { dims: vec![1 << 30], data_type: 1, ..Default::default() };
    let text = refusal(after("Constant", &[], vec![tensor("value", lying)]));
    assert_eq!(text, "tensor \"x.value\": 1073741824 values, at most 536870912 are accepted");
}

#[test]
fn operators() {
    let supported = "(supported: Conv, Gemm, MatMul, MaxPool, AveragePool, GlobalAveragePool, ReduceMean, Relu, Clip, \
                     Add, Sum, Sub, Mul, Div, BatchNormalization, LRN, Pad, Concat, Dropout, Identity, Cast, \
                     Flatten, Reshape, Squeeze, Unsqueeze, Transpose, Softmax, QuantizeLinear, DequantizeLinear, \
                     QLinearConv, QLinearMatMul, QGemm, QLinearAdd, QLinearConcat, QLinearAveragePool, \
                     QLinearGlobalAveragePool, QLinearSoftmax)";
    assert_eq!(
        refusal(after("Gelu", &["conv"], vec![])),
        format!("node \"x\": operator Gelu is not supported {supported}")
    );
    let foreign = after("QLinearConcat", &["conv"], vec![]).with(|onnx| {
        onnx.graph.node[1].domain = "com.somebody".into();
    });
    assert_eq!(
        refusal(foreign),
        format!("node \"x\": operator com.somebody.QLinearConcat is not supported {supported}")
    );
    // Known on constants only.
    assert_eq!(
        refusal(after("Gather", &["conv", "conv"], vec![])),
        format!("node \"x\": operator Gather is not supported {supported}")
    );
    // A node without a name goes by its output.
    let unnamed = after("Gelu", &["conv"], vec![]).with(|onnx| onnx.graph.node[1].name.clear());
    assert!(refusal(unnamed).starts_with("node \"x\": operator Gelu"));
}

#[test]
fn arity_and_attributes() {
    let subgraph = tract_onnx::pb::AttributeProto {
        name: "body".into(),
        r#type: 5,
        g: Some(GraphProto::default()),
        ..Default::default()
    };
    check(vec![
        (after("Relu", &[], vec![]), "node \"x\" (Relu): it has 0 inputs, 1 is needed"),
        (after("Conv", &["conv"], vec![]), "node \"x\" (Conv): it has 1 input, 2 to 3 are needed"),
        (
            after("Concat", &[], vec![int("axis", 1)]),
            "node \"x\" (Concat): it has 0 inputs, at least 1 is needed",
        ),
        (after("Conv", &["", "conv_w"], vec![]), "node \"x\" (Conv): input 0 is missing"),
        (
            after("Loop", &["conv"], vec![subgraph]),
            "node \"x\" (Loop): control flow (a graph inside a node) is not supported",
        ),
        (
            after("Relu", &["conv"], vec![float("alpha", 0.1)]),
            "node \"x\" (Relu): attribute alpha is not known",
        ),
        (
            after("Concat", &["conv", "conv"], vec![int("axis", 1), int("axis", 2)]),
            "node \"x\" (Concat): attribute \"axis\" is given twice",
        ),
    ]);
}

#[test]
fn windows() {
    let pool = |attributes| after("MaxPool", &["conv"], attributes);
    check(vec![
        (
            pool(vec![int("kernel_shape", 2)]),
            "node \"x\" (MaxPool): attribute kernel_shape has type Int, Ints is needed",
        ),
        (
            pool(vec![ints("kernel_shape", &[2])]),
            "node \"x\" (MaxPool): kernel_shape is [2], two numbers in 1..=65535 are needed",
        ),
        (
            pool(vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 0])]),
            "node \"x\" (MaxPool): strides is [2, 0], two numbers in 1..=65535 are needed",
        ),
        (
            pool(vec![ints("kernel_shape", &[2, 2]), ints("pads", &[1, 1])]),
            "node \"x\" (MaxPool): pads are [1, 1], [top, left, bottom, right] in 0..=65535 are needed",
        ),
        (
            pool(vec![ints("kernel_shape", &[2, 2]), text("auto_pad", "SOME")]),
            "node \"x\" (MaxPool): auto_pad is SOME, NOTSET, VALID, SAME_UPPER and SAME_LOWER are supported",
        ),
    ]);
}

#[test]
fn a_panic_of_tract_is_an_error() {
    // The reference leaves attributes to tract, which indexes the missing stride.
    let onnx = after("MaxPool", &["conv"], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2])]);
    let error = Reference::from_bytes(&onnx.bytes(), &options()).unwrap_err();
    let text = chain(&error);
    assert!(text.starts_with("tract cannot load the model: internal panic: index out of bounds"), "{text}");
}

#[test]
fn convolutions() {
    check(vec![
        (
            conv([4, 3, 3, 3], vec![ints("dilations", &[2, 2])]),
            "node \"x\" (Conv): dilations other than 1 are not supported",
        ),
        (
            conv([4, 3, 1, 1], vec![ints("pads", &[0, 1, -1, 1])]),
            "node \"x\" (Conv): pads are [0, 1, -1, 1], [top, left, bottom, right] in 0..=65535 are needed",
        ),
        (
            conv([4, 3, 3, 3], vec![ints("pads", &[1, 1, 1, 1]), text("auto_pad", "SAME_UPPER")]),
            "node \"x\" (Conv): auto_pad says how to pad, so pads must not be given",
        ),
    ]);
    // What comes in through the data input must not be a constant, and weights must be.
    let constant = Onnx::new(3, 8, 8)
        .floats("k", &[1, 3, 8, 8], &noise(1, 192))
        .conv("x", "k", [4, 3, 3, 3], vec![])
        .output("x");
    assert_eq!(refusal(constant), "node \"x\" (Conv): all its inputs are constants, which is not supported");
    let computed = Onnx::new(3, 8, 8)
        .floats("k", &[1, 3, 8, 8], &noise(1, 192))
        .node("Conv", &["k", "data"], &["x"], vec![])
        .output("x");
    assert_eq!(
        refusal(computed),
        "node \"x\" (Conv): its input \"k\" is a constant, which is not supported here"
    );
    let dynamic = Onnx::new(3, 8, 8).node("Conv", &["data", "data"], &["x"], vec![]).output("x");
    assert_eq!(
        refusal(dynamic),
        "node \"x\" (Conv): its weight \"data\" is not a constant, which is not supported"
    );
}

#[test]
fn pools() {
    let pool = |op: &str, attributes| Onnx::new(3, 8, 8).node(op, &["data"], &["x"], attributes).output("x");
    let mut ceil = window([3, 3], [2, 2], [1, 1, 0, 0]);
    ceil.extend([int("ceil_mode", 1), int("count_include_pad", 1)]);
    // 8 + 1 rows: the fourth window hangs over when the count is rounded up.
    let overhang = Onnx::new(3, 9, 9).node("AveragePool", &["data"], &["x"], ceil).output("x");
    check(vec![
        (
            overhang,
            "node \"x\" (AveragePool): ceil_mode with count_include_pad is not supported where windows hang over the \
             edge",
        ),
        (
            pool("MaxPool", window([2, 2], [1, 1], [2, 0, 0, 0])),
            "node \"x\" (MaxPool): a pad of 2 rows is not supported, it must be smaller than the kernel's 2",
        ),
        (
            pool("MaxPool", window([9, 9], [1, 1], [0; 4])),
            "node \"x\" (MaxPool): its kernel of 9 rows is larger than its padded input of 8",
        ),
    ]);
}

#[test]
fn activations_reshapes_and_tails() {
    let clip = |lo: f32, hi: f32| {
        Onnx::new(3, 4, 4)
            .floats("lo", &[], &[lo])
            .floats("hi", &[], &[hi])
            .node("Clip", &["data", "lo", "hi"], &["x"], vec![])
            .output("x")
    };
    let map = || Onnx::new(3, 4, 4);
    let flatten = map().node("Flatten", &["data"], &["x"], vec![]).output("x");
    let last = map().node("Softmax", &["data"], &["x"], vec![]).output("x");
    let all = map().opset(12).node("Softmax", &["data"], &["x"], vec![]).output("x");
    let rows = map().node("Concat", &["data", "data"], &["x"], vec![int("axis", 2)]).output("x");
    let mask = map()
        .node("Dropout", &["data"], &["dropped", "mask"], vec![])
        .node("Identity", &["mask"], &["x"], vec![])
        .output("x");
    check(vec![
        (clip(1.0, 0.0), "node \"x\" (Clip): its bounds are 1 and 0, the first must not be above the second"),
        (clip(f32::NAN, 0.0), "node \"x\" (Clip): its min \"lo\" holds NaN, finite numbers are needed"),
        (
            flatten,
            "tensor \"x\": the output is a map of 4×4×3 (height×width×channels) flattened to [1, 48], which is \
             supported in front of a dense layer only",
        ),
        (
            last,
            "node \"x\" (Softmax): softmax over axis -1 of shape [1, 3, 4, 4] is not supported, over the channels \
             it is",
        ),
        (
            all,
            "node \"x\" (Softmax): softmax from axis 1 of shape [1, 3, 4, 4] is not supported, over the channels \
             it is",
        ),
        (rows, "node \"x\" (Concat): axis 2 of shape [1, 3, 4, 4] is not supported, the channels are"),
        (mask, "node \"x\" (Identity): its input \"mask\" is a second output, which is not supported"),
    ]);
    let training = map()
        .floats("ratio", &[], &[0.5])
        .with(|onnx| {
            onnx.graph.initializer.push(TensorProto {
                name: "on".into(),
                data_type: DataType::Bool as i32,
                raw_data: vec![1],
                ..Default::default()
            });
        })
        .node("Dropout", &["data", "ratio", "on"], &["x"], vec![])
        .output("x");
    assert_eq!(refusal(training), "node \"x\" (Dropout): dropout in training mode is not supported");
}

#[test]
fn constants_that_would_grow() {
    // Sixty doublings of a small constant.
    let mut onnx = Onnx::new(3, 8, 8).floats("k0", &[1024], &[0.0; 1024]);
    for step in 0..60 {
        let (from, to) = (format!("k{step}"), format!("k{}", step + 1));
        onnx = onnx.node("Concat", &[&from, &from], &[&to], vec![int("axis", 0)]);
    }
    let onnx = onnx.node("Reshape", &["data", "k60"], &["x"], vec![]).output("x");
    assert_eq!(
        refusal(onnx),
        "node \"k19\" (Concat): it computes a constant of up to 536870912 values, which is too large"
    );
    let gather = Onnx::new(3, 8, 8)
        .floats("k", &[40000], &vec![0.0; 40000])
        .ints("i", &vec![0; 40000])
        .node("Gather", &["k", "i"], &["g"], vec![])
        .node("Reshape", &["data", "g"], &["x"], vec![])
        .output("x");
    assert_eq!(
        refusal(gather),
        "node \"g\" (Gather): it computes a constant of up to 1600000000 values, which is too large"
    );
}

#[test]
fn what_tract_refuses_names_the_node() {
    let text = refusal(conv([4, 5, 3, 3], vec![]));
    assert!(text.starts_with("node \"x\" (Conv) on inputs [1, 3, 8, 8] and [4, 5, 3, 3]"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}
