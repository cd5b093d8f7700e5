//! What each file in `tests/data/import/refused` is answered: `expected.txt` there has a line `NAME: TEXT` for
//! each. In it, `{supported}` stands for the list of operators that some errors end in.

const EXPECTED: &str = include_str!("../data/import/refused/expected.txt");

/// As errors list them.
const SUPPORTED: &str = "Conv, Gemm, MatMul, MaxPool, AveragePool, GlobalAveragePool, ReduceMean, Relu, Clip, Add, \
                         Sum, Sub, Mul, Div, BatchNormalization, LRN, Pad, Concat, Dropout, Identity, Cast, Flatten, \
                         Reshape, Squeeze, Unsqueeze, Transpose, Softmax, QuantizeLinear, DequantizeLinear, QLinearConv, \
                         QLinearMatMul, QGemm, QLinearAdd, QLinearConcat, QLinearAveragePool, QLinearGlobalAveragePool, \
                         QLinearSoftmax";

/// Name of the file without its ending, and the whole text of the error.
pub fn table() -> Vec<(&'static str, String)> {
    let line = |line: &'static str| {
        let (name, text) = line.split_once(": ").unwrap_or_else(|| panic!("not NAME: TEXT: {line}"));
        (name, text.replace("{supported}", SUPPORTED))
    };
    EXPECTED.lines().map(line).collect()
}

/// The line of the table that says `text` of `name`.
pub fn line(name: &str, text: &str) -> String {
    format!("{name}: {}", text.replace(SUPPORTED, "{supported}"))
}
