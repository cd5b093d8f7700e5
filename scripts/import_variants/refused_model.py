"""What is refused for the model as a whole: inputs, outputs, versions, where data are."""

import numpy as np
from onnx import TensorProto, helper

from net import Net

SHAPE = (1, 3, 5, 4)
FLOAT = TensorProto.FLOAT


def relu(name, style="torch-1.9", opset=13, shape=SHAPE, **more):
    net = Net(name, style, opset, shape, **more)
    return net.ends(net.relu(net.input))


def inputs():
    yield relu("batch_of_two", shape=(2, 3, 5, 4))
    yield relu("open_channels", shape=(1, "C", 5, 4))
    yield relu("open_sides", shape=("N", 3, "height", "width"))
    net = Net("two_inputs", "torch-1.9", 13, SHAPE)
    net.inputs.append(helper.make_tensor_value_info("second", FLOAT, SHAPE))
    yield net.ends(net.op("Add", [net.input, "second"]))
    # Pixels as bytes, cast in the graph, as TensorFlow's detectors have them.
    net = Net("integer_input", "tf2onnx", 13, (1, 5, 4, 3), dtype=np.uint8)
    x = net.op("Cast", [net.input], to=FLOAT)
    yield net.ends(net.relu(net.op("Transpose", [x], perm=[0, 3, 1, 2])))
    net = Net("double_input", "torch-1.9", 13, SHAPE, dtype=np.float64)
    yield net.ends(net.relu(net.input))
    net = Net("sequence_input", "torch-1.9", 13, SHAPE)
    net.inputs = [helper.make_tensor_sequence_value_info(net.input, FLOAT, SHAPE)]
    yield net.ends(net.relu(net.op("SequenceAt", [net.input, net.ints(0)])))
    net = Net("optional_input", "torch-2.1", 18, SHAPE)
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, SHAPE))
    net.inputs = [helper.make_value_info(net.input, kind)]
    yield net.ends(net.relu(net.op("OptionalGetElement", [net.input])))
    net = Net("conv_1d", "torch-1.9", 11, (1, 3, 8))
    weight = net.weight("conv", "weight", net.uniform([2, 3, 3]))
    yield net.ends(net.op("Conv", [net.input, weight], kernel_shape=[3], strides=[1]))
    net = Net("conv_3d", "torch-1.9", 11, (1, 3, 4, 4, 4))
    weight = net.weight("conv", "weight", net.uniform([2, 3, 1, 2, 2]))
    yield net.ends(net.op("Conv", [net.input, weight], kernel_shape=[1, 2, 2]))


def outputs():
    net = Net("output_is_a_constant", "torch-1.9", 13, SHAPE)
    net.relu(net.input)
    yield net.ends(net.op("Add", [net.floats([1.0]), net.floats([2.0])]))
    # It is computed from the input's shape, so it does not depend on any pixel.
    net = Net("output_is_a_shape", "torch-1.9", 13, SHAPE)
    yield net.ends(net.op("Shape", [net.relu(net.input)]))
    net = Net("output_is_the_input", "torch-1.9", 13, SHAPE)
    net.relu(net.input)
    yield net.ends(net.input, shape=SHAPE)
    net = Net("output_is_an_index", "tf2onnx", 13, SHAPE)
    yield net.ends(net.op("ArgMax", [net.flatten(net.global_average(net.input))], axis=1, keepdims=0))
    net = Net("output_is_a_flat_map", "torch-1.9", 13, SHAPE)
    yield net.ends(net.flatten(net.relu(net.input)))
    net = Net("output_is_a_row_of_pixels", "torch-2.1", 13, SHAPE)
    yield net.ends(net.reshape(net.relu(net.input), [0, 3, -1]))


def versions():
    yield relu("opset_6", "caffe2", 6, ir=3)
    yield relu("opset_26", "dynamo", 26, ir=10)
    # A file that ONNX Runtime has optimised and saved holds its own operators.
    net = Net("operators_of_onnxruntime", "onnxsim", 13, SHAPE)
    net.imports.append(("com.microsoft", 1))
    weight = net.weight("conv", "weight", net.uniform([2, 3, 1, 1]))
    x = net.op("FusedConv", [net.input, weight], domain="com.microsoft", activation="Relu", kernel_shape=[1, 1])
    yield net.ends(x, shape=[1, 2, 5, 4])
    # dynamo keeps what it has no operator for as a function of the model.
    net = Net("function_of_the_model", "dynamo", 18, SHAPE)
    net.imports.append(("pkg.onnxscript.torch_lib", 1))
    x = net.op("aten_relu6", [net.input], domain="pkg.onnxscript.torch_lib")
    net.ends(x, shape=list(SHAPE))

    def define(model):
        body = [helper.make_node("Relu", ["self"], ["result"])]
        imports = [helper.make_opsetid("", 18)]
        function = helper.make_function("pkg.onnxscript.torch_lib", "aten_relu6", ["self"], ["result"], body, imports)
        model.functions.append(function)

    net.change = define
    yield net
    net = Net("external_data", "torch-2.1", 13, SHAPE)
    net.ends(net.conv(net.input, 3, 2, 1, bias=False, hint="conv"))

    def move(model):
        tensor = model.graph.initializer[0]
        size = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in [("location", "model.onnx.data"), ("offset", "0"), ("length", str(size))]:
            tensor.external_data.add(key=key, value=value)

    net.change = move
    yield net


def control_flow():
    net = Net("if", "torch-1.9", 13, SHAPE)
    info = helper.make_tensor_value_info

    def branch(op):
        node = helper.make_node(op, [net.input], [f"{op}_out"])
        return helper.make_graph([node], op, [], [info(f"{op}_out", FLOAT, SHAPE)])

    flag = net.constant(np.bool_(True), "node")
    yield net.ends(net.op("If", [flag], then_branch=branch("Relu"), else_branch=branch("Identity")))
    net = Net("loop", "torch-1.9", 13, SHAPE)
    body = helper.make_graph(
        [helper.make_node("Relu", ["carried"], ["next"]), helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("carried", FLOAT, SHAPE)],
        [info("on", TensorProto.BOOL, []), info("next", FLOAT, SHAPE)],
    )
    count, flag = net.ints(3), net.constant(np.bool_(True), "node")
    yield net.ends(net.op("Loop", [count, flag, net.input], body=body), shape=SHAPE)


def models():
    for family in (inputs, outputs, versions, control_flow):
        for net in family():
            # The checker wants the other file of `external_data` to be there.
            yield net.name, net.model(check=net.name != "external_data")
