"""Nets as ONNX Runtime's own quantiser wrote them: small float nets, seeded, through quantize_static."""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

import expect
from net import Net
from quantised import oracle

SHAPE = (1, 3, 8, 6)
U8, I8 = QuantType.QUInt8, QuantType.QInt8


def begin(name, opset=13):
    return Net(name, "brief", opset, SHAPE)


def fire(net, x, inner, squeeze, expand):
    x = net.relu(net.conv(x, inner, squeeze, 1))
    parts = [net.relu(net.conv(x, squeeze, expand, 1)), net.relu(net.conv(x, squeeze, expand, 3, pads=1))]
    return net.op("Concat", parts, axis=1)


def fire_module(net):
    x = net.relu(net.conv(net.input, 3, 4, 3, stride=2))
    return net.conv(fire(net, x, 4, 3, 3), 6, 4, 1)


def squeezenet(net):
    x = net.max_pool(net.relu(net.conv(net.input, 3, 4, 3)), 2, 2)
    x = net.relu(net.conv(net.op("Dropout", [fire(net, x, 4, 3, 3)]), 6, 5, 1, gain=2))
    return net.op("Softmax", [net.flatten(net.global_average(x))], axis=1)


def residual(net):
    x = net.relu(net.conv(net.input, 3, 3, 3))
    y = net.conv(net.relu(net.conv(x, 3, 4, 3, pads=1, stride=2)), 4, 5, 1)
    x = net.relu(net.op("Add", [y, net.conv(x, 3, 5, 1, stride=2)]))
    return net.classifier(x, 5, 4)


def dense_block(net):
    x = net.conv(net.input, 3, 3, 3, stride=2)
    y = net.relu(net.batch_norm(net.conv(x, 3, 2, 1, bias=False), 2))
    x = net.op("Concat", [x, net.conv(y, 2, 2, 3, pads=1)], axis=1)
    x = net.avg_pool(net.relu(net.batch_norm(net.conv(x, 5, 4, 1, bias=False), 4)), 2, 1)
    return net.matmul_add(net.flatten(x), 8, 5)


def mobilenet(net):
    x = net.clip(net.conv(net.input, 3, 4, 3, stride=2, pads=1, gain=3), 0, 6)
    x = net.clip(net.conv(x, 4, 4, 3, pads=1, group=4, gain=2), 0, 6)
    y = net.conv(x, 4, 4, 1)
    return net.classifier(net.op("Add", [x, y]), 4, 4)


def averaged(net):
    x = net.max_pool(net.relu(net.conv(net.input, 3, 4, 3, pads=1)), 2, 2)
    return net.mean(net.conv(x, 4, 5, 1), [2, 3], 0)


def normalised(net):
    x = net.relu(net.batch_norm(net.conv(net.input, 3, 4, 3, bias=False), 4))
    return net.conv(x, 4, 3, 1)


def dense_add(net):
    x = net.relu(net.conv(net.input, 3, 3, 4, stride=2))
    return net.matmul_add(net.reshape(x, [1, -1]), 18, 5)


CASES = [
    # Name, net, format, and what quantize_static is told. Its defaults are i8 for all, one scale a tensor.
    ("fire_qop_i8", fire_module, "QOperator", dict(options=dict(ActivationSymmetric=True))),
    ("squeezenet_qdq", squeezenet, "QDQ", dict(prepared=True)),
    ("squeezenet_qop", squeezenet, "QOperator", dict(activation_type=U8, per_channel=True, reduce_range=True)),
    ("residual_qdq_symmetric", residual, "QDQ", dict(options=dict(ActivationSymmetric=True))),
    ("residual_qop", residual, "QOperator", dict(activation_type=U8, per_channel=True)),
    ("dense_block_qdq", dense_block, "QDQ", dict(activation_type=U8, reduce_range=True, prepared=True)),
    ("dense_block_qop", dense_block, "QOperator", dict(
        activation_type=U8, weight_type=U8, reduce_range=True, prepared=True)),
    ("mobilenet_qdq", mobilenet, "QDQ", dict(
        activation_type=U8, per_channel=True, options=dict(QDQKeepRemovableActivations=True))),
    ("mobilenet_qop", mobilenet, "QOperator", dict(activation_type=U8, per_channel=True)),
    ("averaged_qdq_microsoft", averaged, "QDQ", dict(activation_type=U8, options=dict(UseQDQContribOps=True))),
    # Without the preparation that folds it, normalisation stays in floats.
    ("normalised_qdq", normalised, "QDQ", dict(activation_type=U8, per_channel=True)),
    ("normalised_qop", normalised, "QOperator", dict(activation_type=U8)),
    # And the bias of a dense layer is a sum of its own, with a constant of integers.
    ("dense_add_qdq", dense_add, "QDQ", dict(activation_type=U8)),
    ("dense_add_qop", dense_add, "QOperator", dict(activation_type=U8)),
]  # fmt: skip


def ranges(model):
    """Of every float tensor over a few inputs, rounded outwards: so they do not depend on the machine."""
    seen = {}
    ramp = expect.ramp(SHAPE)
    for source in (ramp, np.flip(ramp), ramp * np.float32(0.5)):
        for name, values in oracle.values(model, source).items():
            if values.dtype.kind == "f":
                seen.setdefault(name, []).append(values)
    low = lambda tensors: np.floor(min(values.min() for values in tensors) * 64) / 64
    high = lambda tensors: np.ceil(max(values.max() for values in tensors) * 64) / 64
    return {name: (np.float32(low(tensors)), np.float32(high(tensors))) for name, tensors in seen.items()}


def quantised(model, form, *, prepared=False, options=None, **more):
    with tempfile.TemporaryDirectory() as folder:
        if prepared:
            path = Path(folder) / "prepared.onnx"
            quantization.shape_inference.quant_pre_process(model, path, skip_symbolic_shape=True)
            model = onnx.load(path)
        cache, path = Path(folder) / "ranges.json", Path(folder) / "quantised.onnx"
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, ranges(model)), cache)
        quantize_static(
            model, path, quant_format=QuantFormat[form], calibration_cache_path=cache, extra_options=options, **more
        )
        return onnx.load(path)


class Written:
    """What `expect` needs to know of a file."""

    def __init__(self, name, model):
        self.name, self.found, self.shape = name, model, SHAPE
        self.least, self.apart = 4, 1
        scales = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        makers = {name: node for node in model.graph.node for name in node.output}
        last = makers[model.graph.output[0].name]
        # The quantiser leaves some operators in floats.
        while last.op_type != "DequantizeLinear":
            last = makers[last.input[0]]
        self.step = float(scales[last.input[1]])

    def model(self):
        return self.found


def variants():
    logging.disable(logging.WARNING)
    for name, make, form, more in CASES:
        net = begin(f"written_{name}")
        yield Written(net.name, quantised(net.ends(make(net)).model(), form, **more))
    logging.disable(logging.NOTSET)
