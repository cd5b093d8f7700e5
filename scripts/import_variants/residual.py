"""Sums of branches, and concatenations."""

from net import Net


def sums():
    net = Net("add_relu", "torch-1.5", 9)
    x = net.relu(net.conv(net.input, 3, 4, 2))
    x = net.relu(net.op("Add", [net.conv(x, 4, 4, (3, 1), pads=(1, 0)), x]))
    yield net.ends(net.avg_pool(x, 3, 3))
    net = Net("add_shortcut_first", "torch-2.1", 17)
    x = net.relu(net.conv(net.input, 3, 4, 2))
    x = net.op("Add", [x, net.conv(x, 4, 4, (3, 1), pads=(1, 0))])
    yield net.ends(net.max_pool(x, 2, 2))
    net = Net("add_two_branches", "dynamo", 18)
    a = net.relu(net.conv(net.input, 3, 4, 2, pads=[0, 0, 1, 1]))
    b = net.max_pool(net.conv(net.input, 3, 4, 1), 3, 1, pads=1)
    yield net.ends(net.relu(net.op("Add", [a, b])))
    net = Net("add_input_itself", "onnxsim", 12)
    yield net.ends(net.op("Add", [net.conv(net.input, 3, 3, 3, pads=1), net.input]))
    net = Net("add_tensor_to_itself", "torch-1.9", 13)
    x = net.relu(net.conv(net.input, 3, 4, 2))
    yield net.ends(net.avg_pool(net.op("Add", [x, x]), 3, 3))
    net = Net("add_clip", "tf2onnx", 11)
    x = net.clip(net.conv(net.input, 3, 4, 2, gain=5), 0, 6)
    x = net.clip(net.op("Add", [net.conv(x, 4, 4, 1), x]), 0.1, 5.0)
    yield net.ends(net.avg_pool(x, 3, 3))
    # The sum is read again behind its ReLU and before it.
    net = Net("add_read_before_relu", "torch-1.9", 11)
    x = net.conv(net.input, 3, 4, 2)
    x = net.op("Add", [net.relu(x), net.conv(x, 4, 4, 1)])
    yield net.ends(net.op("Concat", [net.relu(x), x], axis=1))
    net = Net("add_of_concat", "torch-2.1", 14)
    a = net.op("Concat", [net.conv(net.input, 3, 2, 2), net.conv(net.input, 3, 2, 2)], axis=1)
    yield net.ends(net.op("Add", [a, net.conv(net.input, 3, 4, 2)]))
    net = Net("concat_of_add", "torch-2.1", 13)
    a, b = net.conv(net.input, 3, 4, 2), net.relu(net.conv(net.input, 3, 4, 2))
    x = net.op("Concat", [b, net.relu(net.op("Add", [a, b])), a], axis=1)
    yield net.ends(net.conv(x, 12, 4, 1))
    net = Net("add_vectors", "keras2onnx", 11, seed=1)
    x = net.flatten(net.global_average(net.relu(net.conv(net.input, 3, 6, 3))))
    yield net.ends(net.op("Add", [net.relu(net.gemm(x, 6, 6)), x]))
    for name, opset, terms in [("sum_of_two", 7, 2), ("sum_of_three", 8, 3), ("sum_of_one", 13, 1)]:
        net = Net(name, "caffe2", opset)
        makers = [
            lambda: net.conv(net.input, 3, 4, 2),
            lambda: net.relu(net.conv(net.input, 3, 4, 2)),
            lambda: net.conv(net.max_pool(net.input, 2, 1), 3, 4, 1),
        ]
        yield net.ends(net.relu(net.op("Sum", [make() for make in makers[:terms]])))
    net = Net("sum_with_bias", "caffe2", 8)
    a, b = net.conv(net.input, 3, 4, 2, bias=False), net.conv(net.input, 3, 4, 2)
    yield net.ends(net.op("Sum", [a, b, net.weight("sum", "bias", net.uniform([4, 1, 1]))]))


def blocks():
    def bottleneck(net, x, inner, width, outputs, stride, **more):
        y = net.relu(net.batch_norm(net.conv(x, inner, width, 1, bias=False), width, **more))
        y = net.relu(net.batch_norm(net.conv(y, width, width, 3, pads=1, stride=stride, bias=False), width, **more))
        y = net.batch_norm(net.conv(y, width, outputs, 1, bias=False), outputs, **more)
        if inner != outputs or stride != 1:
            x = net.batch_norm(net.conv(x, inner, outputs, 1, stride=stride, bias=False), outputs, **more)
        return net.relu(net.op("Add", [y, x]))

    for name, style, opset, more in [
        ("bottleneck_opset_7", "mxnet", 7, dict(momentum=0.9, spatial=1)),
        ("bottleneck_opset_17", "torch-2.1", 17, dict(momentum=0.9, training_mode=0)),
    ]:
        net = Net(name, style, opset, seed=opset // 17)
        x = bottleneck(net, net.input, 3, 2, 5, 2, **more)
        yield net.ends(net.avg_pool(x, 3, 3))
    # Normalisation and ReLU come before the convolutions, and the shortcut carries the plain sum.
    net = Net("pre_activation_blocks", "mxnet", 8)
    x = net.conv(net.input, 3, 4, 2, pads=1, bias=False)
    y = net.relu(net.batch_norm(x, 4))
    y = net.relu(net.batch_norm(net.conv(y, 4, 4, (3, 1), pads=(1, 0), bias=False), 4))
    x = net.op("Add", [net.conv(y, 4, 4, (3, 1), pads=(1, 0), bias=False), x])
    yield net.ends(net.avg_pool(net.relu(net.batch_norm(x, 4)), 3, 3))
    # MobileNet's: narrow, wide, depthwise, narrow, and no activation behind the sum.
    net = Net("inverted_residual", "torch-1.9", 11, seed=1)
    x = net.conv(net.input, 3, 3, 3, stride=2, pads=1, gain=2)
    y = net.clip(net.conv(x, 3, 6, 1, gain=2), 0, 6)
    y = net.clip(net.conv(y, 6, 6, 3, pads=1, group=6), 0, 6)
    yield net.ends(net.avg_pool(net.op("Add", [x, net.conv(y, 6, 3, 1)]), 3, 3))


def concats():
    for name, style, opset, axis in [("concat_three", "caffe2", 7, 1), ("concat_three_negative", "torch-2.1", 13, -3)]:
        net = Net(name, style, opset)
        parts = [net.relu(net.conv(net.input, 3, outputs, (3, 1), pads=(1, 0))) for outputs in (2, 3)]
        parts.append(net.max_pool(net.input, 3, 1, pads=1))
        yield net.ends(net.conv(net.op("Concat", parts, axis=axis), 8, 4, 1))
    net = Net("concat_vectors", "torch-1.9", 12)
    x = net.relu(net.conv(net.input, 3, 4, 2))
    parts = [net.flatten(net.global_average(x)), net.flatten(net.global_average(net.input))]
    yield net.ends(net.gemm(net.op("Concat", parts, axis=-1), 7, 5))
    net = Net("dense_block", "torch-1.2", 9, seed=2)
    x = net.conv(net.input, 3, 3, 3, pads=1, bias=False)
    for layer in range(2):
        y = net.relu(net.batch_norm(x, 3 + 2 * layer))
        x = net.op("Concat", [x, net.conv(y, 3 + 2 * layer, 2, (1, 3), pads=(0, 1), bias=False)], axis=1)
    x = net.avg_pool(net.conv(net.relu(net.batch_norm(x, 7)), 7, 4, 1, bias=False), 2, 2)
    yield net.ends(net.avg_pool(x, 2, 1))


def variants():
    yield from sums()
    yield from blocks()
    yield from concats()
