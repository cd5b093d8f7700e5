//! What tract does not run, with the text of the error.

mod common;

use common::*;
use wisp_compiler::{Options, Reference};

/// One convolution of 3×8×8.
fn net() -> Onnx {
    conv([4, 3, 3, 3])
}

fn conv(weight: [usize; 4]) -> Onnx {
    Onnx::new(3, 8, 8).conv("conv", "data", weight, vec![]).output("conv")
}

/// As `net`, with one more node called `x`, which is the output.
fn after(op: &str, inputs: &[&str]) -> Onnx {
    let mut onnx = net().node(op, inputs, &["x"], vec![]);
    onnx.graph.output[0].name = "x".into();
    onnx
}

#[test]
fn the_reference_refuses_in_words_too() {
    let mut reference = Reference::from_bytes(&net().bytes(), &options()).unwrap();
    assert_eq!(
        reference.run(&[0.0; 5]).unwrap_err().to_string(),
        "option input: 5 values are given, 8×8×3 are needed"
    );
    assert_eq!(reference.run(&[0.0; 192]).unwrap().scores.len(), 144);
    let threads = Options { threads: Some(4), ..options() };
    let error = Reference::from_bytes(&net().bytes(), &threads).unwrap_err();
    assert_eq!(error.to_string(), "option --threads: 4 are wanted, tract runs on 1 here");
    let error = Reference::from_bytes(&conv([4, 5, 3, 3]).bytes(), &options()).unwrap_err();
    assert!(chain(&error).starts_with("tract cannot load the model: "));
}

#[test]
fn quantised_models_in_tract() {
    let scale = |onnx: Onnx| onnx.floats("scale", &[], &[0.5]);
    let onnx = scale(after("DequantizeLinear", &["conv", "scale"])).bytes();
    let error = Reference::from_bytes(&onnx, &options()).unwrap_err();
    let text = chain(&error);
    assert!(
        text.starts_with("node \"x\" (DequantizeLinear) on inputs [1, 4, 6, 6] and []: tract cannot"),
        "{text}"
    );
    assert!(text.contains("it has data of type F32, u8, i8 and i32 are supported"), "{text}");
    let onnx = after("DynamicQuantizeLinear", &["conv"]).bytes();
    let text = chain(&Reference::from_bytes(&onnx, &options()).unwrap_err());
    assert!(text.starts_with("node \"x\" (DynamicQuantizeLinear): it is not run in integers"), "{text}");
}
