"""Sums and concatenations of integer tensors with like and unlike grids."""

import numpy as np

from quantised.dense import average, flat
from quantised.net import MICROSOFT, Fit, Grid, QNet, Quantised

U8, I8 = np.uint8, np.int8
BOTH = ("qdq", "qop")


def add(net, a, b, to=Fit(), between=None):
    if net.qdq:
        y = net.op("Add", [net.floats_of(a), net.floats_of(b)])
        return net.quantise(between(y) if between else y, to)
    to = net.fitted(to, net.real(a) + net.real(b))
    inputs = [name for x in (a, b) for name in [x.name, *net.pair(x.grid, x.name)]]
    return Quantised(net.op("QLinearAdd", [*inputs, *net.pair(to, "add")], domain=MICROSOFT), to)


def concat(net, parts, to=Fit(), axis=1):
    values = np.concatenate([net.real(x) for x in parts], axis)
    to = net.fitted(to, values)
    if net.qdq:
        return net.quantise(net.op("Concat", [net.floats_of(x) for x in parts], axis=axis), to)
    inputs = [name for x in parts for name in [x.name, *net.pair(x.grid, x.name)]]
    return Quantised(net.op("QLinearConcat", [*net.pair(to, "cat"), *inputs], domain=MICROSOFT, axis=axis), to)


def vectors(net):
    """Two averages on grids of their own."""
    x = net.conv(net.start(), 7, 2)
    return [flat(net, average(net, y)) for y in (x, net.same("MaxPool", x, kernel_shape=[2, 2]))]


def sums():
    for spelling in BOTH:
        for name, first, second, to in [
            ("add", Grid(0.00787), Fit(), Fit()),
            ("add_uneven_scales", Grid(0.031, 120), Grid(0.0021, 77), Fit()),
            ("add_same_grid", Grid(0.0173, 128), Grid(0.0173, 128), Grid(0.0173, 128)),
            ("add_zero_points", Grid(0.004, 0), Fit(201), Fit(37)),
            ("add_cut_off", Grid(0.00787), Fit(), Fit(None, U8, 0.5)),
            ("add_i8", Grid(0.00787, 3, I8), Fit(-5, I8), Fit(None, I8)),
            # Sums of odd multiples of half a step.
            ("add_ties", Grid(0.0125, 128), Grid(0.0125, 100), Grid(0.025, 128)),
        ]:
            net = QNet(name, spelling)
            x = net.start(first)
            yield net.end(add(net, x, net.conv(x, 3, 1, second), to))
        net = QNet("add_output_zero_point_0", spelling)
        x = net.start()
        a, b = x, net.conv(x, 3, 1)
        # In integers the grid cuts off what ReLU would.
        yield net.end(add(net, a, b, Fit(0), between=lambda y: net.op("Relu", [y])))
        net = QNet("add_to_itself", spelling)
        x = net.start()
        yield net.end(add(net, x, x))
        net = QNet("add_to_shortcut", spelling)
        x = net.start()
        # The convolution is the first operand.
        yield net.end(add(net, net.conv(x, 3, 3, pads=1, per_channel=True), x))
    net = QNet("add_vectors", "qop")
    yield net.end(add(net, *vectors(net)))
    net = QNet("add_u8_and_i8", "qdq")
    x = net.start()
    yield net.end(add(net, x, net.conv(x, 3, 1, Fit(None, I8))))
    # A pair between the sum and its ReLU.
    net = QNet("add_relu_behind_grid", "qdq")
    x = net.start()
    x = add(net, x, net.conv(x, 3, 1))
    yield net.end(net.quantise(net.op("Relu", [net.floats_of(x)]), Fit(0)))
    # ONNX Runtime takes the operands' zero points for optional, but refuses to load a file without them.
    net = QNet("add_zero_point_absent", "qop")
    x = net.start(Grid(0.004, 0))
    y = net.conv(x, 3, 1, Fit(0))
    to = Fit(0).grid(net.real(x) + net.real(y))
    inputs = [name for part in (x, y) for name in [part.name, *net.pair(part.grid, part.name)]]
    y = net.op("QLinearAdd", [*inputs, *net.pair(to, "add", False)], domain=MICROSOFT)
    net.step = float(np.float32(to.scale))
    yield net.ends(net.op("DequantizeLinear", [y, *net.pair(to, "add", False)]))


def concats():
    for spelling in BOTH:
        for name, grids, to in [
            ("concat_equal", [Grid(0.0173, 120)] * 2, Grid(0.0173, 120)),
            ("concat_unequal", [Grid(0.00787), Fit(0)], Fit()),
            ("concat_unequal_zero_points", [Grid(0.0173, 0), Grid(0.0173, 128)], Grid(0.0173, 77)),
            ("concat_three_unequal", [Grid(0.004, 0), Grid(0.0611, 99), Fit(201)], Fit()),
            # Two of them already lie on the grid of the result.
            ("concat_one_unequal", [Grid(0.0231, 99), Grid(0.0031, 128), Grid(0.0231, 99)], Grid(0.0231, 99)),
            ("concat_ties", [Grid(0.01, 128), Grid(0.02, 128)], Grid(0.02, 127)),
            ("concat_i8", [Grid(0.00787, 0, I8), Fit(-5, I8)], Fit(None, I8)),
        ]:
            # The first branch is the input.
            net = QNet(name, spelling, shape=(1, 2, 4, 3))
            x = net.start(grids[0])
            parts = [x] + [net.conv(x, outputs, 1, grid) for outputs, grid in zip([3, 1], grids[1:])]
            yield net.end(concat(net, parts, to))
        net = QNet("concat_of_concat", spelling)
        x = net.start()
        y = concat(net, [x, net.conv(x, 2, 1, Fit(0))])
        yield net.end(concat(net, [y, net.same("MaxPool", x, kernel_shape=[1, 1])], axis=-3))
        # The branch is read on its own grid, and in the concatenation on another.
        net = QNet("concat_branch_read_twice", spelling)
        a = net.start()
        b = net.conv(a, 2, 3, pads=1)
        yield net.end(net.conv(concat(net, [a, b]), 4, 1, per_channel=True))
        net = QNet("concat_twice_the_same", spelling)
        x = net.start()
        yield net.end(concat(net, [x, x], Fit(0)))
    net = QNet("concat_vectors", "qdq")
    yield net.end(concat(net, vectors(net)))
    # On the integers themselves, which all have one grid.
    net = QNet("concat_of_integers", None)
    net.qdq = False
    a = net.start(Grid(0.0211, 120))
    b = net.conv(a, 2, 1, Grid(0.0211, 120))
    yield net.end(Quantised(net.op("Concat", [a.name, b.name], axis=1), a.grid))
    # A branch of i8 in a concatenation of u8.
    net = QNet("concat_u8_and_i8", "qdq")
    x = net.start()
    yield net.end(concat(net, [x, net.conv(x, 3, 1, Fit(None, I8))]))


def variants():
    yield from sums()
    yield from concats()
