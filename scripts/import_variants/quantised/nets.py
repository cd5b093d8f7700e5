"""Nets that are partly in floats, or whose pairs are shared, as training tools leave them."""

import numpy as np

from quantised.dense import average, flat, layer
from quantised.net import Fit, Grid, QNet, Quantised
from quantised.sums import add

U8, I8 = np.uint8, np.int8


class MixedNet(QNet):
    """`convs`: how many convolutions can run in integers."""

    def __init__(self, name, convs, **more):
        super().__init__(name, None, **more)
        self.convs = convs

    def float_conv(self, x, outputs, kernel, **more):
        """On the name of a float tensor, with weights that are floats."""
        return super(QNet, self).conv(x, self.values[x].shape[1], outputs, kernel, **more)

    def dequantised_weight(self, outputs, inner, kernel, **axis):
        """A weight of integers behind DequantizeLinear."""
        hint = f"shared{len(self.grids)}"
        grid = Grid(self.weight_scale(inner * kernel**2, outputs, bool(axis)), 0, I8)
        values = self.integers([outputs, inner, kernel, kernel])
        name = self.constant(values, self.weights, hint, "weight_quantized")
        return self.floats_of(Quantised(name, grid), hint=hint, **axis)


def mixed():
    net = MixedNet("mixed_float_conv_between", 2)
    x = net.floats_of(net.conv(net.start(), 4, 2, Fit(0), per_channel=True))
    x = net.op("Relu", [net.float_conv(x, 5, 3, pads=1)])
    yield net.end(net.conv(net.quantise(x, Fit(0)), 3, 1, per_channel=True))
    net = MixedNet("mixed_float_conv_first", 1)
    x = net.op("Relu", [net.float_conv(net.input, 5, 3, pads=1)])
    yield net.end(net.conv(net.quantise(x, Fit(0)), 3, 2, per_channel=True))
    # The end stays in floats: as far as a step of the last integers goes.
    net = MixedNet("mixed_float_conv_last", 1)
    x = net.conv(net.start(), 4, 2, Fit(0), per_channel=True)
    net.step = float(np.float32(x.grid.scale))
    yield net.ends(net.float_conv(net.floats_of(x), 3, 1))
    net = MixedNet("mixed_float_dense_last", 1)
    x = net.conv(net.start(), 6, 3, Fit(0), per_channel=True)
    net.step = float(np.float32(x.grid.scale))
    x = net.op("Flatten", [net.global_average(net.floats_of(x))])
    yield net.ends(net.gemm(x, 6, 4))
    # One branch of the sum is quantised.
    net = MixedNet("mixed_sum", 1)
    x = net.start()
    y = net.floats_of(net.conv(x, 4, 2, Fit(), per_channel=True))
    y = net.op("Add", [y, net.float_conv(net.floats_of(x), 4, 2)])
    yield net.end(net.quantise(net.op("Relu", [y]), Fit(0)))
    # Only the weights are integers: the convolution is one of floats.
    net = MixedNet("mixed_weights_only", 0)
    weight = net.dequantised_weight(4, 3, 3, axis=0)
    x = net.op("Conv", [net.input, weight], kernel_shape=[3, 3])
    yield net.end(net.quantise(net.op("Relu", [x]), Fit(0)))
    # Integers that a convolution of floats reads, and that nothing else does.
    net = MixedNet("mixed_input_only", 0)
    x = net.float_conv(net.floats_of(net.start()), 4, 3)
    yield net.end(net.quantise(x, Fit()))


def shared():
    # One DequantizeLinear for both readers, and one for each.
    for name, apart in [("one_dequantise_for_two", False), ("two_dequantise_for_two", True)]:
        net = MixedNet(name, 2)
        first = net.conv(net.start(), 3, 2, Fit(0), per_channel=True)
        reals = [net.floats_of(first)] * 2 if not apart else [net.floats_of(first), net.floats_of(first)]
        weight = net.dequantised_weight(3, 3, 1, axis=0)
        second = net.quantise(net.op("Conv", [reals[0], weight], kernel_shape=[1, 1]), Fit())
        yield net.end(net.quantise(net.op("Add", [reals[1], net.floats_of(second)]), Fit()))
    net = MixedNet("one_weight_for_two", 2)
    x = net.start(Grid(0.00787, 117))
    weight = net.dequantised_weight(3, 3, 3, axis=0)
    for grid in (Fit(), Fit()):
        x = net.quantise(net.op("Conv", [net.floats_of(x), weight], pads=[1, 1, 1, 1]), grid)
    yield net.end(x)
    net = MixedNet("one_weight_for_two_as_integers", 2)
    net.qdq = False
    x = net.start(Grid(0.00787, 117))
    scale = Grid(net.weight_scale(27, 3, True), 0, I8)
    weight = net.constant(net.integers([3, 3, 3, 3]), "init", "shared", "weight_quantized")
    for grid in (Grid(0.0151, 120), Grid(0.0127, 99)):
        names = [x.name, *net.pair(x.grid, "x"), weight, *net.pair(scale, "shared"), *net.pair(grid, "y")]
        x = Quantised(net.op("QLinearConv", names, pads=[1, 1, 1, 1]), grid)
    yield net.end(x)
    # The same pair twice behind each other changes nothing.
    net = MixedNet("pair_twice", 1)
    x = net.start()
    x = net.quantise(net.floats_of(x), x.grid)
    yield net.end(net.conv(x, 4, 2, per_channel=True))
    # A second pair of another grid on one of the branches.
    net = MixedNet("branch_on_other_grid", 1)
    x = net.start()
    y = net.quantise(net.floats_of(x), Grid(0.0171, 99))
    yield net.end(add(net, net.conv(x, 3, 1, per_channel=True), y))


def trained():
    """As training with simulated quantisation exports it: weights are floats that the graph quantises, biases
    are floats, and only what a convolution reads has a pair."""
    for name, per_channel in [("trained_weights_in_graph", False), ("trained_weights_in_graph_per_channel", True)]:
        net = MixedNet(name, 2)
        x = net.input
        for grid, outputs, kernel in [(Grid(0.00787, 0, I8), 4, 3), (Fit(0, I8), 3, 1)]:
            inner = net.values[x].shape[1]
            x = net.floats_of(net.quantise(x, grid))
            scale = net.weight_scale(inner * kernel**2, outputs, per_channel)
            hint = f"conv{inner}"
            # A little off the grid, and beyond it.
            shape = [outputs, inner, kernel, kernel]
            values = net.integers(shape) + net.uniform(shape, -0.4, 0.4)
            values = values.astype(np.float32) * (scale.reshape(-1, 1, 1, 1) if per_channel else scale)
            weight = net.constant(values, "init", hint, "weight")
            axis = dict(axis=0) if per_channel else {}
            weight = net.floats_of(net.quantise(weight, Grid(scale, 0, I8), hint=hint, **axis), hint=hint, **axis)
            bias = net.constant(net.uniform([outputs], -0.2, 0.8), "init", hint, "bias")
            x = net.op("Conv", [x, weight, bias], kernel_shape=[kernel, kernel])
            x = net.op("Relu", [x]) if kernel > 1 else x
        yield net.end(net.quantise(x, Fit(None, I8)))
    net = MixedNet("bias_of_floats", 1)
    x = net.start()
    weight = net.dequantised_weight(5, 3, 3, axis=0)
    bias = net.constant(net.uniform([5], -0.2, 0.8), "init", "conv", "bias")
    x = net.op("Conv", [net.floats_of(x), weight, bias])
    yield net.end(net.quantise(x, Fit()))
    net = MixedNet("pad_between_pairs", 1)
    x = net.start(Grid(0.00787, 99))
    x = net.quantise(net.pad(net.floats_of(x), [0, 0, 1, 0, 0, 0, 0, 2]), x.grid)
    yield net.end(net.conv(x, 4, 3, per_channel=True))
    net = MixedNet("identities_between", 1)
    x = net.op("Identity", [net.floats_of(net.start())])
    x = net.conv(net.quantise(x, Grid(0.00787)), 4, 3, Fit(0), per_channel=True)
    x = Quantised(net.op("Identity", [x.name]), x.grid)
    yield net.end(x)
    net = MixedNet("nhwc_input_integers", 1, shape=(1, 5, 4, 3))
    x = net.start(Grid(0.00787, 99))
    x = Quantised(net.op("Transpose", [x.name], perm=[0, 3, 1, 2]), x.grid)
    yield net.end(net.conv(x, 4, 3, pads=1, per_channel=True))
    net = MixedNet("nhwc_input_floats", 1, shape=(1, 5, 4, 3))
    x = net.quantise(net.op("Transpose", [net.input], perm=[0, 3, 1, 2]), Grid(0.00787, 99))
    yield net.end(net.conv(x, 4, 3, pads=1, per_channel=True))
    net = MixedNet("squeezed_vector", 1)
    net.qdq = False
    x = average(net, net.conv(net.start(), 6, 3, Fit(0)))
    x = net.same("Squeeze", x, net.ints([2, 3], "axes"))
    yield net.end(layer(net, x, 5, per_channel=True))
    net = MixedNet("flattened_twice", 0, shape=(1, 3, 3, 2))
    net.qdq = False
    x = net.same("Reshape", net.start(), net.ints([1, 3, -1]))
    yield net.end(layer(net, flat(net, x), 5, per_channel=True))


def variants():
    yield from mixed()
    yield from shared()
    yield from trained()
