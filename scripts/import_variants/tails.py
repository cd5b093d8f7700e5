"""From the last map to the scores."""

import numpy as np

from net import Net


def head(name, style, opset, shape=(1, 3, 7, 5)):
    """A net up to its last map of 5 channels."""
    net = Net(name, style, opset, shape)
    return net, net.relu(net.conv(net.input, 3, 5, (2, 1)))


def averages():
    net, x = head("average_global", "caffe2", 7)
    yield net.ends(net.global_average(x))
    net, x = head("average_pool_whole", "torch-1.0", 7)
    yield net.ends(net.flatten(net.avg_pool(x, (6, 5), 1)))
    net, x = head("average_pool_whole_stride", "torch-1.5", 10)
    yield net.ends(net.flatten(net.avg_pool(x, (6, 5), (6, 5), ceil_mode=0, count_include_pad=1)))
    net, x = head("average_pool_whole_valid", "tf2onnx", 8)
    yield net.ends(net.squeeze(net.avg_pool(x, (6, 5), 2, auto="VALID"), [2, 3]), shape=[1, 5])
    for name, style, opset, axes, keep in [
        ("reduce_mean_keep_opset_7", "torch-1.0", 7, [2, 3], 1),
        ("reduce_mean_keep_opset_13", "torch-2.1", 13, [-2, -1], 1),
        ("reduce_mean_drop_opset_11", "torch-1.9", 11, [2, 3], 0),
        ("reduce_mean_drop_opset_13", "torch-2.1", 13, [-1, -2], 0),
        ("reduce_mean_keep_opset_18", "dynamo", 18, [2, 3], 1),
        ("reduce_mean_drop_opset_18", "dynamo", 20, [-1, -2], 0),
    ]:
        net, x = head(name, style, opset)
        x = net.mean(x, axes, keep)
        yield net.ends(net.gemm(net.flatten(x) if keep else x, 5, 4))
    net, x = head("reduce_mean_default_keep", "tf2onnx", 9)
    yield net.ends(net.op("ReduceMean", [x], axes=[2, 3]))
    net, x = head("reduce_mean_noop_flag", "dynamo", 18)
    x = net.op("ReduceMean", [x, net.ints([2, 3])], keepdims=0, noop_with_empty_axes=1)
    yield net.ends(x)


def reshapes():
    """The vector behind a global average, in every spelling."""
    for name, style, opset, shape in [
        ("tail_reshape_1_open", "caffe2", 7, [1, -1]), ("tail_reshape_open_channels", "tf2onnx", 9, [-1, 5]),
        ("tail_reshape_keep_open", "mxnet", 8, [0, -1]), ("tail_reshape_keep_channels", "paddle2onnx", 11, [0, 5]),
       
    ]:  # fmt: skip
        net, x = head(name, style, opset)
        yield net.ends(net.reshape(net.global_average(x), shape))
    net, x = head("tail_flatten_negative_axis", "torch-1.9", 11)
    yield net.ends(net.flatten(net.global_average(x), axis=-3))
    for name, style, opset in [("tail_squeeze_attribute", "keras2onnx", 11), ("tail_squeeze_input", "tf2onnx", 13)]:
        net, x = head(name, style, opset)
        yield net.ends(net.squeeze(net.global_average(x), [2, 3]))
    net, x = head("tail_view_opset_9", "torch-1.2", 9)
    yield net.ends(view(net, net.global_average(x)), shape=[1, 5])
    net, x = head("tail_view_opset_13", "torch-1.9", 13, ("batch", 3, 7, 5))
    yield net.ends(view(net, net.global_average(x)), shape=["batch", 5])
    # `Shape` with a start and an end (opset 15) needs no Gather.
    net, x = head("tail_view_shape_slice", "dynamo", 18, ("s0", 3, 7, 5))
    x = net.global_average(x)
    batch = net.op("Shape", [x], start=0, end=1)
    shape = net.op("Concat", [batch, net.ints([-1])], axis=0)
    yield net.ends(net.op("Reshape", [x, shape], allowzero=1), shape=["s0", 5])
    # tf2onnx takes the batch by a slice, and casts what TensorFlow has as int32.
    net, x = head("tail_view_tf2onnx", "tf2onnx", 10, ("unk__8", 3, 7, 5))
    x = net.global_average(x)
    batch = net.op("Cast", [net.op("Shape", [x])], to=6)
    batch = net.op("Slice", [batch, net.ints([0]), net.ints([1]), net.ints([0])])
    shape = net.op("Concat", [net.op("Cast", [batch], to=7), net.ints([5])], axis=0)
    yield net.ends(net.op("Reshape", [x, shape]), shape=["unk__9", 5])
    net, x = head("tail_squeeze_batch", "torch-1.9", 13)
    yield net.ends(net.squeeze(net.global_average(x), [0, 2, 3]))
    net, x = head("tail_unsqueeze_squeeze", "torch-1.5", 11)
    x = net.flatten(net.global_average(x))
    x = net.unsqueeze(net.unsqueeze(x, [2]), [3])
    yield net.ends(net.squeeze(net.squeeze(net.conv(x, 5, 4, 1), [3]), [2]))
    net, x = head("tail_unsqueeze_squeeze_inputs", "torch-2.1", 13)
    x = net.unsqueeze(net.flatten(net.global_average(x)), [2, 3])
    yield net.ends(net.squeeze(net.unsqueeze(net.squeeze(net.conv(x, 5, 4, 1), [2, 3]), [-1]), [-1]))


def view(net, x):
    """x.view(x.size(0), -1) as TorchScript exported it."""
    index = net.constant(np.int64(0), "node")
    batch = net.op("Gather", [net.op("Shape", [x]), index], axis=0)
    parts = [net.unsqueeze(part, [0]) for part in (batch, net.constant(np.int64(-1), "node"))]
    return net.op("Reshape", [x, net.op("Concat", parts, axis=0)])


def softmaxes():
    net, x = head("softmax_opset_7_map", "caffe2", 7)
    yield net.ends(net.op("Softmax", [net.global_average(x)]))
    net, x = head("softmax_opset_12_axis_1", "torch-1.9", 12)
    yield net.ends(net.op("Softmax", [net.flatten(net.global_average(x))], axis=1))
    net, x = head("softmax_opset_13_default", "tf2onnx", 13)
    yield net.ends(net.op("Softmax", [net.flatten(net.global_average(x))]))
    net, x = head("softmax_before_flatten", "torch-2.1", 13)
    yield net.ends(net.flatten(net.op("Softmax", [net.global_average(x)], axis=1)))
    net, x = head("softmax_of_a_map", "torch-2.1", 14)
    yield net.ends(net.op("Softmax", [x], axis=1))
    net, x = head("softmax_temperature", "torch-1.9", 11)
    yield net.ends(net.op("Softmax", [net.affine("Div", net.classifier(x, 5), np.float32(0.5))], axis=1))
    # No tail: the output is a map, or what a dense layer and a ReLU give.
    net, x = head("output_is_a_map", "torch-2.1", 17)
    yield net.ends(net.max_pool(x, 2, 2))


def dropouts():
    net, x = head("dropout_mask_opset_7", "caffe2", 7)
    yield net.ends(net.classifier(net.op("Dropout", [x], outputs=2, ratio=0.5)[0], 5))
    net, x = head("dropout_mask_opset_10", "mxnet", 10)
    yield net.ends(net.classifier(net.op("Dropout", [x], outputs=2, ratio=0.25)[0], 5))
    net, x = head("dropout_ratio_input_opset_12", "torch-1.9", 12)
    yield net.ends(net.classifier(net.op("Dropout", [x, net.floats(np.float32(0.5))], outputs=2)[0], 5))
    net, x = head("dropout_training_false_opset_13", "torch-2.1", 13)
    inputs = [x, net.floats(np.float32(0.5)), net.constant(np.bool_(False), "node")]
    yield net.ends(net.classifier(net.op("Dropout", inputs), 5))
    net, x = head("dropout_no_ratio_training_false", "dynamo", 18)
    x = net.op("Dropout", [x, "", net.constant(np.bool_(False), "init", "training")], seed=7)
    yield net.ends(net.classifier(x, 5))


def variants():
    yield from averages()
    yield from reshapes()
    yield from softmaxes()
    yield from dropouts()
