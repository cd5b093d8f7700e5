"""Nodes that Wisp has no step for, or not with these attributes or operands."""

import numpy as np
from onnx import TensorProto

from net import Net

NAMED = [
    # Name, operator, opset, and attributes, for what takes one map.
    ("log_softmax", "LogSoftmax", 13, dict(axis=1)),
    ("gelu", "Gelu", 20, {}),
    ("erf", "Erf", 13, {}),
    ("sigmoid", "Sigmoid", 13, {}),
    ("tanh", "Tanh", 13, {}),
    ("leaky_relu", "LeakyRelu", 11, dict(alpha=0.1)),
    ("elu", "Elu", 11, {}),
    ("hard_sigmoid", "HardSigmoid", 11, dict(alpha=1 / 6)),
    ("hard_swish", "HardSwish", 14, {}),
    ("softplus", "Softplus", 13, {}),
    ("exp", "Exp", 13, {}),
    ("global_max_pool", "GlobalMaxPool", 11, {}),
    ("depth_to_space", "DepthToSpace", 13, dict(blocksize=2)),
    ("space_to_depth", "SpaceToDepth", 13, dict(blocksize=2)),
    ("lp_normalisation", "LpNormalization", 11, dict(axis=1)),
    ("reduce_max", "ReduceMax", 13, dict(axes=[2, 3])),
    ("reduce_sum_opset_11", "ReduceSum", 11, dict(axes=[2, 3])),
    ("reduce_mean_rows", "ReduceMean", 13, dict(axes=[2], keepdims=1)),
    ("reduce_mean_channels", "ReduceMean", 13, dict(axes=[1], keepdims=1)),
    # Rows and columns of a picture whose channels come last, but here they come first.
    ("reduce_mean_channels_and_rows", "ReduceMean", 13, dict(axes=[1, 2], keepdims=1)),
    ("reduce_mean_of_everything", "ReduceMean", 13, dict(keepdims=1)),
    ("softmax_over_rows", "Softmax", 13, dict(axis=2)),
    ("softmax_over_columns", "Softmax", 13, {}),
    # Before opset 13 it is over all values from the axis on.
    ("softmax_over_a_whole_map", "Softmax", 12, dict(axis=1)),
    ("transpose_sides", "Transpose", 13, dict(perm=[0, 1, 3, 2])),
    ("transpose_odd", "Transpose", 13, dict(perm=[0, 2, 1, 3])),
    ("transpose_reversed", "Transpose", 13, {}),
    ("flatten_axis_2", "Flatten", 13, dict(axis=2)),
    ("max_pool_dilated", "MaxPool", 11, dict(kernel_shape=[2, 2], dilations=[2, 2])),
    ("avg_pool_dilated", "AveragePool", 19, dict(kernel_shape=[2, 2], dilations=[2, 1])),
    # What hangs over counts for the divisor in some exporters and not in others.
    ("avg_pool_ceil_include_pad", "AveragePool", 13, dict(
        kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1)),
]  # fmt: skip


def begin(name, opset=13, shape=(1, 4, 6, 4), style="torch-1.9"):
    net = Net(name, style, opset, shape)
    return net, net.relu(net.input)


def windows():
    for name, more in [
        ("conv_dilated", dict(dilations=[2, 2])),
        ("conv_dilated_columns", dict(dilations=[1, 2])),
    ]:
        net, x = begin(name)
        yield net.ends(net.conv(x, 4, 2, 2, **more))
    net, x = begin("conv_transpose")
    weight = net.weight("up", "weight", net.uniform([4, 2, 2, 2]))
    yield net.ends(net.op("ConvTranspose", [x, weight], kernel_shape=[2, 2], strides=[2, 2]))
    net, x = begin("conv_weight_not_constant")
    kernel = net.reshape(net.global_average(x), [1, 4, 1, 1])
    yield net.ends(net.op("Conv", [x, kernel]))
    net, x = begin("max_pool_indices_read")
    x, indices = net.op("MaxPool", [x], outputs=2, kernel_shape=[2, 2])
    yield net.ends(net.op("Add", [x, net.op("Cast", [indices], to=TensorProto.FLOAT)]))
    net, x = begin("resize")
    scales = net.floats([1, 1, 2, 2])
    yield net.ends(net.op("Resize", [x, "", scales], mode="nearest"))
    net, x = begin("upsample", 9)
    yield net.ends(net.op("Upsample", [x, net.floats([1, 1, 2, 2])], mode="nearest"))
    sides = [0, 0, 1, 1, 0, 0, 1, 1]
    for name, pads, more in [
        ("pad_reflect", sides, dict(mode="reflect")),
        ("pad_edge", sides, dict(mode="edge")),
        ("pad_value", sides, dict(value=0.5)),
        ("pad_crops", [0, 0, -1, 0, 0, 0, 0, -1], {}),
        ("pad_channels", [0, 1, 0, 0, 0, 1, 0, 0], {}),
        ("pad_batch", [0, 0, 0, 0, 1, 0, 0, 0], {}),
    ]:
        net, x = begin(name, 11)
        yield net.ends(net.conv(net.pad(x, pads, **more), 6 if name == "pad_channels" else 4, 2, 2))


def operands():
    """Operators that are fine with a constant, or with operands of one shape."""
    for name, op in [("sub_of_maps", "Sub"), ("mul_of_maps", "Mul"), ("div_of_maps", "Div"), ("max_of_maps", "Max")]:
        net, x = begin(name)
        yield net.ends(net.op(op, [x, net.conv(x, 4, 4, 1)]))
    net, x = begin("mul_squeeze_excite")
    gate = net.clip(net.conv(net.global_average(x), 4, 4, 1), 0, 1)
    yield net.ends(net.op("Mul", [x, gate]))
    net, x = begin("mul_by_itself")
    yield net.ends(net.op("Mul", [x, x]))
    net, x = begin("add_map_and_vector")
    yield net.ends(net.op("Add", [x, net.global_average(x)]))
    net, x = begin("add_map_and_one_channel")
    yield net.ends(net.op("Add", [x, net.conv(x, 4, 1, 1)]))
    net, x = begin("sum_of_different_shapes", 8)
    yield net.ends(net.op("Sum", [x, x, net.global_average(x)]))
    net, x = begin("constant_divided_by_map")
    yield net.ends(net.affine("Div", x, np.float32(1.0), first=True))
    net, x = begin("div_by_zero")
    yield net.ends(net.affine("Div", x, np.float32([1, 0, 1, 1]).reshape(1, 4, 1, 1)))
    net, x = begin("add_constant_map")
    yield net.ends(net.affine("Add", x, net.uniform([1, 4, 6, 4])))
    # There are as many columns as channels, but this is added to the columns.
    net, x = begin("add_constant_to_columns")
    yield net.ends(net.affine("Add", x, net.uniform([4])))
    net, x = begin("add_constant_grows", shape=(1, 1, 6, 4))
    yield net.ends(net.affine("Add", x, net.uniform([1, 4, 1, 1])))
    net, x = begin("clip_bound_not_constant", shape=(1, 1, 6, 4))
    low = net.squeeze(net.global_average(x), [0, 1, 2, 3])
    yield net.ends(net.op("Clip", [x, low]))
    net, x = begin("prelu")
    yield net.ends(net.op("PRelu", [x, net.weight("prelu", "slope", net.uniform([4, 1, 1]))]))
    net, x = begin("power")
    yield net.ends(net.op("Pow", [x, net.floats(np.float32(2.0))]))
    net, x = begin("swish")
    yield net.ends(net.op("Mul", [x, net.op("Sigmoid", [x])]))
    net, x = begin("cast_to_integer_and_back")
    yield net.ends(net.op("Cast", [net.op("Cast", [x], to=TensorProto.INT32)], to=TensorProto.FLOAT))


def dense():
    def flat(name, opset=13):
        net, x = begin(name, opset)
        return net, net.flatten(net.global_average(x))

    net, x = flat("gemm_trans_a")
    weight = net.weight("fc", "weight", net.uniform([1, 3]))
    yield net.ends(net.op("Gemm", [x, weight], transA=1))
    net, x = flat("gemm_weight_not_constant")
    yield net.ends(net.op("Gemm", [x, x], transB=1))
    net, x = flat("gemm_bias_not_constant")
    yield net.ends(net.op("Gemm", [x, net.weight("fc", "weight", net.uniform([4, 4])), x]))
    net, x = flat("gemm_constant_first")
    yield net.ends(net.op("Gemm", [net.weight("fc", "weight", net.uniform([3, 1])), x]))
    net, x = flat("matmul_of_activations")
    yield net.ends(net.op("MatMul", [net.reshape(x, [4, 1]), x]))
    # Attention: a map times another one.
    net, x = begin("matmul_of_maps")
    yield net.ends(net.op("MatMul", [net.op("Transpose", [x], perm=[0, 1, 3, 2]), x]))
    net, x = begin("matmul_over_columns")
    yield net.ends(net.op("MatMul", [x, net.weight("fc", "weight", net.uniform([4, 3]))]))
    # Before a dense layer, but of two maps, so there is no one order to flatten in.
    net, x = begin("concat_of_flattened_maps")
    x = net.op("Concat", [net.flatten(x), net.flatten(net.max_pool(x, 2, 2))], axis=1)
    yield net.ends(net.gemm(x, 120, 2))


def shapes():
    net, x = begin("channel_shuffle")
    x = net.op("Transpose", [net.reshape(x, [1, 2, 2, 6, 4])], perm=[0, 2, 1, 3, 4])
    yield net.ends(net.reshape(x, [1, 4, 6, 4]))
    # As many values, but other pixels.
    net, x = begin("reshape_swaps_sides")
    yield net.ends(net.reshape(x, [1, 4, 4, 6]))
    net, x = begin("reshape_of_nhwc_as_nchw", style="tf2onnx")
    x = net.op("Transpose", [x], perm=[0, 2, 3, 1])
    yield net.ends(net.conv(net.reshape(x, [1, 4, 6, 4]), 4, 2, 1))
    net, x = begin("slice_of_channels", 11)
    yield net.ends(net.op("Slice", [x, net.ints([0]), net.ints([2]), net.ints([1])]))
    net, x = begin("slice_of_rows", 9)
    yield net.ends(net.op("Slice", [x], axes=[2], starts=[1], ends=[5]))
    net, x = begin("gather_of_channels")
    yield net.ends(net.op("Gather", [x, net.ints([2, 1, 0])], axis=1))
    net, x = begin("split", 11)
    x, y = net.op("Split", [x], outputs=2, axis=1, split=[2, 2])
    yield net.ends(net.op("Concat", [y, x], axis=1))
    net, x = begin("concat_rows")
    yield net.ends(net.op("Concat", [x, x], axis=2))
    net, x = begin("concat_rows_of_nhwc", style="tf2onnx")
    x = net.op("Transpose", [x], perm=[0, 2, 3, 1])
    yield net.ends(net.op("Concat", [x, x], axis=1))
    net, x = begin("concat_with_constant")
    yield net.ends(net.op("Concat", [x, net.weight("anchor", "const", net.uniform([1, 1, 6, 4]))], axis=1))
    # Operators of pictures whose channels come first, on one whose channels come last.
    net, x = begin("global_average_of_nhwc", style="tf2onnx")
    yield net.ends(net.global_average(net.op("Transpose", [x], perm=[0, 2, 3, 1])))
    net, x = begin("conv_of_nhwc", style="tf2onnx")
    yield net.ends(net.conv(net.op("Transpose", [x], perm=[0, 2, 3, 1]), 6, 2, 1))
    net, x = begin("reduce_mean_columns_and_channels_of_nhwc", style="tf2onnx")
    x = net.op("Transpose", [x], perm=[0, 2, 3, 1])
    yield net.ends(net.op("ReduceMean", [x], axes=[2, 3], keepdims=0))
    # x.mean(3).mean(2): the mean of means.
    net, x = begin("reduce_mean_in_two_steps")
    yield net.ends(net.mean(net.mean(x, [3], 0), [2], 0))
    net, x = begin("unsqueeze_map")
    yield net.ends(net.unsqueeze(x, [2]))


def norms():
    net, x = begin("dropout_in_training")
    inputs = [x, net.floats(np.float32(0.5)), net.constant(np.bool_(True), "node")]
    yield net.ends(net.op("Dropout", inputs))
    net, x = begin("dropout_mask_read")
    x, mask = net.op("Dropout", [x], outputs=2)
    yield net.ends(net.op("Mul", [x, net.op("Cast", [mask], to=TensorProto.FLOAT)]))
    net, x = begin("batch_norm_in_training", 14)
    yield net.ends(net.batch_norm(x, 4, training_mode=1, outputs=3)[0])
    # Opset 7: statistics of each pixel.
    net, x = begin("batch_norm_not_spatial", 7, (1, 2, 3, 2))
    parts = [net.weight("bn", part, net.uniform([2, 3, 2], 0.5, 1)) for part in ("scale", "bias", "mean", "var")]
    yield net.ends(net.op("BatchNormalization", [x, *parts], spatial=0), shape=[1, 2, 3, 2])
    net, x = begin("batch_norm_statistics_not_constant")
    mean = net.reshape(net.global_average(x), [4])
    parts = [net.weight("bn", part, net.uniform([4], 0.5, 1)) for part in ("scale", "bias", "var")]
    yield net.ends(net.op("BatchNormalization", [x, *parts[:2], mean, parts[2]]))
    net, x = begin("batch_norm_negative_variance")
    parts = [net.weight("bn", part, np.float32([1, 1, sign, 1])) for part, sign in zip("sbmv", [1, 1, 1, -1])]
    yield net.ends(net.op("BatchNormalization", [x, *parts]))
    two = lambda net: [net.weight("norm", part, net.uniform([4])) for part in ("weight", "bias")]
    net, x = begin("instance_norm")
    yield net.ends(net.op("InstanceNormalization", [x, *two(net)]))
    net, x = begin("layer_norm", 17)
    yield net.ends(net.op("LayerNormalization", [x, *two(net)], axis=-1))
    net, x = begin("group_norm", 21)
    yield net.ends(net.op("GroupNormalization", [x, *two(net)], num_groups=2), shape=[1, 4, 6, 4])


def nets():
    for name, op, opset, attributes in NAMED:
        net, x = begin(name, opset)
        yield net.ends(net.op(op, [x], **attributes))
    for family in (windows, operands, dense, shapes, norms):
        yield from family()
