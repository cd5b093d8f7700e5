"""Pad nodes, before whatever may follow them."""

import numpy as np
from onnx import TensorProto

from net import Net

MAP = [0, 0, 1, 2, 0, 0, 3, 1]


def before_conv():
    for name, style, opset in [
        ("pad_conv_opset_7", "torch-1.0", 7), ("pad_conv_opset_11", "tf2onnx", 11),
    ]:  # fmt: skip
        net = Net(name, style, opset)
        yield net.ends(net.conv(net.pad(net.input, MAP), 3, 4, (3, 4), stride=2))
    net = Net("pad_conv_axes", "dynamo", 18)
    yield net.ends(net.conv(net.pad(net.input, [1, 2, 3, 1], axes=[2, 3]), 3, 4, 3, stride=2))
    net = Net("pad_conv_axes_turned", "dynamo", 19)
    yield net.ends(net.conv(net.pad(net.input, [2, 1, 1, 3], axes=[-1, -2], given=False), 3, 4, 3, stride=2))
    net = Net("pad_conv_one_axis", "dynamo", 21)
    yield net.ends(net.conv(net.pad(net.input, [2, 1], axes=[3]), 3, 4, 3))
    # The convolution has pads of its own.
    net = Net("pad_conv_with_pads", "torch-1.9", 11)
    yield net.ends(net.conv(net.pad(net.relu(net.conv(net.input, 3, 4, 1)), MAP), 4, 4, 2, pads=[0, 1, 1, 0]))
    # TensorFlow's fixed padding: 0 before and 1 behind, with a depthwise convolution of stride 2.
    net = Net("pad_depthwise", "tf2onnx", 12, (1, 3, 8, 10))
    x = net.pad(net.clip(net.conv(net.input, 3, 4, 1, gain=6), 0, 6), [0, 0, 0, 0, 0, 0, 1, 1])
    yield net.ends(net.conv(x, 4, 4, 3, stride=2, group=4))
    # Two readers, one of which is no convolution.
    net = Net("pad_read_twice", "torch-2.1", 17)
    x = net.pad(net.relu(net.conv(net.input, 3, 4, 2)), MAP)
    yield net.ends(net.op("Concat", [net.conv(x, 4, 3, 2), net.avg_pool(x, 2, 1)], axis=1))
    net = Net("pad_nothing", "torch-1.9", 11)
    x = net.pad(net.conv(net.input, 3, 4, 2), [0] * 8)
    yield net.ends(net.avg_pool(net.relu(x), 3, 3))
    net = Net("pad_is_the_output", "tf2onnx", 13)
    yield net.ends(net.pad(net.conv(net.input, 3, 4, 2), MAP))
    net = Net("pad_mode_left_out", "onnxsim", 12)
    yield net.ends(net.conv(net.op("Pad", [net.input, net.ints(MAP)]), 3, 4, 3))
    # What PyTorch's F.pad became from opset 11 on: the pads are turned round in the graph.
    net = Net("pad_pytorch_chain", "torch-1.9", 11)
    x = net.relu(net.conv(net.input, 3, 4, 2, hint="conv"))
    zeros = net.op("ConstantOfShape", [net.ints([4])], value=net.tensor("", np.zeros([1], np.int64)))
    pads = net.op("Concat", [net.ints([1, 0, 2, 1]), zeros], axis=0)
    pads = net.op("Reshape", [pads, net.ints([-1, 2])])
    pads = net.op("Slice", [pads, net.ints([-1]), net.ints([-(2**63) + 1]), net.ints([0]), net.ints([-1])])
    pads = net.op("Reshape", [net.op("Transpose", [pads], perm=[1, 0]), net.ints([-1])])
    pads = net.op("Cast", [pads], to=TensorProto.INT64)
    value = net.constant(np.float32(0), "node")
    x = net.op("Pad", [x, pads, value], mode="constant")
    yield net.ends(net.conv(x, 4, 4, 3, stride=2), shape=[1, 4, 4, 2])


def before_pools():
    pads = [0, 0, 0, 0, 0, 0, 1, 1]
    # Zeros never win against what a ReLU gives, so they are as good as no pixel.
    net = Net("pad_max_pool_after_relu", "keras2onnx", 11, (1, 3, 8, 6))
    yield net.ends(net.max_pool(net.pad(net.relu(net.conv(net.input, 3, 4, 2, pads=1)), pads), 3, 2))
    # Here they do.
    net = Net("pad_max_pool_without_relu", "mxnet", 7, (1, 3, 8, 6))
    x = net.conv(net.input, 3, 4, 2, pads=1)
    yield net.ends(net.max_pool(net.pad(net.affine("Sub", x, np.full([4, 1, 1], 3.0)), [0, 0, 1, 1, 0, 0, 1, 1]), 3, 2))
    net = Net("pad_max_pool_on_input", "torch-1.9", 12, (1, 3, 8, 6))
    yield net.ends(net.max_pool(net.pad(net.input, [0, 0, 1, 1, 0, 0, 1, 1]), 2, 2))
    # ReLU after the pad, and a clamp whose lower bound is above zero.
    net = Net("pad_relu_max_pool", "torch-1.5", 10, (1, 3, 8, 6))
    yield net.ends(net.max_pool(net.relu(net.pad(net.conv(net.input, 3, 4, 2, pads=1), pads)), 3, 2))
    net = Net("pad_max_pool_after_clip_above_zero", "tf2onnx", 13, (1, 3, 8, 6))
    x = net.clip(net.affine("Mul", net.input, np.float32(2.0)), 0.25, 1.5)
    yield net.ends(net.max_pool(net.pad(x, [0, 0, 2, 2, 0, 0, 2, 2]), 2, 2))
    # PyTorch before 1.3 wrote a padded average as a Pad and a pool: the zeros count.
    net = Net("pad_avg_pool", "torch-1.0", 9)
    x = net.pad(net.input, [0, 0, 1, 1, 0, 0, 1, 1], mode="constant")
    yield net.ends(net.avg_pool(x, 3, 2))
    net = Net("pad_avg_pool_after_relu", "torch-1.2", 9)
    x = net.pad(net.relu(net.conv(net.input, 3, 4, 2)), [0, 0, 0, 1, 0, 0, 2, 1])
    yield net.ends(net.avg_pool(x, 3, 1))
    net = Net("pad_global_average", "torch-1.9", 11)
    x = net.pad(net.relu(net.conv(net.input, 3, 4, 2)), [0, 0, 1, 1, 0, 0, 1, 2])
    yield net.ends(net.avg_pool(x, 3, 3))


def nhwc():
    pads = [0, 1, 2, 0, 0, 3, 1, 0]
    # Keras' ZeroPadding2D stands before the Transpose.
    for name, style, opset in [("pad_nhwc_opset_9", "keras2onnx", 9), ("pad_nhwc_opset_13", "tf2onnx", 13)]:
        net = Net(name, style, opset, ("N", 7, 5, 3))
        x = net.op("Transpose", [net.pad(net.input, pads)], perm=[0, 3, 1, 2])
        yield net.ends(net.conv(x, 3, 4, 2, stride=2))


def variants():
    yield from before_conv()
    yield from before_pools()
    yield from nhwc()
