//! Spellings that the files do not have: what stands between dequantise, operator and quantise in nets that
//! were not written by ONNX Runtime. Native and tract must take them for the same integers.

use super::common::{Onnx, chain, float, int, ints, noise, options, window};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;
use wisp::Engine;
use wisp_compiler::{Reference, compile_bytes};

const CHANNELS: usize = 3;

/// A graph with a quantised picture `x` of 3×6×6, dequantised as `real`.
fn start() -> Onnx {
    grids(Onnx::new(CHANNELS, 6, 6)).node("QuantizeLinear", &["data", "fine", "middle"], &["x"], vec![]).node(
        "DequantizeLinear",
        &["x", "fine", "middle"],
        &["real"],
        vec![],
    )
}

fn grids(onnx: Onnx) -> Onnx {
    let onnx = onnx.floats("fine", &[], &[0.0078]).floats("coarse", &[], &[0.031]);
    small(small(onnx, "middle", &[], DataType::Uint8, &[121]), "low", &[], DataType::Uint8, &[7])
}

fn small(onnx: Onnx, name: &str, dims: &[usize], kind: DataType, values: &[i32]) -> Onnx {
    onnx.with(|onnx| {
        onnx.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: kind as i32,
            int32_data: values.to_vec(),
            ..Default::default()
        });
    })
}

/// Integer weights `name` of these dimensions, dequantised as `{name}_real`.
fn weights(onnx: Onnx, name: &str, dims: &[usize]) -> Onnx {
    let values: Vec<i32> =
        noise(dims[0] as u64, dims.iter().product()).iter().map(|x| (x * 127.0) as i32).collect();
    let scale = format!("{name}_scale");
    let scales: Vec<f32> = (0..dims[0]).map(|output| 0.004 + 0.001 * output as f32).collect();
    small(onnx, name, dims, DataType::Int8, &values).floats(&scale, &[dims[0]], &scales).node(
        "DequantizeLinear",
        &[name, &scale],
        &[&format!("{name}_real")],
        vec![int("axis", 0)],
    )
}

/// A convolution 3×3 of `input` to `output` with 4 outputs and no bias.
fn conv(onnx: Onnx, input: &str, output: &str, pads: i64) -> Onnx {
    let attributes = window([3, 3], [1, 1], [pads; 4]);
    weights(onnx, "w", &[4, CHANNELS, 3, 3]).node("Conv", &[input, "w_real"], &[output], attributes)
}

/// Quantises `input` on a coarse grid, and ends in the numbers of that.
fn end(onnx: Onnx, input: &str) -> Onnx {
    onnx.node("QuantizeLinear", &[input, "coarse", "low"], &["y"], vec![])
        .node("DequantizeLinear", &["y", "coarse", "low"], &["out"], vec![])
        .output("out")
}

/// Both engines give the same numbers, and run so many convolutions in integers.
#[track_caller]
fn same(onnx: Onnx, convs_int8: usize) {
    let bytes = onnx.bytes();
    let compiled = compile_bytes(&bytes, &options()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let mut engine = Engine::from_bytes(&compiled.bytes, &wisp::Options::default()).unwrap();
    let mut reference =
        Reference::from_bytes(&bytes, &options()).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let [h, w, c] = reference.input();
    let input = noise(5, h * w * c);
    let native = engine.run(&input).unwrap();
    let tract = reference.run(&input).unwrap_or_else(|error| panic!("{}", chain(&error))).scores;
    assert_eq!((compiled.report.convs_int8, reference.convs_int8()), (convs_int8, convs_int8));
    assert_eq!(native, tract);
    assert!(native.iter().any(|value| *value != native[0]), "nothing to compare in {native:?}");
}

#[test]
fn integers_are_found_behind_what_moves_or_chooses() {
    let pool = || window([2, 2], [2, 2], [0; 4]);
    let onnx = start().node("MaxPool", &["real"], &["pooled"], pool());
    same(end(conv(onnx, "pooled", "sum", 0), "sum"), 1);
    let pads =
        start().ints("pads", &[0, 0, 1, 0, 0, 0, 2, 1]).node("Pad", &["real", "pads"], &["wide"], vec![]);
    same(end(conv(pads, "wide", "sum", 1), "sum"), 1);
    let twice =
        start().node("Identity", &["real"], &["same"], vec![]).node("Dropout", &["same"], &["kept"], vec![]);
    same(end(conv(twice, "kept", "sum", 0), "sum"), 1);
    // An average counts the zeros of a pad before it.
    let pads =
        start().ints("pads", &[0, 0, 1, 0, 0, 0, 0, 1]).node("Pad", &["real", "pads"], &["wide"], vec![]);
    same(end(pads.node("AveragePool", &["wide"], &["mean"], pool()), "mean"), 0);
}

#[test]
fn concatenations_of_one_grid_stay_integers() {
    let onnx = start().node("Concat", &["real", "real"], &["both"], vec![int("axis", 1)]);
    let onnx =
        weights(onnx, "w", &[4, 2 * CHANNELS, 1, 1]).node("Conv", &["both", "w_real"], &["sum"], vec![]);
    same(end(onnx, "sum"), 1);
    // Of two grids, they are numbers.
    let onnx = start()
        .node("QuantizeLinear", &["data", "coarse", "low"], &["x2"], vec![])
        .node("DequantizeLinear", &["x2", "coarse", "low"], &["real2"], vec![])
        .node("Concat", &["real", "real2"], &["both"], vec![int("axis", 1)]);
    let onnx =
        weights(onnx, "w", &[4, 2 * CHANNELS, 1, 1]).node("Conv", &["both", "w_real"], &["sum"], vec![]);
    let bytes = end(onnx, "sum").bytes();
    let reference = Reference::from_bytes(&bytes, &options()).unwrap();
    assert_eq!(reference.convs_int8(), compile_bytes(&bytes, &options()).unwrap().report.convs_int8);
}

#[test]
fn clamps_between_are_bounds_of_the_grid() {
    let relu = conv(start(), "real", "sum", 1).node("Relu", &["sum"], &["positive"], vec![]);
    same(end(relu, "positive"), 1);
    let clip = |low: f32, high: f32| {
        conv(start(), "real", "sum", 1)
            .floats("low_bound", &[], &[low])
            .floats("high_bound", &[], &[high])
            .node("Clip", &["sum", "low_bound", "high_bound"], &["cut"], vec![])
    };
    same(end(clip(-0.1, 0.77), "cut"), 1);
    same(end(clip(0.0, 6.0).node("Relu", &["cut"], &["again"], vec![]), "again"), 1);
    // Behind a max-pool the sums are numbers already.
    let pooled =
        conv(start(), "real", "sum", 1).node("MaxPool", &["sum"], &["m"], window([2, 2], [2, 2], [0; 4]));
    same(end(pooled, "m"), 1);
}

#[test]
fn sums_are_of_integers_through_a_clamp() {
    // Half the steps are ties of integers, which sums of tenths in floats would miss.
    let onnx = Onnx::new(CHANNELS, 6, 6).floats("tenth", &[], &[0.1]).floats("fifth", &[], &[0.2]);
    let onnx = small(onnx, "middle", &[], DataType::Uint8, &[121])
        .floats("much", &[1], &[11.0])
        .node("Mul", &["data", "much"], &["wide"], vec![])
        .node("QuantizeLinear", &["wide", "tenth", "middle"], &["x"], vec![])
        .node("DequantizeLinear", &["x", "tenth", "middle"], &["real"], vec![])
        .node("MaxPool", &["real"], &["largest"], window([3, 3], [1, 1], [1; 4]))
        .node("Add", &["real", "largest"], &["sum"], vec![])
        .node("Relu", &["sum"], &["positive"], vec![])
        .node("QuantizeLinear", &["positive", "fifth", "middle"], &["y"], vec![])
        .node("DequantizeLinear", &["y", "fifth", "middle"], &["out"], vec![]);
    same(onnx.output("out"), 0);
}

#[test]
fn means_of_whole_maps_are_summed_exactly() {
    let relu = || conv(start(), "real", "sum", 0).node("Relu", &["sum"], &["positive"], vec![]);
    let global =
        |onnx: Onnx, input: &str| onnx.node("GlobalAveragePool", &[input], &["mean"], vec![]).output("mean");
    same(global(conv(start(), "real", "sum", 0), "sum"), 1);
    same(global(relu(), "positive"), 1);
    let whole = relu().node("AveragePool", &["positive"], &["mean"], window([4, 4], [1, 1], [0; 4]));
    same(whole.output("mean"), 1);
    let mean =
        relu().node("ReduceMean", &["positive"], &["mean"], vec![ints("axes", &[-1, 2]), int("keepdims", 0)]);
    same(mean.output("mean"), 1);
    // Quantised behind the mean, and with a flatten in between.
    let flat = relu().node("GlobalAveragePool", &["positive"], &["mean"], vec![]).node(
        "Flatten",
        &["mean"],
        &["flat"],
        vec![],
    );
    same(end(flat, "flat"), 1);
    let mean =
        start().node("ReduceMean", &["real"], &["mean"], vec![ints("axes", &[2, 3]), int("keepdims", 1)]);
    same(end(mean, "mean"), 0);
}

#[test]
fn what_is_added_behind_goes_into_the_bias() {
    let shift = |onnx: Onnx| onnx.floats("shift", &[4, 1, 1], &[0.4, -0.3, 0.05, 0.21]);
    let one = shift(conv(start(), "real", "sum", 0)).node("Add", &["sum", "shift"], &["moved"], vec![]);
    same(end(one.node("Relu", &["moved"], &["positive"], vec![]), "positive"), 1);
    let two = shift(conv(start(), "real", "sum", 0)).node("Add", &["sum", "shift"], &["once"], vec![]).node(
        "Add",
        &["shift", "once"],
        &["twice"],
        vec![],
    );
    same(end(two, "twice"), 1);
    let mean = shift(conv(start(), "real", "sum", 0))
        .node("Add", &["sum", "shift"], &["moved"], vec![])
        .node("GlobalAveragePool", &["moved"], &["mean"], vec![]);
    same(mean.output("mean"), 1);
}

#[test]
fn dense_layers_with_factors() {
    let flat = || start().node("Flatten", &["real"], &["row"], vec![]);
    let gemm = |attributes| {
        let onnx = weights(flat(), "w", &[5, CHANNELS * 36]);
        let inputs = ["row", "w_real", "bias"];
        onnx.floats("bias", &[5], &[0.1, -0.2, 0.3, 0.15, -0.25]).node("Gemm", &inputs, &["sum"], attributes)
    };
    same(end(gemm(vec![int("transB", 1)]), "sum"), 0);
    same(end(gemm(vec![int("transB", 1), float("alpha", 0.3), float("beta", 1.7)]), "sum"), 0);
    same(gemm(vec![int("transB", 1), float("alpha", 0.3)]).output("sum"), 0);
    // A bias of integers, of the sums' scale and of another.
    let steps = |scale: f32| {
        let onnx = weights(flat(), "w", &[5, CHANNELS * 36]).floats("bias_scale", &[], &[scale]);
        small(onnx, "bias", &[5], DataType::Int32, &[9000, -12345, 777, 0, 4321])
            .node("DequantizeLinear", &["bias", "bias_scale"], &["bias_real"], vec![])
            .node("Gemm", &["row", "w_real", "bias_real"], &["sum"], vec![int("transB", 1)])
    };
    same(end(steps(0.000_031_2), "sum"), 0);
    same(end(steps(0.000_05), "sum"), 0);
}

#[test]
fn numbers_stay_numbers() {
    // The pads are more than the kernel, a clamp with an upper bound stands before the mean: natively floats.
    let wide = conv(start(), "real", "sum", 4);
    let bytes = end(wide, "sum").bytes();
    let reference = Reference::from_bytes(&bytes, &options()).unwrap();
    assert_eq!((reference.convs(), reference.convs_int8()), (1, 0));
    let cut = conv(start(), "real", "sum", 0).floats("lo", &[], &[0.0]).floats("hi", &[], &[1.0]);
    let cut = cut.node("Clip", &["sum", "lo", "hi"], &["cut"], vec![]);
    let bytes = cut.node("GlobalAveragePool", &["cut"], &["mean"], vec![]).output("mean").bytes();
    let reference = Reference::from_bytes(&bytes, &options()).unwrap();
    let compiled = compile_bytes(&bytes, &options()).unwrap();
    assert_eq!((reference.convs_int8(), compiled.report.convs_int8), (0, 0));
}

#[test]
fn what_is_not_run_in_integers_is_refused_by_name() {
    let refusal = |onnx: Onnx| chain(&Reference::from_bytes(&onnx.bytes(), &options()).unwrap_err());
    let scaled = conv(start(), "real", "sum", 0).floats("two", &[], &[2.0]);
    let text = refusal(end(scaled.node("Mul", &["sum", "two"], &["twice"], vec![]), "twice"));
    assert_eq!(
        text,
        "node \"twice\" (Mul): behind a convolution or dense layer in integers it is not run by --engine tract: compile \
         the model, or quantise in between"
    );
    let strange = start().node(
        "QLinearMul",
        &["x", "fine", "middle", "x", "fine", "middle", "fine", "middle"],
        &["m"],
        vec![],
    );
    let strange = strange.with(|onnx| {
        if let Some(node) = onnx.graph.node.last_mut() {
            node.domain = "com.microsoft".into();
        }
    });
    let text = refusal(strange.output("m"));
    assert!(
        text.starts_with(
            "node \"m\" (com.microsoft.QLinearMul): it is not run in integers by --engine tract"
        ),
        "{text}"
    );
}
