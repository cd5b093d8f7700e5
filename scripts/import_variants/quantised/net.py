"""A builder of quantised nets that spells each layer in one of two ways, and knows what every tensor holds."""

import zlib
from typing import NamedTuple

import numpy as np

import expect
from net import Net, pair, square
from quantised import oracle

MICROSOFT = "com.microsoft"


class Grid(NamedTuple):
    """The integers of a tensor stand for (integer - zero) * scale."""

    scale: float
    zero: int = 128
    kind: type = np.uint8


class Fit(NamedTuple):
    """A grid that spans the values of its tensor, or `share` of them: below 1 they are cut off at both ends.
    Without a zero point the range decides that, too."""

    zero: int | None = None
    kind: type = np.uint8
    share: float = 1.0

    def grid(self, values):
        limits = np.iinfo(self.kind)
        low, high = min(float(values.min()), 0.0) * self.share, max(float(values.max()), 0.0) * self.share
        zero = self.zero
        if zero is None:
            zero = int(np.rint(limits.min - low / (high - low) * (limits.max - limits.min)))
        spans = [(high, limits.max - zero), (-low, zero - limits.min)]
        # Four digits, so that it does not depend on how the values were added up.
        scale = max(value / steps for value, steps in spans if steps)
        return Grid(float(f"{scale * 1.0005:.3e}"), zero, self.kind)


class Quantised(NamedTuple):
    """An integer tensor."""

    name: str
    grid: Grid


class QNet(Net):
    """`spelling` is `qdq` (float operators between DequantizeLinear and QuantizeLinear) or `qop` (operators on
    integers). Both have the same weights. `linear` is the domain of QuantizeLinear and DequantizeLinear.
    """

    def __init__(self, name, spelling="qdq", opset=13, shape=(1, 3, 5, 4), *, style="brief", linear="", least=8,
                 **more):  # fmt: skip
        named = f"{name}_{spelling}" if spelling in ("qdq", "qop") else name
        super().__init__(named, style, opset, shape, **more)
        self.random = np.random.RandomState(zlib.crc32(name.encode()))
        self.qdq, self.linear, self.least = spelling != "qop", linear, least
        self.values = {self.input: expect.ramp(expect.closed(shape))}
        self.grids = {}
        self.step, self.apart = None, 1
        self.claim = None
        if linear:
            self.use(linear)

    def use(self, domain):
        if domain and all(domain != known for known, _ in self.imports):
            self.imports.append((domain, 1))

    def constant(self, values, how, hint="const", part="value", name=None):
        name = super().constant(values, how, hint, part, name)
        self.values[name] = np.asarray(values)
        return name

    def op(self, op, inputs, *, domain="", **more):
        self.use(domain)
        found = super().op(op, inputs, domain=domain, **more)
        node = self.nodes[-1]
        self.values[node.output[0]] = oracle.evaluate(node, [self.values.get(name) for name in inputs], self.opset)
        return found

    # Grids

    def pair(self, grid, hint, zero=True):
        """Names of scale and zero point, or of the scale alone. Tensors of one grid share them."""
        key = (tuple(np.ravel(grid.scale)), grid.zero, grid.kind)
        names = self.grids.setdefault(key, [])
        if not names:
            names.append(self.constant(np.asarray(grid.scale, np.float32), self.weights, hint, "scale"))
        if zero and not names[1:]:
            zeros = np.full(np.shape(grid.scale), grid.zero, grid.kind)
            names.append(self.constant(zeros, self.weights, hint, "zero_point"))
        return names[: 1 + zero]

    def quantise(self, x, to=Fit(), *, zero=True, hint=None, **more):
        """Adds QuantizeLinear. `zero`: whether the zero point is written."""
        grid = to.grid(self.values[x]) if isinstance(to, Fit) else to
        names = self.pair(grid, hint or x, zero)
        name = self.op("QuantizeLinear", [x, *names], domain=self.linear, hint=hint, **more)
        return Quantised(name, grid)

    def floats_of(self, x, *, zero=True, hint=None, **more):
        """Adds DequantizeLinear; gives the name of the float tensor."""
        names = self.pair(x.grid, hint or x.name, zero)
        return self.op("DequantizeLinear", [x.name, *names], domain=self.linear, hint=hint, **more)

    def start(self, to=Grid(0.00787), **more):
        return self.quantise(self.input, to, **more)

    def end(self, x, **more):
        """The output is `x` as floats."""
        self.step = float(np.ravel(np.float32(x.grid.scale))[0])
        return self.ends(self.floats_of(x, **more))

    def ends(self, *outputs, shape=None):
        # ONNX's own inference ends at operators of another domain.
        return super().ends(*outputs, shape=shape or list(self.values[outputs[0]].shape))

    def real(self, x):
        """The numbers that an integer tensor stands for."""
        return (self.values[x.name].astype(np.int64) - x.grid.zero) * np.float64(np.float32(x.grid.scale))

    def fitted(self, to, values):
        return to.grid(values) if isinstance(to, Fit) else to

    # Weights

    def integers(self, shape, low=-127, high=127, kind=np.int8):
        """Weights that use the ends of their range."""
        values = np.clip(self.random.normal(0, 0.4 * high, shape), low, high).astype(np.int64)
        flat = values.reshape(-1)
        flat[0], flat[-1] = high, low
        return values.astype(kind)

    def weight_scale(self, fan, outputs, per_channel, loud=1.0):
        """Such that outputs are about as large as inputs are."""
        scale = loud * 1.6 / 51 / fan**0.5
        spread = np.exp2(self.random.uniform(-2, 1, outputs)) if per_channel else 1.0
        return np.float32([float(f"{x:.3e}") for x in np.ravel(scale * spread)]).reshape(np.shape(spread))

    def bias(self, outputs, scale, size=0.5):
        """As int32, in units of the product of the scales."""
        return np.rint(self.random.uniform(-0.3, 1.0, outputs) * size / scale).astype(np.int32)

    # Layers

    def conv(self, x, outputs, kernel, to=Fit(), *, pads=0, stride=1, group=1, bias=True, per_channel=False,
             weight=None, scale=None, weight_zero=0, auto=None, between=None, loud=1.0, hint=None, bias_size=0.5,
             axis=0, **more):  # fmt: skip
        """`between` is applied to the float output before it is quantised, in the QDQ spelling."""
        hint = hint or f"conv{self.counts.get('Conv', 0) + self.counts.get('QLinearConv', 0)}"
        kernel = pair(kernel)
        inner = self.values[x.name].shape[1] // group
        if weight is None:
            weight = self.integers([outputs, inner, *kernel])
        if scale is None:
            scale = self.weight_scale(inner * kernel[0] * kernel[1], outputs, per_channel, loud)
        grid = Grid(scale, weight_zero, weight.dtype.type)
        products = np.float32(x.grid.scale) * np.float32(scale)
        weight = Quantised(self.constant(weight, self.weights, hint, "weight_quantized"), grid)
        attributes = dict(kernel_shape=kernel)
        attributes |= {"strides": pair(stride)} if stride != 1 else {}
        attributes |= {"group": group} if group != 1 else {}
        attributes |= {"auto_pad": auto} if auto else {"pads": square(pads)} if pads else {}
        attributes |= more
        if bias:
            bias = self.constant(self.bias(outputs, products, bias_size), self.weights, hint, "bias_quantized")
            bias = Quantised(bias, Grid(products, 0, np.int32))
        if self.qdq:
            axis = {"axis": axis} if np.ndim(scale) else {}
            inputs = [self.floats_of(x), self.floats_of(weight, hint=f"{hint}.w", **axis)]
            if bias:
                # The zero point of a bias is written in half of the files.
                inputs.append(self.floats_of(bias, hint=f"{hint}.b", **({"axis": 0} if axis else {"zero": False})))
            y = self.op("Conv", inputs, hint=hint, **attributes)
            return self.quantise(between(y) if between else y, to)
        sums = oracle.conv(
            oracle.centred(self.values[x.name], x.grid.zero),
            oracle.centred(self.values[weight.name], weight_zero),
            {**attributes, "auto_pad": auto.encode()} if auto else attributes,
        )
        if bias:
            sums = sums + self.values[bias.name].reshape(1, -1, 1, 1)
        to = self.fitted(to, sums * oracle.along(products, 1, 4).astype(np.float64))
        inputs = [x.name, *self.pair(x.grid, x.name), weight.name, *self.pair(grid, f"{hint}.w")]
        inputs += [*self.pair(to, hint), *([bias.name] if bias else [])]
        return Quantised(self.op("QLinearConv", inputs, hint=hint, **attributes), to)

    def over(self, op, x, values=None, to=None, *, microsoft=True, **attributes):
        """One operator of com.microsoft from one map to another grid, whose float values are `values`."""
        to = self.fitted(to, values)
        inputs = [x.name, *self.pair(x.grid, x.name), *self.pair(to, op.lower())]
        return Quantised(self.op(op, inputs, domain=MICROSOFT, **attributes), to)

    def same(self, op, x, *more, **attributes):
        """An operator that leaves the grid as it is: on floats in between, or on the integers themselves."""
        if not self.qdq:
            return Quantised(self.op(op, [x.name, *more], **attributes), x.grid)
        return self.quantise(self.op(op, [self.floats_of(x), *more], **attributes), x.grid)
