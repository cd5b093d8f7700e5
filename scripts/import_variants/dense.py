"""Dense layers, above all behind a map: the order of the flattened values matters there."""

import numpy as np

from net import Net

# Of the last map of `head`: 4 channels, 3 rows, 2 columns.
VALUES = 24


def head(name, style, opset, batch=1, **more):
    net = Net(name, style, opset, (batch, 3, 7, 5), **more)
    return net, net.max_pool(net.relu(net.conv(net.input, 3, 4, 1)), 2, 2)


def gemms():
    for name, style, opset, more in [
        ("gemm_opset_7", "caffe2", 7, {}),
        ("gemm_dynamo", "dynamo", 18, {}),
        ("gemm_plain_weight", "keras2onnx", 11, dict(transposed=False)),
        ("gemm_alpha_beta", "onnxsim", 11, dict(alpha=0.75, beta=-0.5)),
        ("gemm_alpha_beta_plain_weight", "mxnet", 9, dict(alpha=-1.25, beta=2.0, transposed=False)),
        ("gemm_no_bias", "torch-1.9", 11, dict(bias=False)),
        ("gemm_bias_row", "paddle2onnx", 11, dict(bias=[1, 3])),
        ("gemm_bias_one", "paddle2onnx", 13, dict(bias=[1])),
        ("gemm_bias_scalar", "tf2onnx", 12, dict(bias=[])),
        ("gemm_beta_zero", "onnxsim", 13, dict(beta=0.0)),
    ]:
        net, x = head(name, style, opset)
        yield net.ends(net.gemm(net.flatten(x), VALUES, 3, **more))
    # All attributes are the defaults and left out; opset 10 and before needs a bias.
    net, x = head("gemm_bare", "mxnet", 8)
    operands = [net.flatten(x), net.dense_weights("fc", VALUES, 3, False), net.weight("fc", "bias", net.uniform([3]))]
    yield net.ends(net.op("Gemm", operands))


def products():
    net, x = head("matmul_add", "tf2onnx", 9)
    yield net.ends(net.matmul_add(net.flatten(x), VALUES, 3))
    net, x = head("matmul_add_bias_first", "torch-1.5", 11)
    yield net.ends(net.matmul_add(net.flatten(x), VALUES, 3, first=True))
    net, x = head("matmul_alone", "dynamo", 18)
    weight = net.dense_weights("dense", VALUES, 3, False)
    yield net.ends(net.op("MatMul", [net.flatten(x), weight]))
    net, x = head("matmul_add_relu_matmul_add", "keras2onnx", 11, "N")
    x = net.relu(net.matmul_add(net.flatten(x), VALUES, 6, hint="dense"))
    yield net.ends(net.op("Softmax", [net.matmul_add(x, 6, 5, hint="predictions")], axis=-1))
    # x.matmul(W.t()): the weight is transposed in the graph.
    net, x = head("matmul_weight_transposed_in_graph", "torch-1.0", 9)
    weight = net.op("Transpose", [net.dense_weights("fc", VALUES, 3)], perm=[1, 0])
    x = net.op("MatMul", [net.reshape(x, [1, VALUES]), weight])
    yield net.ends(net.op("Add", [x, net.weight("fc", "bias", net.uniform([3]))]))
    # Without perm the axes are reversed.
    net, x = head("gemm_weight_transposed_in_graph", "onnxsim", 12)
    weight = net.op("Transpose", [net.dense_weights("fc", VALUES, 3)])
    yield net.ends(net.op("Gemm", [net.flatten(x), weight]))
    net, x = head("matmul_add_sub_mul", "tf2onnx", 13)
    x = net.matmul_add(net.flatten(x), VALUES, 3)
    yield net.ends(net.affine("Mul", net.affine("Sub", x, net.uniform([3])), net.uniform([1, 3])))
    # A vector has no order to lose.
    net, x = head("gemm_after_average", "torch-1.9", 11)
    yield net.ends(net.gemm(net.mean(x, [2, 3], 0), 4, 5))
    net = Net("gemm_on_the_input", "torch-2.1", 13, (1, 3, 5, 4))
    yield net.ends(net.gemm(net.relu(net.gemm(net.flatten(net.input), 60, 6, hint="fc1")), 6, 5, hint="fc2"))
    net = Net("gemm_on_one_channel", "tf2onnx", 11, ("N", 1, 7, 5))
    yield net.ends(net.matmul_add(net.reshape(net.input, [-1, 35]), 35, 5))


def flattens():
    """Every way from a map to a row of values."""
    for name, style, opset, shape in [
        ("dense_reshape_1_open", "caffe2", 7, [1, -1]), ("dense_reshape_open_values", "tf2onnx", 9, [-1, VALUES]),
        ("dense_reshape_keep_open", "mxnet", 8, [0, -1]),
    ]:  # fmt: skip
        net, x = head(name, style, opset)
        yield net.ends(net.gemm(net.reshape(x, shape), VALUES, 3))
    net, x = head("dense_view_opset_9", "torch-1.2", 9, None)
    index = net.constant(np.int64(0), "node")
    batch = net.op("Gather", [net.op("Shape", [x]), index], axis=0)
    parts = [net.unsqueeze(part, [0]) for part in (batch, net.constant(np.int64(-1), "node"))]
    yield net.ends(net.gemm(net.op("Reshape", [x, net.op("Concat", parts, axis=0)]), VALUES, 3), shape=[None, 3])
    # Flattened in two goes, rows and columns first.
    net, x = head("dense_two_reshapes", "paddle2onnx", 11)
    yield net.ends(net.gemm(net.reshape(net.reshape(x, [0, 4, -1]), [0, -1]), VALUES, 3))
    net, x = head("dense_flatten_dropout_identity", "torch-1.5", 10)
    x = net.op("Identity", [net.op("Dropout", [net.flatten(x)], ratio=0.5)])
    yield net.ends(net.gemm(x, VALUES, 3))
    net, x = head("dense_flatten_relu", "keras2onnx", 12)
    yield net.ends(net.matmul_add(net.relu(net.flatten(net.conv(x, 4, 4, 1))), VALUES, 3))
    # Caffe2 has a shape of its own before each dense layer, and a mask behind each Dropout.
    net, x = head("dense_hidden_layers_caffe2", "caffe2", 7, seed=1)
    x = net.reshape(x, [1, VALUES], hint="OC2_DUMMY_0")
    x = net.relu(net.gemm(x, VALUES, 7, hint="fc6"))
    x = net.op("Dropout", [x], outputs=2, ratio=0.5)[0]
    x = net.gemm(net.reshape(x, [1, 7], hint="OC2_DUMMY_2"), 7, 5, hint="fc8")
    yield net.ends(net.op("Softmax", [x]))
    net, x = head("dense_batch_norm", "torch-2.1", 15, seed=1)
    x = net.relu(net.batch_norm(net.gemm(net.flatten(x), VALUES, 6, bias=False, hint="fc1"), 6, hint="bn"))
    yield net.ends(net.gemm(x, 6, 5, hint="fc2"))
    # Two heads on one flattened map.
    net, x = head("dense_two_heads", "torch-1.9", 13)
    x = net.flatten(x)
    yield net.ends(net.op("Concat", [net.gemm(x, VALUES, 3, hint="a"), net.gemm(x, VALUES, 2, hint="b")], axis=1))
    # A dense layer written as a convolution over the whole map.
    net, x = head("dense_as_conv", "caffe2", 8)
    yield net.ends(net.flatten(net.conv(net.relu(net.conv(x, 4, 6, (3, 2), hint="fc6")), 6, 5, 1, hint="fc7")))


def variants():
    yield from gemms()
    yield from products()
    yield from flattens()
