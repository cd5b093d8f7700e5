"""Quantising, dequantising and both behind each other, without any layer; and how that is spelled."""

import numpy as np
from onnx import TensorProto

from quantised.net import MICROSOFT, Fit, Grid, QNet

U8, I8 = np.uint8, np.int8


def alone():
    for name, grid in [
        # The input is a multiple of 0.02: every odd one of 0.04 is a tie, every fifth of 0.2.
        ("ties", Grid(0.04)),
        ("ties_odd_zero_point", Grid(0.04, 37)),
        ("ties_of_tenths", Grid(0.2, 0, I8)),
        ("ties_i8", Grid(0.04, -5, I8)),
        ("u8_zero_point_0", Grid(0.004, 0)),
        ("u8_zero_point_255", Grid(0.004, 255)),
        ("i8_zero_point_127", Grid(0.004, 127, I8)),
        ("beyond_both_ends", Grid(0.005, 90)),
        ("i8_zero_point_0", Grid(0.00787, 0, I8)),
        ("fine_scale", Grid(1.7e-7, 3)),
        ("coarse_scale", Grid(0.61, 250)),
    ]:  # fmt: skip
        net = QNet(f"grid_{name}", None, least=3)
        yield net.end(net.start(grid))


def chains():
    """From one grid to another without anything in between, as the file says: through floats."""
    for name, first, second in [
        ("u8_to_u8", Grid(0.0081, 121), Grid(0.0173, 128)),
        ("u8_to_finer_u8", Grid(0.04, 128), Grid(0.0031, 100)),
        ("u8_to_i8", Grid(0.0081, 121), Grid(0.0093, -5, I8)),
        ("i8_to_u8", Grid(0.0081, -7, I8), Grid(0.0119, 37)),
        ("i8_to_i8", Grid(0.0081, 0, I8), Grid(0.0081, 3, I8)),
        ("ties", Grid(0.01, 128), Grid(0.02, 128)),
        ("ties_odd", Grid(0.01, 128), Grid(0.02, 127)),
    ]:  # fmt: skip
        net = QNet(f"regrid_{name}", None)
        yield net.end(net.quantise(net.floats_of(net.start(first)), second))
    net = QNet("regrid_three_times", None)
    x = net.start(Grid(0.0081, 121))
    for grid in [Grid(0.031, 3, I8), Grid(0.012, 90), Grid(0.019, 128)]:
        x = net.quantise(net.floats_of(x), grid)
    yield net.end(x)
    # The integers are read on another grid than they were written on.
    net = QNet("regrid_by_name_only", None)
    yield net.end(net.start(Grid(0.00787, 128))._replace(grid=Grid(0.0121, 100)))


def spelled():
    """A convolution and a ReLU, so that weights and bias are spelled as well."""
    for name, opset, more in [
        ("opset_10", 10, {}),
        ("opset_19", 19, {}),
        ("opset_21", 21, {}),
        ("opset_23", 23, {}),
        ("microsoft_domain", 15, dict(linear=MICROSOFT)),
        ("constants_in_nodes", 13, dict(weights="node")),
        ("initialisers_are_inputs", 11, dict(listed=True)),
    ]:
        for spelling in ("qdq", "qop") if opset == 10 else ("qdq",):
            net = QNet(f"spelled_{name}", spelling, opset, **more)
            # Before opset 13 a scale is one number.
            per_channel = opset >= 13
            yield net.end(net.conv(net.start(), 5, 3, Fit(0), per_channel=per_channel))
    net = QNet("spelled_batch_symbolic", "qdq", 13, ("N", 3, 7, 5))
    yield net.end(net.conv(net.start(), 5, 3, per_channel=True))
    # Without a zero point it is 0, of type u8 where nothing else says so.
    net = QNet("zero_point_absent", None, 13)
    x = net.start(Grid(0.004, 0), zero=False)
    yield net.end(net.conv(x, 4, 3), zero=True)
    net = QNet("zero_point_absent_everywhere", None, 13)
    x = net.quantise(net.op("Relu", [net.input]), Grid(0.004, 0), zero=False)
    w = net.constant(net.integers([4, 3, 3, 3]), "init", "conv", "weight_quantized")
    w = net.op("DequantizeLinear", [w, net.constant(np.float32(0.005), "init", "weight", "scale")])
    y = net.op("Relu", [net.op("Conv", [net.floats_of(x, zero=False), w])])
    yield net.end(net.quantise(y, Fit(0), zero=False), zero=False)
    net = QNet("zero_point_empty_name", None, 13)
    names = net.pair(Grid(0.004, 0), "input")
    x = net.op("QuantizeLinear", [net.op("Relu", [net.input]), names[0], ""])
    net.step = 0.004
    yield net.ends(net.op("DequantizeLinear", [x, names[0], ""]))
    # Opset 21 lets the type stand in an attribute.
    net = QNet("output_dtype_i8", None, 21)
    names = net.pair(Grid(0.00787, 0, I8), "input")
    x = net.op("QuantizeLinear", [net.input, names[0]], output_dtype=TensorProto.INT8)
    net.step = 0.00787
    yield net.ends(net.op("DequantizeLinear", [x, names[0]]))
    net = QNet("output_dtype_and_zero_point", None, 21)
    yield net.end(net.quantise(net.input, Grid(0.00787, 117), output_dtype=TensorProto.UINT8))
    # One number as a vector of one.
    for name, opset in [("scale_of_one_value", 13), ("scale_of_one_value_opset_21", 21)]:
        net = QNet(name, None, opset)
        yield net.end(net.start(Grid(np.float32([0.0081]), 121)))
    # An axis that says nothing, since there is one scale.
    net = QNet("axis_without_meaning", None, 13)
    yield net.end(net.start(axis=1), axis=3)
    for axis in (0, -4):
        net = QNet(f"axis_of_weights_{'minus_' if axis < 0 else ''}{abs(axis)}", None, 13)
        yield net.end(net.conv(net.start(), 3, 3, per_channel=True, axis=axis))


def variants():
    yield from alone()
    yield from chains()
    yield from spelled()
