"""How inputs, weights and types are stored."""

import numpy as np
from onnx import TensorProto, helper

from net import Net

HALF = np.float16


def small(net):
    """Conv, ReLU, global average, dense layer: whatever the variant is about goes around it."""
    x = net.relu(net.conv(net.input, 3, 4, 2, pads=1, hint="features.0"), hint="features.1")
    return net.ends(net.classifier(x, 4))


def batches():
    yield small(Net("batch_symbolic", "torch-1.9", 11, ("batch_size", 3, 7, 5)))
    yield small(Net("batch_unnamed", "torch-1.5", 9, (None, 3, 7, 5)))
    yield small(Net("batch_minus_one", "paddle2onnx", 11, (-1, 3, 7, 5)))
    # The view of an open batch is computed from the shape.
    net = Net("batch_symbolic_view", "torch-1.9", 13, ("batch", 3, 4, 3))
    x = net.conv(net.input, 3, 4, 2)
    batch = net.op("Gather", [net.op("Shape", [x]), net.constant(np.int64(0), "node")], axis=0)
    batch = net.op("Unsqueeze", [batch, net.ints([0])])
    x = net.op("Reshape", [x, net.op("Concat", [batch, net.ints([-1])], axis=0)])
    yield net.ends(net.gemm(x, 24, 5))


def initialisers():
    yield small(Net("initialisers_as_inputs_torch", "torch-1.0", 9, ir=3))
    yield small(Net("initialisers_as_inputs_caffe2", "caffe2", 7))
    # Weights come before the picture in the list of inputs.
    net = small(Net("initialisers_as_inputs_first", "caffe2", 8))

    def last(model):
        picture = model.graph.input.pop(0)
        model.graph.input.append(picture)

    net.change = last
    yield net
    yield small(Net("weights_in_constants_paddle", "paddle2onnx", 11))
    # Two layers that share their weights, as PyTorch 1.10 and later write it.
    net = Net("weights_through_identity", "torch-2.1", 13)
    x = net.relu(net.conv(net.input, 3, 3, 3, pads=1, hint="a"))
    again = [net.op("Identity", [name]) for name in ("a.weight", "a.bias")]
    x = net.op("Conv", [x, *again], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    yield net.ends(net.classifier(x, 3))
    # A tensor that nothing reads, a second output behind the first, and a domain that nothing uses.
    net = Net("unused_parts", "keras2onnx", 11, ("N", 3, 7, 5))
    net.constant(np.zeros([3], np.float32), "init", "left_over", "x")
    net.imports.append(("ai.onnx.ml", 2))
    x = net.conv(net.input, 3, 4, 2)
    scores = net.classifier(net.relu(x), 4)
    net.op("Sigmoid", [x])
    yield net.ends(scores, x)


def halves():
    yield small(Net("half_weights_cast", "onnxsim", 12, weights="cast"))
    for name, style, opset in [
        ("half_keep_io_opset7", "caffe2", 7), ("half_keep_io_opset12", "torch-1.9", 12),
    ]:  # fmt: skip
        net = Net(name, style, opset, dtype=HALF)
        net.inputs[0].type.tensor_type.elem_type = TensorProto.FLOAT
        net.input = net.op("Cast", [net.input], hint="graph_input_cast_0", to=TensorProto.FLOAT16)
        x = net.max_pool(net.relu(net.conv(net.input, 3, 4, 2, pads=1)), 3, 2)
        x = net.op("Cast", [net.classifier(x, 4)], hint="graph_output_cast_0", to=TensorProto.FLOAT)
        yield net.ends(x)
    yield small(Net("half_io_opset7", "mxnet", 7, dtype=HALF))
    yield small(Net("half_io_opset13", "torch-2.1", 13, dtype=HALF, seed=1))
    # float16 in int32_data, as onnxconverter-common writes what it converts.
    net = small(Net("half_in_int32_data", "keras2onnx", 11, dtype=HALF))

    def typed(model):
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT16:
                bits = np.frombuffer(tensor.raw_data, np.uint16)
                tensor.ClearField("raw_data")
                tensor.int32_data.extend(bits.tolist())

    net.change = typed
    yield net
    net = Net("half_many_operators", "torch-1.9", 12, ("N", 3, 7, 5), dtype=HALF)
    x = net.batch_norm(net.conv(net.input, 3, 4, 2, pads=1, bias=False), 4)
    x = net.clip(x, 0, 6)
    x = net.op("Add", [x, net.relu(net.conv(x, 4, 4, 1))])
    x = net.pad(net.op("Concat", [x, net.avg_pool(x, 3, 1, pads=1)], axis=1), [0, 0, 1, 1, 0, 0, 1, 1])
    x = net.mean(net.conv(x, 8, 4, 3, stride=2), [2, 3], 0)
    x = net.affine("Mul", x, [0.5, 2.0, -1.0, 1.5])
    yield net.ends(net.op("Softmax", [net.matmul_add(x, 4, 5)], axis=1))
    # In constant nodes, with the bounds of a clip, and normalised in the graph.
    net = Net("half_constants_and_door", "paddle2onnx", 13, ("N", 3, 7, 5), dtype=HALF)
    x = net.affine("Div", net.affine("Sub", net.input, [[[0.48]], [[0.45]], [[0.4]]]), [[[0.2]], [[0.22]], [[0.3]]])
    x = net.clip(net.conv(x, 3, 4, 2), 0, 6)
    yield net.ends(net.matmul_add(net.flatten(net.max_pool(x, 2, 2)), 24, 5))
    net = Net("half_nhwc_keep_io", "tf2onnx", 13, ("unk__4", 7, 5, 3), dtype=HALF)
    net.inputs[0].type.tensor_type.elem_type = TensorProto.FLOAT
    x = net.op("Cast", [net.input], hint="cast", to=TensorProto.FLOAT16)
    x = net.op("Transpose", [x], hint="conv2d/Conv2D__6", perm=[0, 3, 1, 2])
    x = net.relu(net.conv(x, 3, 4, 2))
    x = net.reshape(net.op("Transpose", [x], perm=[0, 2, 3, 1]), [-1, 96])
    yield net.ends(net.op("Cast", [net.matmul_add(x, 96, 5)], to=TensorProto.FLOAT))


def casts_and_identities():
    net = Net("cast_float_to_float", "tf2onnx", 11)
    cast = lambda x, to=TensorProto.FLOAT: net.op("Cast", [x], to=to)
    x = cast(net.relu(cast(net.conv(cast(net.input), 3, 4, 3))))
    yield net.ends(cast(net.classifier(x, 4)))
    # A net of float32 with one layer's activations in float16, as autocast gives.
    net = Net("cast_to_half_and_back", "torch-2.1", 14)
    cast = lambda x, to=TensorProto.FLOAT: net.op("Cast", [x], hint="cast", to=to)
    x = net.relu(net.conv(net.input, 3, 4, 2))
    x = cast(net.max_pool(cast(x, TensorProto.FLOAT16), 2, 2))
    yield net.ends(net.classifier(x, 4))
    # And in float64, which changes nothing at all.
    net = Net("cast_to_double_and_back", "keras2onnx", 11)
    cast = lambda x, to=TensorProto.FLOAT: net.op("Cast", [x], to=to)
    x = net.relu(net.conv(cast(cast(net.input, TensorProto.DOUBLE)), 3, 4, 3))
    yield net.ends(net.classifier(x, 4))
    net = Net("weights_double_cast", "keras2onnx", 10)
    double = net.constant(net.uniform([4, 3, 3, 3]).astype(np.float64), "init", "conv", "kernel")
    weight = net.op("Cast", [double], hint="kernel_cast", to=TensorProto.FLOAT)
    yield net.ends(net.classifier(net.op("Conv", [net.input, weight], pads=[1, 1, 1, 1]), 4))
    net = Net("identity_everywhere", "tf2onnx", 13)
    same = lambda x: net.op("Identity", [x])
    x = same(same(net.conv(same(net.input), 3, 4, 3)))
    x = same(net.flatten(same(net.global_average(same(net.relu(x))))))
    yield net.ends(same(same(net.gemm(x, 4, 5))))
    # The shape and the bounds of Constant nodes as plain numbers (opset 12).
    net = Net("constant_plain_values", "torch-1.9", 12)
    low = net.op("Constant", [], value_float=-0.25)
    high = net.op("Constant", [], value_float=0.75)
    shape = net.op("Constant", [], value_ints=[1, -1])
    x = net.op("Clip", [net.conv(net.input, 3, 4, 2, stride=2), low, high])
    x = net.op("Reshape", [x, shape])
    scale = net.op("Constant", [], value_floats=[0.5] * 5)
    yield net.ends(net.op("Mul", [net.gemm(x, 24, 5), scale]))
    # Every node says where in the program it comes from, and no name is anything but a number.
    net = Net("doc_strings", "torch-1.0", 8, ir=4, listed=False)
    x = net.relu(net.conv(net.input, 3, 4, 2))
    net.ends(net.classifier(x, 4))

    def explain(model):
        for node in model.graph.node:
            node.doc_string = 'File "net.py", line 12, in forward'

    net.change = explain
    yield net
    # Shapes that the file claims are of a batch of 8 that it was traced with.
    net = Net("shape_claims_of_another_batch", "torch-1.2", 9)
    small(net)

    def claim(model):
        model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "traced_8"
        conv = model.graph.node[0].output[0]
        info = helper.make_tensor_value_info(conv, TensorProto.FLOAT, ["traced_8", 4, "h", "w"])
        model.graph.value_info.append(info)

    net.change = claim
    yield net


def variants():
    yield from batches()
    yield from initialisers()
    yield from halves()
    yield from casts_and_identities()
