"""Windows of convolutions and pools, and clamps."""

import numpy as np

from net import Net


def convolutions():
    def alone(name, style, opset, inner, outputs, kernel, shape=None, **more):
        net = Net(name, style, opset, shape or (1, inner, 7, 5))
        return net.ends(net.conv(net.input, inner, outputs, kernel, **more))

    yield alone("conv_oblong_asymmetric", "torch-1.9", 11, 3, 4, (3, 5), pads=[1, 2, 0, 3], stride=(2, 1))
    yield alone("conv_stride_4_kernel_11", "torch-1.0", 7, 1, 2, 11, (1, 1, 23, 19), pads=2, stride=4)
    yield alone("conv_grouped", "caffe2", 8, 6, 6, 3, group=3)
    yield alone("conv_depthwise", "torch-1.5", 10, 6, 6, 3, pads=1, stride=2, group=6)
    yield alone("conv_depthwise_twice", "tf2onnx", 13, 3, 6, 3, (1, 3, 5, 4), pads=1, group=3)
    yield alone("conv_one_channel", "mxnet", 7, 1, 4, 5, pads=2)
    for auto in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
        name = f"conv_auto_pad_{auto.lower()}"
        yield alone(name, "tf2onnx", 10, 3, 4, (3, 4), (1, 3, 9, 10), auto=auto, stride=(2, 3))
    # keras2onnx: stride 2 on an even side, where SAME_UPPER pads only at the end.
    yield alone("conv_auto_pad_even_side", "keras2onnx", 11, 3, 4, 3, (1, 3, 8, 10), auto="SAME_UPPER", stride=2)
    # NOTSET beside pads says nothing.
    yield alone("conv_auto_pad_notset_with_pads", "paddle2onnx", 12, 3, 4, 3, auto="NOTSET", pads=[1, 1, 1, 1])
    # Attributes that have defaults are left out.
    net = Net("conv_bare", "onnxsim", 11)
    weight = net.weight("conv", "weight", net.uniform([4, 3, 3, 3]))
    yield net.ends(net.op("Conv", [net.input, weight, ""]))
    # SqueezeNet 1.0's last layer in Caffe: one by one, with a pad, so the border is ReLU(bias).
    net = Net("conv_1x1_pads_1", "caffe2", 7, seed=3)
    x = net.relu(net.conv(net.max_pool(net.input, 3, 2), 3, 5, 1, pads=1, hint="conv10"))
    yield net.ends(net.op("Softmax", [net.global_average(x)]))
    yield alone("conv_1x1_pads_uneven", "caffe2", 8, 3, 4, 1, pads=[2, 0, 1, 1])
    yield alone("conv_pads_beyond_kernel", "torch-1.9", 11, 3, 3, 3, (1, 3, 4, 3), pads=[3, 4, 3, 0])
    yield alone("conv_dilations_of_one_tap", "torch-2.1", 14, 3, 4, 1, dilations=[2, 2])


def pools():
    def alone(name, style, opset, op, kernel, stride, shape=(1, 3, 7, 5), truth=None, **more):
        net = Net(name, style, opset, shape)
        return net.ends(net.pool(op, net.input, kernel, stride, **more), shape=truth)

    both = [("max", "MaxPool"), ("avg", "AveragePool")]
    for short, op in both:
        # 8 rows give a fourth window that hangs over, 7 columns do not.
        yield alone(f"{short}_pool_ceil", "torch-1.5", 10, op, 3, 2, (1, 3, 8, 7), ceil_mode=1)
        yield alone(f"{short}_pool_ceil_padded", "torch-2.1", 17, op, 3, 2, (1, 3, 8, 10), pads=1, ceil_mode=1)
        # Rounded up, a window would start behind the picture and its start pad: it is not there, whatever
        # ONNX's own inference says.
        yield alone(f"{short}_pool_ceil_beyond", "torch-1.9", 11, op, 2, 3, (1, 3, 6, 7), [1, 3, 3, 3], pads=1,
                    ceil_mode=1)  # fmt: skip
        yield alone(f"{short}_pool_oblong", "paddle2onnx", 11, op, (3, 2), (2, 1), pads=[1, 0, 1, 1])
        for auto in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
            name = f"{short}_pool_auto_pad_{auto.lower()}"
            yield alone(name, "tf2onnx", 11, op, (3, 2), 2, (1, 3, 8, 7), auto=auto)
    # Caffe rounds up; before opset 10 that was written as a pad at the end.
    yield alone("max_pool_caffe2_end_pads", "caffe2", 8, "MaxPool", 3, 2, (1, 3, 8, 10), pads=[0, 0, 1, 1])
    yield alone("max_pool_storage_order", "onnxsim", 12, "MaxPool", 3, 2, ceil_mode=0, storage_order=0,
                dilations=[1, 1])  # fmt: skip
    for include in [0, 1]:
        name = f"avg_pool_count_include_pad_{include}"
        yield alone(name, "torch-1.9", 11, "AveragePool", 3, 2, pads=1, count_include_pad=include)
    # No window hangs over, so nothing is in doubt.
    yield alone("avg_pool_ceil_include_pad_exact", "torch-2.1", 13, "AveragePool", 3, 2, pads=1, ceil_mode=1,
                count_include_pad=1)  # fmt: skip
    yield alone("avg_pool_opset_19", "dynamo", 19, "AveragePool", 3, 2, pads=[0, 1, 0, 1], ceil_mode=0,
                count_include_pad=1, dilations=[1, 1])  # fmt: skip
    net = Net("max_pool_no_strides", "mxnet", 7)
    yield net.ends(net.op("MaxPool", [net.input], kernel_shape=[2, 3]))


def clamps():
    def clamped(name, style, opset, low, high):
        net = Net(name, style, opset)
        return net.ends(net.avg_pool(net.clip(net.conv(net.input, 3, 4, 3, gain=high or 1), low, high), 3, 3))

    yield clamped("relu6_attributes", "torch-1.0", 7, 0.0, 6.0)
    yield clamped("relu6_initialisers", "dynamo", 18, 0, 1)
    yield clamped("relu6_constant_nodes", "torch-1.9", 11, 0, 1)
    yield clamped("clip_constant_nodes_opset_13", "torch-2.1", 13, -0.5, 0.5)
    yield clamped("clip_low_only", "tf2onnx", 12, 0.125, None)
    yield clamped("clip_high_only", "paddle2onnx", 11, None, 0.25)
    yield clamped("clip_no_bounds", "torch-1.9", 12, None, None)
    # Bounds through a Cast, as PyTorch 1.12 wrote them when their type was another.
    net = Net("clip_bounds_cast", "torch-1.9", 12)
    bounds = [net.op("Cast", [net.constant(np.float64(x), "node")], to=1) for x in (0, 0.5)]
    yield net.ends(net.op("Clip", [net.conv(net.input, 3, 4, 3), *bounds]))


def variants():
    yield from convolutions()
    yield from pools()
    yield from clamps()
