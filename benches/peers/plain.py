"""An ONNX file of the SqueezeNet kind as a list of layers, for peers whose files these scripts write themselves."""

from dataclasses import dataclass, field

import numpy as np

from engines import NotHere


@dataclass
class Layer:
    kind: str  # Conv, MaxPool, Concat, GlobalAveragePool, Softmax
    inputs: list
    output: str
    kernel: int = 0
    stride: int = 1
    pad: int = 0
    relu: bool = False
    weights: np.ndarray = field(default=None, repr=False)  # output, input, height, width
    bias: np.ndarray = field(default=None, repr=False)


def square(node, name, values):
    if len(set(values)) != 1:
        raise NotHere(f"{node.name or node.output[0]}: {name} {values} is not the same on all sides")
    return values[0]


def read(path):
    """Shape of the input (NCHW), and the layers; a Relu becomes part of the convolution before it."""
    import onnx  # not when measuring, where it would fill the memory first

    model = onnx.load(path)
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    layers, alias = [], {}
    makers = {}
    for node in model.graph.node:
        inputs = [alias.get(name, name) for name in node.input if name not in constants]
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type in ("Dropout", "Flatten"):
            alias[node.output[0]] = inputs[0]
            continue
        if node.op_type == "Relu" and inputs[0] in makers and makers[inputs[0]].kind == "Conv":
            makers[inputs[0]].relu = True
            alias[node.output[0]] = inputs[0]
            continue
        if node.op_type not in ("Conv", "MaxPool", "Concat", "GlobalAveragePool", "Softmax"):
            raise NotHere(f"{node.op_type} is not written by plain.py, which is for SqueezeNet")
        if attributes.get("group", 1) != 1 or attributes.get("ceil_mode", 0) or attributes.get("axis", 1) != 1:
            raise NotHere(f"{node.op_type} {node.output[0]} has attributes that plain.py does not know")
        layer = Layer(node.op_type, inputs, node.output[0])
        if node.op_type in ("Conv", "MaxPool"):
            layer.kernel = square(node, "kernel_shape", attributes["kernel_shape"])
            layer.stride = square(node, "strides", attributes.get("strides", [1]))
            layer.pad = square(node, "pads", attributes.get("pads", [0]))
        if node.op_type == "Conv":
            if len(node.input) != 3:
                raise NotHere(f"{node.output[0]} has no bias; plain.py is for SqueezeNet")
            layer.weights, layer.bias = (constants[name] for name in node.input[1:])
        makers[layer.output] = layer
        layers.append(layer)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    return [dim.dim_value for dim in dims], layers


def users(layers, name):
    return [layer for layer in layers if name in layer.inputs]
