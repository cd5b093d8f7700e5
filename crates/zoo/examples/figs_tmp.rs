fn main() {
    for e in wisp_zoo::list() {
        let n = e.build(None).unwrap();
        let n224 = e.build(Some(if e.default_size == 32 { 32 } else { 224 })).unwrap();
        println!(
            "{:30} {:>12} macs {:>14} at224 {:>14} depth {} nodes {} bytes {}",
            e.name,
            n.params(),
            n.macs(),
            n224.macs(),
            n.layers().iter().filter(|l| l.is_weighted()).count(),
            n.layers().len(),
            n.onnx_bytes()
        );
    }
}
