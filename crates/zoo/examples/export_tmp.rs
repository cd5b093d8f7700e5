fn main() {
    let a: Vec<String> = std::env::args().collect();
    let size = a.get(3).map(|s| s.parse().unwrap());
    let mut n = wisp_zoo::build(&a[1], size).unwrap();
    if let Some(w) = a.get(4) {
        if w == "logits" {
            n = n.without_softmax();
        } else {
            n = n.with_weights(&std::fs::read(w).unwrap()).unwrap();
        }
    }
    n.write_onnx(&mut std::fs::File::create(&a[2]).unwrap()).unwrap();
}
