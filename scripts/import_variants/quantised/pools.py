"""Pools and softmax."""

import numpy as np

from quantised import oracle
from quantised.dense import average, flat, layer
from quantised.net import Fit, Grid, QNet

U8, I8 = np.uint8, np.int8
BOTH = ("qdq", "qop")


def begin(name, spelling, grid=Grid(0.00787), channels=3, opset=13):
    net = QNet(name, spelling, opset, (1, channels, 5, 4))
    return net, net.start(grid)


def average_pool(net, x, to=None, **attributes):
    """On the grid of `x` if there is no other, as quantisers have it."""
    sums, counts = oracle.averages(net.real(x), attributes)
    to = net.fitted(to or x.grid, sums / counts)
    if net.qdq:
        return net.quantise(net.op("AveragePool", [net.floats_of(x)], **attributes), to)
    return net.over("QLinearAveragePool", x, None, to, **attributes)


def averages():
    window = dict(kernel_shape=[3, 2], strides=[2, 1])
    padded = dict(kernel_shape=[3, 3], pads=[1, 0, 1, 1])
    for spelling in BOTH:
        for name, middle, to, attributes in [
            ("average_pool", Grid(0.00787), Fit(), window),
            ("average_pool_same_grid", Grid(0.00787), None, dict(kernel_shape=[2, 2], strides=[2, 2])),
            ("average_pool_pads", Grid(0.00787, 37), Fit(), padded),
            ("average_pool_pads_excluded", Grid(0.00787, 37), Fit(), padded | dict(count_include_pad=0)),
            # The padding counts as the number 0, whatever the zero point is.
            ("average_pool_pads_included", Grid(0.00787, 37), Fit(), padded | dict(count_include_pad=1)),
            ("average_pool_pads_included_i8", Grid(0.00787, -5, I8), Fit(None, I8), padded | dict(count_include_pad=1)),
            ("average_pool_i8", Grid(0.00787, 2, I8), None, window),
            ("average_pool_ties", Grid(0.02, 128), None, dict(kernel_shape=[1, 2])),
        ]:
            net, x = begin(name, spelling, middle)
            yield net.end(average_pool(net, x, to, **attributes))
        for name, middle, to in [
            ("global_average", Grid(0.00787), None),
            ("global_average_zero_point_0", Grid(0.004, 0), None),
            ("global_average_i8", Grid(0.00787, -5, I8), None),
            ("global_average_coarser", Grid(0.00787), Grid(0.011, 128)),
            ("global_average_same_grid", Grid(0.00787, 37), "same"),
        ]:
            net, x = begin(name, spelling, middle, 7)
            yield net.end(average(net, x, x.grid if to == "same" else to))
    for name, opset, axes, keepdims in [
        ("reduce_mean_keep", 13, [2, 3], 1),
        ("reduce_mean_drop", 13, [-1, -2], 0),
        ("reduce_mean_drop_opset_18", 18, [2, 3], 0),
    ]:
        net, x = begin(name, "qdq", channels=7, opset=opset)
        yield net.end(net.quantise(net.mean(net.floats_of(x), axes, keepdims), Fit()))
    # The average is of what ReLU leaves, or the other way round.
    net, x = begin("global_average_of_relu", "qdq", channels=7)
    yield net.end(net.quantise(net.global_average(net.op("Relu", [net.floats_of(x)])), Fit(0)))
    # The vector is requantised: once behind the average, once behind the view.
    net, x = begin("global_average_flatten_own_grid", "qdq", channels=7)
    y = net.op("Flatten", [net.floats_of(average(net, x))])
    yield net.end(net.quantise(y, Fit()))


def max_pools():
    window = dict(kernel_shape=[3, 2], strides=[2, 1])
    same_lower = dict(kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
    for spelling in BOTH:
        for name, opset, grid, attributes in [
            ("max_pool_u8", 12, Grid(0.00787, 117), window),
            ("max_pool_i8", 13, Grid(0.00787, -5, I8), window),
            # No window reads the padding, whatever the zero point is.
            ("max_pool_u8_pads", 13, Grid(0.012, 200), dict(kernel_shape=[2, 2], pads=[1, 1, 1, 1], strides=[2, 2])),
            ("max_pool_i8_pads", 13, Grid(0.012, -20, I8), dict(kernel_shape=[2, 2], pads=[1, 0, 0, 1])),
            ("max_pool_same_lower", 13, Grid(0.00787), same_lower),
        ]:
            net, x = begin(name, spelling, grid, opset=opset)
            yield net.end(net.same("MaxPool", x, **attributes))
    for name, to in [("other_grid", Fit(0)), ("coarser_grid", Grid(0.05, 9)), ("u8_to_i8", Fit(None, I8))]:
        net, x = begin(f"max_pool_{name}", "qdq")
        yield net.end(net.quantise(net.max_pool(net.floats_of(x), 2, 1), to))
    net, x = begin("max_pool_before_relu", "qdq")
    y = net.op("Relu", [net.max_pool(net.floats_of(x), 2, 1)])
    yield net.end(net.quantise(y, Fit(0)))
    for spelling in BOTH:
        net, x = begin("max_pool_between_convs", spelling)
        x = net.same("MaxPool", net.conv(x, 4, 1), kernel_shape=[2, 2])
        yield net.end(net.conv(x, 3, 2, per_channel=True))


def softmax(net, x, to, axis, version=13):
    if net.qdq:
        return net.quantise(net.op("Softmax", [net.floats_of(x)], axis=axis), to)
    return net.over("QLinearSoftmax", x, None, to, axis=axis, opset=version)


def softmaxes():
    unit, fine = Grid(1 / 256, 0), Grid(1 / 256, -128, I8)
    for spelling in BOTH:
        for name, middle, to in [
            ("softmax", Fit(), unit),
            ("softmax_zero_point", Fit(0), Grid(0.0047, 11)),
            ("softmax_i8", Fit(None, I8), fine),
        ]:
            net = QNet(name, spelling, least=4, shape=(1, 3, 3, 2))
            x = net.start(Grid(0.00787, 3, I8) if middle.kind == I8 else Grid(0.00787))
            x = layer(net, flat(net, x), 9, middle, transposed=True, loud=2.5)
            yield net.end(softmax(net, x, to, 1))
        net, x = begin("softmax_of_a_map", spelling)
        yield net.end(softmax(net, x, unit, 1))
    # The last pair is in front of the softmax, which stays in floats.
    for spelling in BOTH:
        net = QNet("softmax_in_floats", spelling, shape=(1, 3, 3, 2))
        x = layer(net, flat(net, net.start()), 9, per_channel=True, transposed=True)
        net.step = float(np.float32(x.grid.scale))
        yield net.ends(net.op("Softmax", [net.floats_of(x)], axis=1))


def variants():
    yield from averages()
    yield from max_pools()
    yield from softmaxes()
