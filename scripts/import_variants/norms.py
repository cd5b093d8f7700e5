"""Normalisation: by batch, by constants, by neighbours."""

import numpy as np

from net import Net


def batch_norms():
    def after_conv(name, style, opset, bias, seed=0, **more):
        net = Net(name, style, opset, seed=seed)
        x = net.batch_norm(net.conv(net.input, 3, 4, 2, bias=bias), 4, **more)
        return net.ends(net.relu(x))

    yield after_conv("batch_norm_opset_7_spatial", "caffe2", 7, False, epsilon=1e-3, momentum=0.9, spatial=1)
    yield after_conv("batch_norm_opset_9", "torch-1.2", 9, False, momentum=0.9)
    yield after_conv("batch_norm_opset_9_conv_bias", "keras2onnx", 9, True, seed=2, epsilon=1e-3, momentum=0.99)
    yield after_conv("batch_norm_opset_14", "torch-1.9", 14, False, momentum=0.9, training_mode=0)
    yield after_conv("batch_norm_opset_15", "paddle2onnx", 15, True, momentum=0.9)
    # The default epsilon, and one so large that it matters.
    yield after_conv("batch_norm_default_epsilon", "tf2onnx", 13, False, epsilon=None)
    yield after_conv("batch_norm_large_epsilon", "mxnet", 8, True, epsilon=0.25)
    net = Net("batch_norm_after_depthwise", "torch-2.1", 17)
    x = net.batch_norm(net.conv(net.input, 3, 6, 3, group=3, bias=False), 6)
    yield net.ends(net.clip(x, 0, 6))
    net = Net("batch_norm_pre_activation", "torch-1.5", 11)
    x = net.conv(net.input, 3, 4, 2)
    x = net.conv(net.relu(net.batch_norm(x, 4)), 4, 5, (2, 1))
    yield net.ends(net.avg_pool(x, 3, 3))
    # Directly before a convolution: with a pad the shift must not reach the border.
    net = Net("batch_norm_before_padded_conv", "mxnet", 7)
    x = net.batch_norm(net.max_pool(net.input, 2, 1), 3)
    yield net.ends(net.conv(x, 3, 4, 2, pads=1))
    net = Net("batch_norm_before_conv", "torch-2.1", 13)
    yield net.ends(net.conv(net.batch_norm(net.max_pool(net.input, 2, 1), 3), 3, 4, 3))
    net = Net("batch_norm_after_concat", "torch-2.1", 15, seed=1)
    x = net.op("Concat", [net.conv(net.input, 3, 2, 3), net.relu(net.conv(net.input, 3, 3, 3))], axis=1)
    yield net.ends(net.conv(net.relu(net.batch_norm(x, 5)), 5, 4, 1))
    net = Net("batch_norm_after_max_pool", "caffe2", 9)
    yield net.ends(net.batch_norm(net.max_pool(net.conv(net.input, 3, 4, 2), 2, 2), 4))
    net = Net("batch_norm_on_input", "mxnet", 8)
    yield net.ends(net.avg_pool(net.relu(net.conv(net.batch_norm(net.input, 3), 3, 4, 3, pads=1)), 3, 3))
    net = Net("batch_norm_twice", "tf2onnx", 11)
    x = net.batch_norm(net.batch_norm(net.conv(net.input, 3, 4, 2), 4), 4)
    yield net.ends(net.relu(x))
    # The convolution's result is read elsewhere too, so nothing may be folded into it.
    net = Net("batch_norm_of_shared_conv", "torch-2.1", 14)
    x = net.conv(net.input, 3, 4, 2)
    yield net.ends(net.op("Concat", [net.batch_norm(x, 4), x], axis=1))


def constants():
    """Add, Sub, Mul and Div with what a file holds."""
    per = lambda net, shape, low=-1.5, high=1.5: net.uniform(shape, low, high)
    for name, style, opset, shape in [
        ("scale_shift_rank_4", "tf2onnx", 9, [1, 4, 1, 1]), ("scale_shift_rank_3", "mxnet", 7, [4, 1, 1]),
        ("scale_shift_scalar", "torch-2.1", 13, []),
        ("scale_shift_ones", "paddle2onnx", 11, [1, 1, 1, 1]),
    ]:  # fmt: skip
        net = Net(name, style, opset)
        x = net.conv(net.input, 3, 4, 2, bias=False)
        yield net.ends(net.relu(net.affine("Add", net.affine("Mul", x, per(net, shape)), per(net, shape))))
    net = Net("constant_operand_first", "onnxsim", 12)
    x = net.affine("Mul", net.conv(net.input, 3, 4, 2), per(net, [1, 4, 1, 1]), first=True)
    yield net.ends(net.relu(net.affine("Add", x, per(net, [4, 1, 1]), first=True)))
    net = Net("constant_minus_map", "torch-1.9", 11)
    x = net.affine("Sub", net.relu(net.conv(net.input, 3, 4, 2)), np.float32(1.0), first=True)
    yield net.ends(net.affine("Sub", x, per(net, [4, 1, 1]), first=True))
    net = Net("divided_by_channels", "paddle2onnx", 13)
    x = net.affine("Div", net.conv(net.input, 3, 4, 2), per(net, [1, 4, 1, 1], 0.5, 2.0))
    yield net.ends(net.max_pool(x, 2, 2))
    # After an activation, so it cannot go into the convolution before.
    net = Net("scale_after_relu", "torch-1.5", 10)
    x = net.affine("Mul", net.relu(net.conv(net.input, 3, 4, 2)), per(net, [4, 1, 1]))
    yield net.ends(net.conv(net.affine("Add", x, per(net, [1, 4, 1, 1])), 4, 4, 3, pads=1))
    # A negative factor turns a max-pool's order round.
    net = Net("scale_between_pools", "mxnet", 9)
    x = net.affine("Mul", net.max_pool(net.input, 2, 1), [[[-1.0]], [[2.0]], [[-0.5]]])
    yield net.ends(net.max_pool(x, 2, 1))
    for name, style, opset, shape in [("normalised_in_graph", "torch-1.9", 11, [1, 3, 1, 1]),
                                      ("normalised_in_graph_rank_3", "torch-2.1", 17, [3, 1, 1])]:  # fmt: skip
        net = Net(name, style, opset)
        x = net.affine("Sub", net.input, np.float32([0.485, 0.456, 0.406]).reshape(shape))
        x = net.affine("Div", x, np.float32([0.229, 0.224, 0.225]).reshape(shape))
        yield net.ends(net.avg_pool(net.relu(net.conv(x, 3, 4, 2, pads=1)), 3, 3))
    # The constant is computed: 1 / std.
    net = Net("constant_computed", "tf2onnx", 13)
    one, std = net.floats([1.0]), net.floats(np.float32([0.2, 0.3, 0.4]).reshape(1, 3, 1, 1))
    x = net.op("Mul", [net.input, net.op("Div", [one, std])])
    yield net.ends(net.conv(x, 3, 4, 2))
    # The vector gets its shape [channels, 1, 1] in the graph.
    net = Net("scale_unsqueezed_in_graph", "torch-1.2", 9)
    scale = net.unsqueeze(net.unsqueeze(net.weight("scale", "weight", per(net, [4])), [1]), [2])
    yield net.ends(net.op("Mul", [net.relu(net.conv(net.input, 3, 4, 2)), scale]))


def neighbours():
    for name, style, opset, channels, more in [
        ("lrn_alexnet_onnx_zoo", "caffe2", 7, 7, dict(size=5, alpha=1e-4, beta=0.75, bias=1.0)),
        ("lrn_strong", "torch-1.9", 11, 7, dict(size=3, alpha=2.0, beta=0.5, bias=0.5)),
        ("lrn_strong_three_quarters", "tf2onnx", 9, 6, dict(size=5, alpha=1.0, beta=0.75, bias=1.0)),
        ("lrn_wider_than_channels", "caffe2", 9, 3, dict(size=9, alpha=1.5, beta=1.0, bias=1.0)),
        ("lrn_defaults", "onnxsim", 13, 6, dict(size=5)),
    ]:
        net = Net(name, style, opset)
        x = net.relu(net.conv(net.affine("Mul", net.input, np.float32(3.0)), 3, channels, 1))
        yield net.ends(net.op("LRN", [x], **more))


def variants():
    yield from batch_norms()
    yield from constants()
    yield from neighbours()
