"""Nets of TensorFlow and Keras, whose pictures have their channels last."""

from net import Net

TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]
SHAPE = ("unk__6", 7, 5, 3)


def first(net, x):
    return net.op("Transpose", [x], hint="conv2d/Conv2D__6", perm=TO_NCHW)


def last(net, x):
    return net.op("Transpose", [x], hint="Transpose_after", perm=TO_NHWC)


def doors():
    net = Net("nhwc_door", "tf2onnx", 9, SHAPE, infos=True)
    yield net.ends(net.squeeze(net.global_average(net.relu(net.conv(first(net, net.input), 3, 4, 2))), [2, 3]))
    net = Net("nhwc_door_keras2onnx", "keras2onnx", 12, ("N", 7, 5, 3))
    x = net.clip(net.conv(first(net, net.input), 3, 4, 2, auto="SAME_UPPER", stride=2, gain=6), 0, 6)
    yield net.ends(net.avg_pool(x, 3, 3))
    # Normalised before the transposition, by one number or three.
    three = [0.245, 0.456, 0.406]
    for name, opset, first_op, a, second_op, b in [
        ("nhwc_sub_div", 11, "Sub", three, "Div", [0.229, 0.224, 0.225]),
        ("nhwc_sub_mul", 13, "Sub", [[[three]]], "Mul", [[[[4.4, 4.5, 4.6]]]]),
        ("nhwc_mul_sub_scalars", 10, "Mul", 2.0, "Sub", 1.0),
    ]:
        net = Net(name, "tf2onnx", opset, SHAPE)
        x = net.affine(second_op, net.affine(first_op, net.input, a), b)
        yield net.ends(net.avg_pool(net.relu(net.conv(first(net, x), 3, 4, 2, pads=1)), 3, 3))
    # With one channel a transposition is a reshape, and tf2onnx writes it so.
    net = Net("nhwc_one_channel_reshape", "tf2onnx", 13, ("unk__6", 7, 5, 1))
    x = net.reshape(net.input, [-1, 1, 7, 5])
    yield net.ends(net.avg_pool(net.relu(net.conv(x, 1, 4, 3)), 3, 3))
    net = Net("nhwc_one_channel_transpose", "keras2onnx", 11, ("N", 7, 5, 1))
    yield net.ends(net.avg_pool(net.relu(net.conv(first(net, net.input), 1, 4, 3)), 3, 3))


def ends():
    def head(name, opset, style="tf2onnx", **more):
        net = Net(name, style, opset, SHAPE, **more)
        return net, net.max_pool(net.relu(net.conv(first(net, net.input), 3, 4, 2)), 2, 2)

    for name, opset, shape in [
        ("nhwc_flatten_open", 11, [-1, 24]), ("nhwc_flatten_keep", 13, [0, -1]),
    ]:  # fmt: skip
        net, x = head(name, opset)
        yield net.ends(net.matmul_add(net.reshape(last(net, x), shape), 24, 3))
    net, x = head("nhwc_flatten_gemm", 12, "keras2onnx")
    x = net.gemm(net.flatten(last(net, x)), 24, 6, transposed=False, hint="dense")
    yield net.ends(net.op("Softmax", [net.gemm(net.relu(x), 6, 5, hint="predictions")], axis=1))
    # Keras' Dropout between Flatten's two halves does nothing.
    net, x = head("nhwc_flatten_identity_between", 13)
    yield net.ends(net.matmul_add(net.reshape(net.op("Identity", [last(net, x)]), [-1, 24]), 24, 3))
    for name, opset, keep in [("nhwc_reduce_mean_drop", 9, 0), ("nhwc_reduce_mean_keep", 13, 1),
                              ("nhwc_reduce_mean_input", 18, 0)]:  # fmt: skip
        net, x = head(name, opset)
        x = net.mean(last(net, x), [1, 2], keep)
        yield net.ends(net.matmul_add(net.reshape(x, [-1, 4]) if keep else x, 4, 5))
    net, x = head("nhwc_average_squeeze", 13)
    yield net.ends(net.matmul_add(net.squeeze(last(net, net.global_average(x)), [1, 2]), 4, 5))
    net, x = head("nhwc_output_map", 13)
    yield net.ends(last(net, net.conv(x, 4, 5, 1)))
    net, x = head("nhwc_output_map_softmax", 13, seed=1)
    yield net.ends(net.op("Softmax", [last(net, net.conv(x, 4, 5, 1))], axis=-1))


def pairs():
    """Transpositions between all operators, as converters leave them that do not take them out."""
    net = Net("nhwc_bias_and_relu_between", "keras2onnx", 9, ("N", 7, 5, 3))
    x = last(net, net.conv(first(net, net.input), 3, 4, 2, bias=False))
    x = net.relu(net.affine("Add", x, net.uniform([4])))
    x = last(net, net.max_pool(first(net, x), 2, 2))
    x = last(net, net.conv(first(net, x), 4, 5, (3, 2)))
    yield net.ends(net.mean(x, [1, 2], 0))
    net = Net("nhwc_concat_between", "tf2onnx", 11, SHAPE)
    x = net.relu(last(net, net.conv(first(net, net.input), 3, 4, 2)))
    branches = [last(net, net.conv(first(net, x), 4, outputs, 1)) for outputs in (2, 3)]
    x = net.op("Concat", [x, *branches], axis=3)
    yield net.ends(net.avg_pool(first(net, x), 3, 3))
    net = Net("nhwc_residual_between", "tf2onnx", 13, SHAPE)
    x = net.relu(last(net, net.conv(first(net, net.input), 3, 4, 2)))
    y = last(net, net.conv(first(net, x), 4, 4, 3, pads=1))
    x = net.relu(net.op("Add", [y, x]))
    yield net.ends(net.op("Softmax", [net.matmul_add(net.mean(x, [1, 2], 0), 4, 5)]))
    # A fused batch normalisation as Mul and Add in NHWC, with a clamp behind.
    net = Net("nhwc_mul_add_between", "tf2onnx", 10, SHAPE)
    x = last(net, net.conv(first(net, net.input), 3, 4, 2, bias=False))
    x = net.affine("Add", net.affine("Mul", x, net.uniform([4], -6, 6)), net.uniform([1, 1, 1, 4]))
    yield net.ends(net.avg_pool(net.conv(first(net, net.clip(x, 0.0, 6.0)), 4, 4, 3), 2, 2))
    # The bias as tf2onnx leaves it where the convolution had none.
    net = Net("nhwc_bias_as_add", "tf2onnx", 12, SHAPE)
    x = net.conv(first(net, net.input), 3, 4, 2, bias=False)
    x = net.relu(net.affine("Add", x, net.uniform([1, 4, 1, 1])))
    yield net.ends(net.avg_pool(x, 3, 3))


def variants():
    yield from doors()
    yield from ends()
    yield from pairs()
