"""How exporters named things and stored constants.

Patterns are for `str.format`: `op` is the operator, `low` the same in small letters, `hint` the layer, `n` the
node's number, `k` its number among those of its operator, `t` a running number of tensors, `part` the role of
a weight, `p` the same in short. Names that come out twice get a number behind.
"""

from types import SimpleNamespace

# The IR version that went with an opset in most files.
IR = {6: 3, 7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 6, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8,
      19: 9, 20: 9, 21: 10, 23: 11, 26: 10}  # fmt: skip

# What dynamo calls the results of operators.
ATEN = {
    "Conv": "conv2d", "Relu": "relu", "MaxPool": "max_pool2d", "AveragePool": "avg_pool2d", "Gemm": "linear",
    "GlobalAveragePool": "adaptive_avg_pool2d", "ReduceMean": "mean", "Reshape": "view", "Concat": "cat",
    "Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div", "Clip": "clamp", "Softmax": "softmax",
    "BatchNormalization": "_native_batch_norm_legit_no_training", "MatMul": "matmul", "Pad": "pad",
}  # fmt: skip


# What Caffe2 calls the roles of weights, where it is not the first letter.
CAFFE2 = {"running_mean": "rm", "running_var": "riv"}


def style(producer, version, node, tensor, weight, *, source="input", output=None, raw=True, listed=False, brief=False,
          weights="init", ints="init"):  # fmt: skip
    """`source` and `output` name the ends. `raw`: tensors are bytes; `listed`: initialisers are inputs too;
    `brief`: attributes of a convolution with their default value are left out; `weights` and `ints`: an
    initialiser (`init`) or a Constant node (`node`)."""
    return SimpleNamespace(**locals())


STYLES = {
    "torch-1.0": style("pytorch", "0.4", "", "{t}", "{hint}.{part}", source="0", listed=True, ints="node"),
    "torch-1.2": style("pytorch", "1.2", "", "{t}", "{hint}.{part}", source="input.1", ints="node"),
    "torch-1.5": style("pytorch", "1.5", "{op}_{n}", "{t}", "{hint}.{part}", source="input.1", ints="node"),
    "torch-1.9": style(
        "pytorch", "1.9", "{op}_{n}", "{t}", "{hint}.{part}", output="output", ints="node"
    ),
    "torch-2.1": style(
        "pytorch", "2.1.2", "/{hint}/{op}", "/{hint}/{op}_output_0", "{hint}.{part}",
        source="input", output="output", ints="node",
    ),
    "dynamo": style(
        "pytorch", "2.6.0", "node_{op}_{n}", "{aten}", "{hint}.{part}", source="x", output="output_0"
    ),
    # Batch normalisation folded into the convolutions, whose weights have numbers then.
    "onnxsim": style("pytorch", "1.11.0", "{op}_{n}", "{t}", "onnx::{part}_{t}", output="output", brief=True),
    "tf2onnx": style(
        "tf2onnx", "1.9.3", "model/{hint}/{op}", "model/{hint}/{op}:0", "model/{hint}/{part}/ReadVariableOp:0",
        source="input_1:0",
    ),
    "keras2onnx": style(
        "keras2onnx", "1.7.0", "{hint}", "{low}_output{k}", "{hint}/{part}:0", source="input_1", output="predictions",
        brief=True,
    ),
    "caffe2": style(
        "onnx-caffe2", "", "", "{hint}_1", "{hint}_{p}_0", source="data_0", raw=False, listed=True, brief=True
    ),
    "mxnet": style("", "", "{hint}_fwd", "{hint}_fwd", "{hint}_{part}", source="data", raw=False, listed=True),
    "paddle2onnx": style(
        "PaddlePaddle", "", "p2o.{op}.{k}", "{hint}.tmp_0", "{hint}.{p}_0", source="x",
        output="save_infer_model/scale_0.tmp_1", weights="node", ints="node",
    ),
    # Short, since a quantised file has many names.
    "brief": style("", "", "n{n}", "{t}", "{hint}.{p}", source="input", output="output"),
}  # fmt: skip
