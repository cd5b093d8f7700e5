"""One convolution, or two behind each other."""

import numpy as np

from quantised.net import Fit, Grid, QNet

U8, I8 = np.uint8, np.int8
BOTH = ("qdq", "qop")

# Grid of the input, that of the output, and how the convolution is.
CASES = {
    "plain": (Grid(0.00787), Fit(), dict(outputs=4, kernel=3)),
    "per_channel": (Grid(0.00787), Fit(), dict(outputs=5, kernel=3, per_channel=True)),
    "odd_zero_point": (Grid(0.0091, 37), Fit(201), dict(outputs=5, kernel=3, pads=1, per_channel=True)),
    # What is negative is cut off at the door.
    "zero_point_0": (Grid(0.004, 0), Fit(), dict(outputs=4, kernel=3, pads=1)),
    "output_zero_point_0": (Grid(0.00787), Fit(0), dict(outputs=6, kernel=3, per_channel=True)),
    "output_zero_point_255": (Grid(0.00787), Fit(255), dict(outputs=6, kernel=3, per_channel=True, bias=False)),
    "output_cut_off": (Grid(0.00787), Fit(None, U8, 0.6), dict(outputs=6, kernel=3, per_channel=True)),
    "i8_symmetric": (Grid(0.00787, 0, I8), Fit(0, I8), dict(outputs=4, kernel=3, pads=1)),
    "i8_zero_point": (Grid(0.00787, -5, I8), Fit(11, I8), dict(outputs=5, kernel=3, pads=1, per_channel=True)),
    "i8_at_both_ends": (Grid(0.004, -128, I8), Fit(-128, I8), dict(outputs=4, kernel=3, pads=1)),
    "no_bias": (Grid(0.00787, 120), Fit(), dict(outputs=5, kernel=3, pads=1, bias=False, per_channel=True)),
    "i8_no_bias": (Grid(0.00787, -5, I8), Fit(None, I8), dict(outputs=4, kernel=3, pads=1, bias=False)),
    "grouped": (Grid(0.00787, 120), Fit(), dict(outputs=6, kernel=3, pads=1, group=2, inputs=4, per_channel=True)),
    "grouped_more_outputs": (Grid(0.00787, 120), Fit(), dict(outputs=10, kernel=(3, 1), group=2, inputs=6)),
    "depthwise": (Grid(0.00787, 115), Fit(), dict(outputs=3, kernel=3, pads=1, group=3, per_channel=True)),
    "depthwise_i8": (Grid(0.00787, -9, I8), Fit(None, I8), dict(outputs=3, kernel=3, pads=1, group=3)),
    "depthwise_stride": (Grid(0.00787, 115), Fit(), dict(outputs=3, kernel=3, pads=1, stride=2, group=3)),
    "depthwise_twice": (Grid(0.00787, 115), Fit(), dict(outputs=6, kernel=3, pads=1, group=3, per_channel=True)),
    "stride": (Grid(0.00787, 140), Fit(), dict(outputs=5, kernel=3, stride=2, per_channel=True)),
    "stride_wider_than_kernel": (Grid(0.00787, 140), Fit(), dict(outputs=7, kernel=1, stride=2, per_channel=True)),
    "pads_uneven": (Grid(0.00787, 37), Fit(), dict(outputs=4, kernel=3, pads=[2, 0, 1, 2], per_channel=True)),
    "pads_uneven_stride": (Grid(0.00787, 210), Fit(), dict(outputs=4, kernel=3, pads=[0, 1, 1, 0], stride=2)),
    "pads_1x1": (Grid(0.00787, 60), Fit(), dict(outputs=4, kernel=1, pads=1, per_channel=True)),
    "same_upper": (Grid(0.00787, 60), Fit(), dict(outputs=4, kernel=(3, 2), stride=2, auto="SAME_UPPER")),
    "same_lower": (Grid(0.00787, 60), Fit(), dict(outputs=4, kernel=(3, 2), stride=2, auto="SAME_LOWER")),
    "valid": (Grid(0.00787, 60), Fit(), dict(outputs=4, kernel=2, auto="VALID")),
    # Odd sums, none a multiple of what instructions take at once, and odd numbers of outputs.
    "1x1": (Grid(0.00787, 128), Fit(), dict(outputs=17, kernel=1, per_channel=True)),
    "1x3": (Grid(0.00787, 128), Fit(), dict(outputs=5, kernel=(1, 3), pads=(0, 1), per_channel=True)),
    "3x1": (Grid(0.00787, 128), Fit(), dict(outputs=5, kernel=(3, 1), pads=(1, 0))),
    "5x2": (Grid(0.00787, 99), Fit(), dict(outputs=3, kernel=(5, 2), pads=[2, 1, 2, 0], per_channel=True)),
    "whole_map": (Grid(0.00787, 99), Fit(), dict(outputs=9, kernel=(5, 4), per_channel=True)),
    "33_outputs": (Grid(0.00787, 128), Fit(), dict(outputs=33, kernel=(2, 1), per_channel=True)),
    "one_output": (Grid(0.00787, 128), Fit(), dict(outputs=1, kernel=3, pads=1)),
    "large_bias": (Grid(0.00787), Fit(None, U8, 0.9), dict(outputs=6, kernel=3, per_channel=True, bias_size=8)),
}  # fmt: skip


# A window is read in the same way in both spellings: one of them each.
ONCE = {
    "qdq": "grouped_more_outputs, depthwise_i8, pads_uneven_stride, same_lower, 1x3, whole_map, one_output, "
           "i8_at_both_ends, large_bias, zero_point_0, no_bias",
    "qop": "depthwise_twice, stride_wider_than_kernel, same_upper, valid, pads_1x1, 3x1, 5x2, 33_outputs, stride, "
           "output_zero_point_255, i8_no_bias, output_cut_off, depthwise_stride, i8_symmetric, grouped",
}  # fmt: skip


def cases():
    for name, (grid, to, more) in CASES.items():
        once = [spelling for spelling in BOTH if name in ONCE[spelling].split(", ")]
        for spelling in once or BOTH:
            attributes = dict(more)
            net = QNet(f"conv_{name}", spelling, shape=(1, attributes.pop("inputs", 3), 5, 4))
            yield net.end(net.conv(net.start(grid), to=to, **attributes))


def weights():
    """What is special are the integers of the weights."""

    def full(net, shape, ends):
        return net.random.choice(ends, shape).astype(I8)

    for spelling in BOTH:
        for name, ends, grid in [
            ("127", [-127, 127], Grid(0.0041, 3)),
            ("minus_128", [-128, 127], Grid(0.00787, 128)),
            ("minus_128_i8", [-128, -128, 127], Grid(0.0041, 120, I8)),
        ]:
            net = QNet(f"conv_weights_{name}", spelling)
            to = Fit(None, grid.kind)
            yield net.end(net.conv(net.start(grid), 4, 3, to, weight=full(net, [4, 3, 3, 3], ends), pads=1))
        # One channel is zero and has the smallest scale that quantisers give; scales differ by a million.
        net = QNet("conv_weights_uneven_scales", spelling)
        weight = net.integers([6, 3, 3, 3])
        weight[2] = 0
        scale = np.float32([4e-3, 3e-9, 1.2e-7, 8e-3, 5e-3, 1e-5])
        yield net.end(net.conv(net.start(), 6, 3, weight=weight, scale=scale, pads=1, bias=False))
        if spelling == "qdq":
            net = QNet("conv_weights_one_channel_scale")
            yield net.end(net.conv(net.start(), 1, 3, scale=np.float32([6e-3])))
        # As they are without their zero point they fit into i8.
        for zero in (128, 121):
            net = QNet(f"conv_weights_u8_zero_point_{zero}", spelling)
            weight = np.clip(net.integers([4, 3, 3, 3]).astype(int) + zero, 0, 255).astype(U8)
            yield net.end(net.conv(net.start(Grid(0.00787, 120)), 4, 3, weight=weight, weight_zero=zero, pads=1))


def chains():
    """The second convolution's padding reads the zero point that the first one's output has."""
    for spelling in BOTH:
        for name, middle, more in [
            ("conv_conv", Fit(0), {}),
            ("conv_conv_i8", Fit(None, I8), dict(kind=I8)),
            ("conv_conv_asymmetric_cut", Fit(61, U8, 0.7), {}),
        ][: 3 if spelling == "qop" else 2]:
            net = QNet(name, spelling)
            kind = more.get("kind", U8)
            x = net.conv(net.start(Grid(0.00787, int(kind == U8) * 128, kind)), 7, 3, middle, per_channel=True)
            yield net.end(net.conv(x, 4, 3, Fit(None, kind), pads=1, per_channel=True))
    net = QNet("conv_separable", "qop")
    x = net.conv(net.start(), 5, 1, Fit(0), per_channel=True)
    x = net.conv(x, 5, 3, Fit(0), pads=1, stride=2, group=5, per_channel=True)
    yield net.end(net.conv(x, 6, 1, Fit(), per_channel=True))


def mixed_types():
    """i8 in and u8 out and the other way, which only the QDQ spelling can say."""
    net = QNet("conv_i8_to_u8", "qdq")
    yield net.end(net.conv(net.start(Grid(0.00787, -3, I8)), 4, 3, Fit(), pads=1))
    net = QNet("conv_u8_to_i8", "qdq")
    yield net.end(net.conv(net.start(Grid(0.00787, 117)), 4, 3, Fit(None, I8), pads=1, per_channel=True))


def activations():
    """ReLU and Clip between the convolution and its QuantizeLinear, and on integers."""
    relu = lambda net: lambda y: net.op("Relu", [y])
    six = lambda net: lambda y: net.clip(y, 0, 6)
    narrow = lambda net: lambda y: net.clip(y, -0.21, 0.83)
    for name, between, to, more in [
        ("relu", relu, Fit(0), {}),
        # Values below the zero point could be stored, but none is there.
        ("relu_zero_point_kept", relu, Grid(0.0231, 77), {}),
        ("relu_i8", relu, Fit(-128, I8), {}),
        ("relu_i8_symmetric", relu, Fit(0, I8), {}),
        ("relu6", six, Fit(0), dict(loud=5.0)),
        ("relu6_grid_ends_below", six, Grid(0.0171, 0), dict(loud=5.0)),
        ("relu6_grid_ends_above", six, Grid(0.0371, 11), dict(loud=5.0)),
        ("clip_between_levels", narrow, Grid(0.0171, 50), {}),
    ]:
        net = QNet(f"conv_{name}", "qdq")
        x = net.conv(net.start(), 6, 3, to, per_channel=True, between=between(net), **more)
        yield net.end(x)
    net = QNet("conv_relu_relu", "qdq")
    again = lambda y: net.op("Relu", [net.op("Relu", [y])])
    yield net.end(net.conv(net.start(), 6, 3, Fit(0), between=again))
    # A pair between the convolution and its ReLU: the first grid rounds before the ReLU does.
    for name, first, second in [
        ("relu_behind_grid", Grid(0.021, 97), Fit(0)),
        ("relu_i8_behind_grid", Fit(None, I8), Fit(-128, I8)),
    ]:
        net = QNet(f"conv_{name}", "qdq")
        x = net.conv(net.start(), 6, 3, first, per_channel=True)
        yield net.end(net.quantise(net.op("Relu", [net.floats_of(x)]), second))
    for name, opset, grid, apply in [
        ("relu_on_i8", 14, Fit(0, I8), lambda net, x: net.op("Relu", [x])),
        # The integers below 0, which are not those below the zero point.
        ("relu_on_i8_zero_point", 14, Fit(-40, I8), lambda net, x: net.op("Relu", [x])),
        ("clip_on_u8", 13, Fit(), lambda net, x: net.op("Clip", [x, *bounds(net, U8, 100, 190)])),
        ("clip_on_i8", 12, Fit(None, I8), lambda net, x: net.op("Clip", [x, *bounds(net, I8, -30, 60)])),
        ("clip_on_u8_high_only", 13, Fit(), lambda net, x: net.op("Clip", [x, "", bounds(net, U8, 0, 180)[1]])),
    ]:
        net = QNet(f"conv_{name}", "qop_only", opset)
        net.qdq = False
        x = net.conv(net.start(Grid(0.00787, 0 if grid.kind == I8 else 128, grid.kind)), 6, 3, grid, per_channel=True)
        yield net.end(x._replace(name=apply(net, x.name)))


def bounds(net, kind, low, high):
    return [net.constant(kind(value), "init", "clip", part) for part, value in [("min", low), ("max", high)]]


def variants():
    yield from cases()
    yield from weights()
    yield from chains()
    yield from mixed_types()
    yield from activations()
