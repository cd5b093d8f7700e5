//! Every operator and every way of writing it, native against tract.

mod common;

use common::*;
use tract_onnx::pb::tensor_proto::DataType;

fn net(c: usize, h: usize, w: usize) -> Onnx {
    Onnx::new(c, h, w)
}

#[test]
fn convolutions() {
    let cases: &[([usize; 3], [usize; 4], Vec<_>)] = &[
        ([3, 8, 8], [5, 3, 3, 3], vec![]),
        ([3, 8, 7], [4, 3, 1, 1], window([1, 1], [1, 1], [0; 4])),
        ([4, 9, 5], [8, 4, 3, 5], window([3, 5], [2, 1], [1, 2, 0, 1])),
        ([6, 7, 7], [9, 2, 3, 3], vec![int("group", 3), ints("pads", &[1, 1, 1, 1])]),
        ([8, 5, 5], [8, 1, 3, 3], vec![int("group", 8)]),
        ([3, 9, 10], [2, 3, 3, 4], vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 3])]),
        ([3, 9, 10], [2, 3, 2, 4], vec![text("auto_pad", "SAME_LOWER"), ints("strides", &[2, 3])]),
        ([3, 9, 10], [2, 3, 3, 3], vec![text("auto_pad", "VALID"), ints("strides", &[2, 2])]),
        ([3, 4, 4], [2, 3, 3, 3], vec![text("auto_pad", "NOTSET"), ints("dilations", &[1, 1])]),
    ];
    for (input, weight, attributes) in cases {
        let [c, h, w] = *input;
        same_as_tract(net(c, h, w).conv("conv", "data", *weight, attributes.clone()).output("conv"));
    }
}

#[test]
fn a_convolution_without_bias() {
    let model = net(3, 6, 6)
        .floats("w", &[4, 3, 3, 3], &noise(1, 108))
        .node("Conv", &["data", "w"], &["conv"], vec![])
        .output("conv");
    same_as_tract(model);
    // The optional input may be there without a name.
    let model = net(3, 6, 6)
        .floats("w", &[4, 3, 3, 3], &noise(1, 108))
        .node("Conv", &["data", "w", ""], &["conv"], vec![])
        .output("conv");
    same_as_tract(model);
}

#[test]
fn pools() {
    let mut cases = Vec::new();
    for op in ["MaxPool", "AveragePool"] {
        cases.push((op, [3, 9, 9], window([3, 3], [2, 2], [0; 4])));
        cases.push((op, [3, 8, 9], window([3, 2], [2, 1], [1, 0, 1, 1])));
        for auto in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
            cases.push((
                op,
                [2, 8, 7],
                vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), text("auto_pad", auto)],
            ));
        }
        // Rounded up: 8 rows give 4 windows, the last hangs over. 7 columns give 3, none does.
        let mut ceil = window([3, 3], [2, 2], [0; 4]);
        ceil.push(int("ceil_mode", 1));
        cases.push((op, [3, 8, 7], ceil));
        // Rounded up, but a window that would start beyond the last pixel is not there.
        let mut beyond = window([2, 2], [3, 3], [1, 1, 1, 1]);
        beyond.push(int("ceil_mode", 1));
        cases.push((op, [3, 6, 7], beyond));
    }
    let mut padded = window([3, 3], [2, 2], [1, 1, 1, 1]);
    padded.push(int("count_include_pad", 1));
    cases.push(("AveragePool", [3, 9, 9], padded));
    for (op, [c, h, w], attributes) in cases {
        same_as_tract(net(c, h, w).node(op, &["data"], &["pool"], attributes).output("pool"));
    }
}

#[test]
fn global_averages_of_every_spelling() {
    for (op, attributes) in
        [("GlobalAveragePool", vec![]), ("AveragePool", vec![ints("kernel_shape", &[6, 5])])]
    {
        // Fused with the convolution before it, and alone.
        let model = net(3, 6, 5)
            .conv("conv", "data", [8, 3, 1, 1], vec![])
            .node("Relu", &["conv"], &["relu"], vec![])
            .node(op, &["relu"], &["average"], attributes.clone())
            .output("average");
        let (report, scores) = same_as_tract(model);
        assert_eq!((report.nodes, report.steps, scores.len()), (3, 1, 8));
        let model = net(3, 6, 5).node(op, &["data"], &["average"], attributes).output("average");
        assert_eq!(same_as_tract(model).0.steps, 1);
    }
}

#[test]
fn clips_of_every_spelling() {
    let old = net(3, 4, 4)
        .opset(7)
        .node("Clip", &["data"], &["clip"], vec![float("min", -0.25), float("max", 0.5)])
        .output("clip");
    same_as_tract(old);
    let new = || net(3, 4, 4).floats("lo", &[], &[-0.25]).floats("hi", &[], &[0.5]);
    for inputs in [&["data", "lo", "hi"][..], &["data", "lo"], &["data", "", "hi"]] {
        same_as_tract(new().node("Clip", inputs, &["clip"], vec![]).output("clip"));
    }
    let relu6 = new().conv("conv", "data", [4, 3, 1, 1], vec![]).node(
        "Clip",
        &["conv", "lo", "hi"],
        &["clip"],
        vec![],
    );
    assert_eq!(same_as_tract(relu6.output("clip")).0.steps, 1);
}

#[test]
fn softmax_before_and_after_opset_13() {
    for (opset, axis) in [(7, None), (12, Some(1)), (12, Some(-3)), (13, Some(1)), (13, Some(-3))] {
        let attributes = axis.map(|axis| int("axis", axis)).into_iter().collect();
        let model =
            net(10, 1, 1).opset(opset).node("Softmax", &["data"], &["prob"], attributes).output("prob");
        let (_, scores) = same_as_tract(model);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
    // The default of opset 13 is the last axis: right for a vector, wrong for a map.
    let vector = |opset| {
        net(10, 1, 1)
            .opset(opset)
            .node("Flatten", &["data"], &["flat"], vec![])
            .node("Softmax", &["flat"], &["prob"], vec![])
            .output("prob")
    };
    same_as_tract(vector(12));
    same_as_tract(vector(13));
    // Over the channels of each pixel.
    same_as_tract(net(4, 3, 3).node("Softmax", &["data"], &["prob"], vec![int("axis", 1)]).output("prob"));
}

#[test]
fn tails_that_only_reshape() {
    let vector = || net(6, 4, 4).node("GlobalAveragePool", &["data"], &["average"], vec![]);
    let tails = [
        vector().node("Flatten", &["average"], &["out"], vec![]),
        vector().ints("shape", &[1, -1]).node("Reshape", &["average", "shape"], &["out"], vec![]),
        vector().ints("shape", &[0, 6]).node("Reshape", &["average", "shape"], &["out"], vec![]),
        vector().ints("axes", &[2, 3]).node("Squeeze", &["average", "axes"], &["out"], vec![]),
        vector().opset(11).node("Squeeze", &["average"], &["out"], vec![ints("axes", &[2, 3])]),
        vector().node("Identity", &["average"], &["out"], vec![]),
        vector().node("Dropout", &["average"], &["out"], vec![]),
        vector().node("Dropout", &["average"], &["out", "mask"], vec![]),
        vector().opset(11).node("Dropout", &["average"], &["out", "mask"], vec![float("ratio", 0.5)]),
        vector().node("Concat", &["average"], &["out"], vec![int("axis", 1)]),
        // As PyTorch writes x.view(x.size(0), -1).
        vector()
            .node("Shape", &["average"], &["shape"], vec![])
            .ints("zero", &[0])
            .node("Gather", &["shape", "zero"], &["batch"], vec![int("axis", 0)])
            .ints("rest", &[-1])
            .node("Concat", &["batch", "rest"], &["target"], vec![int("axis", 0)])
            .node("Reshape", &["average", "target"], &["out"], vec![]),
    ];
    for (index, model) in tails.into_iter().enumerate() {
        let (report, scores) = same_as_tract(model.output("out"));
        assert_eq!((report.steps, scores.len()), (1, 6), "tail {index}");
    }
}

#[test]
fn concatenations_become_views() {
    let fire = net(3, 7, 7)
        .conv("squeeze", "data", [4, 3, 1, 1], vec![])
        .node("Relu", &["squeeze"], &["s"], vec![])
        .conv("expand1", "s", [6, 4, 1, 1], vec![])
        .node("Relu", &["expand1"], &["e1"], vec![])
        .conv("expand3", "s", [5, 4, 3, 3], vec![ints("pads", &[1, 1, 1, 1])])
        .node("Relu", &["expand3"], &["e3"], vec![])
        .node("Concat", &["e1", "e3"], &["concat"], vec![int("axis", -3)])
        .node("MaxPool", &["concat"], &["pool"], window([3, 3], [2, 2], [0; 4]))
        .output("pool");
    let (report, _) = same_as_tract(fire);
    assert_eq!((report.nodes, report.steps, report.copies, report.convs), (8, 4, 0, 3));
}

#[test]
fn concatenations_that_need_a_copy() {
    // The input itself, one tensor twice, a slice of another concatenation, and a dense block.
    let dense = net(3, 5, 5)
        .conv("a", "data", [4, 3, 3, 3], vec![ints("pads", &[1, 1, 1, 1])])
        .node("Concat", &["data", "a", "a"], &["first"], vec![int("axis", 1)])
        .conv("b", "first", [2, 11, 1, 1], vec![])
        .node("Concat", &["first", "b", "a"], &["second"], vec![int("axis", 1)])
        .node("Relu", &["second"], &["relu"], vec![])
        .output("relu");
    let (report, _) = same_as_tract(dense);
    assert_eq!(report.copies, 5);
}

#[test]
fn a_concatenation_can_be_the_output() {
    let model = net(3, 5, 5)
        .conv("a", "data", [4, 3, 1, 1], vec![])
        .node("MaxPool", &["data"], &["b"], vec![ints("kernel_shape", &[1, 1])])
        .node("Concat", &["a", "b"], &["out"], vec![int("axis", 1)])
        .output("out");
    assert_eq!(same_as_tract(model).0.copies, 0);
}

#[test]
fn a_graph_of_nothing_is_a_copy() {
    let model = net(3, 1, 1).node("Dropout", &["data"], &["out"], vec![]).output("out");
    let (report, _) = same_as_tract(model);
    assert_eq!((report.steps, report.copies), (1, 1));
}

#[test]
fn a_clamp_whose_input_is_read_elsewhere_stays() {
    let model = net(3, 5, 5)
        .conv("conv", "data", [4, 3, 1, 1], vec![])
        .node("Relu", &["conv"], &["relu"], vec![])
        .node("Concat", &["conv", "relu"], &["out"], vec![int("axis", 1)])
        .output("out");
    let (report, _) = same_as_tract(model);
    assert_eq!((report.steps, report.copies), (3, 1));
}

#[test]
fn open_dimensions() {
    let open = |dims: &[Dim]| {
        let input = value("data", DataType::Float, dims);
        net(3, 8, 8)
            .with(|onnx| onnx.graph.input = vec![input])
            .conv("conv", "data", [4, 3, 3, 3], vec![])
            .output("conv")
    };
    use Dim::{Is, Open};
    same_as_tract(open(&[Open("batch"), Is(3), Is(8), Is(8)]));
    let free = || open(&[Open("N"), Is(3), Open("height"), Open("?")]);
    assert_eq!(refusal(free()), "tensor \"data\": the model leaves its height open: give --size");
    let sized = wisp_compiler::Options { size: Some(9), ..options() };
    assert!(wisp_compiler::compile_bytes(&free().bytes(), &sized).is_ok());
    assert!(compile(free().metadata("wisp.size", "9")).is_ok());
}

#[test]
fn initialisers_listed_as_inputs() {
    let model = net(3, 5, 5).conv("conv", "data", [4, 3, 1, 1], vec![]).output("conv").with(|onnx| {
        let dims = [4, 3, 1, 1].map(Dim::Is);
        onnx.graph.input.insert(0, value("conv_w", DataType::Float, &dims));
        onnx.graph.input.push(value("conv_b", DataType::Float, &[Dim::Is(4)]));
    });
    same_as_tract(model);
}

#[test]
fn weights_through_constant_nodes_and_folded() {
    let weight = || {
        let mut model = net(3, 5, 5).floats("w", &[4, 3, 1, 1], &noise(3, 12));
        model.graph.initializer.pop().unwrap()
    };
    let constant = net(3, 5, 5)
        .node("Constant", &[], &["w"], vec![tensor("value", weight())])
        .node("Conv", &["data", "w"], &["conv"], vec![])
        .output("conv");
    let (report, _) = same_as_tract(constant);
    assert_eq!((report.nodes, report.folded), (2, 1));
    let folded = net(3, 5, 5)
        .floats("flat", &[12], &noise(3, 12))
        .ints("shape", &[4, 3, 1, 1])
        .node("Reshape", &["flat", "shape"], &["w"], vec![])
        .node("Conv", &["data", "w"], &["conv"], vec![])
        .output("conv");
    same_as_tract(folded);
}

#[test]
fn half_precision_weights() {
    let halves: Vec<u8> = [0x3c00u16, 0xb800, 0x4000].iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let model = net(3, 2, 2)
        .with(|onnx| {
            onnx.graph.initializer.push(tract_onnx::pb::TensorProto {
                name: "half".into(),
                dims: vec![1, 3, 1, 1],
                data_type: DataType::Float16 as i32,
                raw_data: halves,
                ..Default::default()
            });
        })
        .node("Cast", &["half"], &["w"], vec![int("to", DataType::Float as i64)])
        .node("Conv", &["data", "w"], &["conv"], vec![])
        .output("conv");
    same_as_tract(model);
}

#[test]
fn only_what_the_output_needs_is_imported() {
    // A second output behind an operator that nobody can lower.
    let model = || {
        net(3, 4, 4)
            .conv("conv", "data", [4, 3, 1, 1], vec![])
            .node("Softmax", &["conv"], &["prob"], vec![int("axis", 1)])
            .node("Erf", &["conv"], &["erf"], vec![])
            .output("prob")
            .output("erf")
    };
    let (report, _) = same_as_tract(model());
    assert_eq!((report.nodes, report.logits.as_str()), (2, "conv"));
    // Stopping earlier gives the logits.
    let stop = wisp_compiler::Options { output: Some("conv".into()), ..options() };
    let compiled = wisp_compiler::compile_bytes(&model().bytes(), &stop).unwrap();
    assert_eq!((compiled.report.steps, compiled.report.logits.as_str()), (1, "conv"));
    let stop = wisp_compiler::Options { output: Some("erf".into()), ..options() };
    let error = wisp_compiler::compile_bytes(&model().bytes(), &stop).unwrap_err().to_string();
    assert!(
        error.starts_with("node \"erf\": operator Erf is not supported (supported: Conv, Gemm, "),
        "{error}"
    );
    // tract runs it.
    let mut reference = wisp_compiler::Reference::from_bytes(&model().bytes(), &stop).unwrap();
    assert_eq!(reference.run(&[0.0; 48]).unwrap().scores.len(), 64);
}

#[test]
fn names_are_free() {
    // Any input name, nodes that share a name or have none, and a domain that is spelled out.
    let model = net(3, 5, 5)
        .conv("a", "pixel_values:0", [4, 3, 1, 1], vec![])
        .node("Relu", &["a"], &["b"], vec![])
        .conv("c", "b", [4, 4, 3, 3], vec![])
        .output("c")
        .with(|onnx| {
            onnx.graph.input[0].name = "pixel_values:0".into();
            for node in &mut onnx.graph.node {
                node.name = "same".into();
                node.domain = "ai.onnx".into();
            }
            onnx.graph.node[1].name.clear();
            onnx.model
                .opset_import
                .insert(0, tract_onnx::pb::OperatorSetIdProto { domain: "ai.onnx.ml".into(), version: 3 });
        });
    same_as_tract(model);
}

#[test]
fn shapes_that_the_file_claims_are_not_believed() {
    // Expressions in symbolic dimensions reach no parser, and false shapes of inner tensors no inference.
    let deep = "(".repeat(100_000);
    let model = net(3, 5, 5).conv("a", "data", [4, 3, 1, 1], vec![]).output("a").with(|onnx| {
        let mut lie = value("a", DataType::Int64, &[Dim::Is(7)]);
        onnx.graph.value_info.push(lie.clone());
        lie.name = "a".into();
        onnx.graph.output[0] = lie;
        let mut input = value("data", DataType::Float, &[Dim::Open("N"), Dim::Is(3), Dim::Is(5), Dim::Is(5)]);
        if let Some(tract_onnx::pb::type_proto::Value::TensorType(tensor)) =
            input.r#type.as_mut().and_then(|kind| kind.value.as_mut())
            && let Some(shape) = &mut tensor.shape
        {
            shape.dim[0].value = Some(tract_onnx::pb::tensor_shape_proto::dimension::Value::DimParam(deep));
        }
        onnx.graph.input[0] = input;
    });
    same_as_tract(model);
}
