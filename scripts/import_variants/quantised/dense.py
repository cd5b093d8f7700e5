"""Dense layers behind a real map, whose order of values matters, and behind an average."""

import numpy as np

from quantised import oracle
from quantised.net import MICROSOFT, Fit, Grid, QNet, Quantised

U8, I8 = np.uint8, np.int8


def flat(net, x, how="Flatten"):
    """The map as a row, on floats or on integers."""
    if how == "Flatten":
        return net.same("Flatten", x, axis=1)
    return net.same("Reshape", x, net.ints([1, -1]))


def layer(net, x, outputs, to=Fit(), *, how="gemm", per_channel=False, bias=True, transposed=False, weight=None,
          weight_zero=0, given=True, output=True, alpha=None, hint="fc", axis=None, between=None,
          loud=1.0):  # fmt: skip
    """`how` is `gemm` or `matmul`. `weight` has a row for each input. `output` False leaves floats."""
    inner = net.values[x.name].shape[1]
    scale = net.weight_scale(inner, outputs, per_channel, loud)
    weight = net.integers([inner, outputs]) if weight is None else weight
    grid = Grid(scale, weight_zero, weight.dtype.type)
    products = np.float32(x.grid.scale) * np.float32(scale)
    stored = weight.T.copy() if transposed else weight
    w = Quantised(net.constant(stored, "init", hint, "weight_quantized"), grid)
    names = lambda grid, part: net.pair(grid, f"{hint}.{part}")
    operands = dict(transB=1) if transposed else {}
    operands |= dict(alpha=alpha) if alpha else {}
    if bias:
        unit = products * np.float32(alpha or 1)
        b = Quantised(net.constant(net.bias(outputs, unit), "init", hint, "bias_quantized"), Grid(unit, 0, np.int32))
    if net.qdq:
        own = 0 if transposed else 1
        axis = axis if axis is not None else own
        # The default is 1, so it need not be written.
        where = {} if not per_channel or (axis == 1 and not given) else {"axis": axis}
        inputs = [net.floats_of(x), net.floats_of(w, hint=f"{hint}.w", **where)]
        offset = net.floats_of(b, hint=f"{hint}.b", **({"axis": 0} if per_channel else {})) if bias else None
        if how == "gemm":
            y = net.op("Gemm", inputs + ([offset] if bias else []), hint=hint, **operands)
        else:
            y = net.op("MatMul", inputs, hint=hint)
            y = net.op("Add", [y, offset], hint=f"{hint}_add") if bias else y
        return net.quantise(between(y) if between else y, to)
    sums = oracle.centred(net.values[x.name], x.grid.zero) @ oracle.centred(weight, weight_zero)
    if bias:
        sums = sums + net.values[b.name]
    to = net.fitted(to, sums * oracle.along(products * np.float32(alpha or 1), 1, 2).astype(np.float64))
    inputs = [x.name, *net.pair(x.grid, x.name), w.name, *names(grid, "w")]
    if how == "matmul":
        return Quantised(net.op("QLinearMatMul", [*inputs, *net.pair(to, hint)], hint=hint), to)
    inputs.append(b.name if bias else "")
    if not output:
        net.step = float(np.max(products))
        return net.op("QGemm", inputs[: 6 + bool(bias)], domain=MICROSOFT, hint=hint, **operands)
    return Quantised(net.op("QGemm", [*inputs, *net.pair(to, hint)], domain=MICROSOFT, hint=hint, **operands), to)


CASES = {
    # Grid of the map, that of the scores, and the layer.
    "gemm": (Grid(0.004, 0), Fit(), dict(outputs=5)),
    "gemm_transposed": (Grid(0.004, 0), Fit(), dict(outputs=7, transposed=True)),
    "gemm_per_channel": (Grid(0.00787, 128), Fit(), dict(outputs=5, per_channel=True, transposed=True)),
    "gemm_per_channel_plain": (Grid(0.00787, 128), Fit(), dict(outputs=17, per_channel=True)),
    "gemm_no_bias": (Grid(0.00787, 37), Fit(), dict(outputs=5, bias=False)),
    "gemm_i8": (Grid(0.00787, -5, I8), Fit(None, I8), dict(outputs=5, per_channel=True, transposed=True)),
    "gemm_alpha": (Grid(0.00787, 128), Fit(), dict(outputs=5, alpha=0.75)),
    "matmul": (Grid(0.004, 0), Fit(), dict(outputs=5, how="matmul", bias=False)),
    "matmul_per_column": (Grid(0.00787, 128), Fit(), dict(outputs=9, how="matmul", bias=False, per_channel=True)),
    "matmul_i8": (Grid(0.00787, 2, I8), Fit(3, I8), dict(outputs=5, how="matmul", bias=False, per_channel=True)),
}

ONCE = dict(gemm_transposed="qop", gemm_per_channel_plain="qdq", gemm_alpha="qop")


def cases():
    for name, (grid, to, more) in CASES.items():
        for spelling in [once] if (once := ONCE.get(name)) else ("qdq", "qop"):
            net = QNet(f"dense_{name}", spelling, shape=(1, 3, 3, 2))
            yield net.end(layer(net, flat(net, net.start(grid)), to=to, **more))


def more():
    def begin(name, spelling="qdq", **more):
        net = QNet(f"dense_{name}", spelling, shape=(1, 3, 3, 2), **more)
        return net, net.start()

    for name, options in [
        ("matmul_add", dict(per_channel=False)),
        ("matmul_add_per_column", dict(per_channel=True)),
        ("matmul_per_column_default_axis", dict(per_channel=True, given=False, bias=False)),
        ("matmul_per_column_axis_minus_1", dict(per_channel=True, axis=-1)),
    ]:
        net, x = begin(name)
        yield net.end(layer(net, flat(net, x), 5, how="matmul", **options))
    net, x = begin("gemm_relu", least=4)
    yield net.end(layer(net, flat(net, x), 9, Fit(0), between=lambda y: net.op("Relu", [y])))
    for spelling in ("qdq", "qop"):
        # As square as can be: a transposed weight fits, too.
        net, x = begin("gemm_square", spelling)
        yield net.end(layer(net, flat(net, x, "Reshape"), 18, transposed=spelling == "qop"))
    net, x = begin("hidden_layers", "qop")
    x = layer(net, flat(net, x), 11, Fit(0), hint="fc1", per_channel=True, transposed=True)
    yield net.end(layer(net, x, 5, hint="fc2", per_channel=True, transposed=True))
    net = QNet("dense_after_average", "qdq")
    x = average(net, net.conv(net.start(), 7, 3, Fit(0)))
    yield net.end(layer(net, flat(net, x), 5, per_channel=True, transposed=True))
    # Scores as floats, in units of the sums.
    net, x = begin("gemm_float_output", "qop")
    yield net.ends(layer(net, flat(net, x), 5, output=False))
    net, x = begin("gemm_u8_weights", "qop")
    weight = np.clip(net.integers([18, 5]).astype(int) + 128, 0, 255).astype(U8)
    yield net.end(layer(net, flat(net, x), 5, weight=weight, weight_zero=128))
    for zero in (128, 117):
        net, x = begin(f"matmul_u8_weights_zero_point_{zero}", "qop")
        weight = np.clip(net.integers([18, 5]).astype(int) + zero, 0, 255).astype(U8)
        yield net.end(layer(net, flat(net, x), 5, how="matmul", bias=False, weight=weight, weight_zero=zero))
    # The flattened floats are quantised, not the map.
    net, x = begin("flatten_of_floats_quantised_behind")
    y = net.op("Flatten", [net.floats_of(x)], axis=1)
    yield net.end(layer(net, net.quantise(y, x.grid), 5, per_channel=True))
    # Integers of a picture whose channels come last: the row is in that order.
    net = QNet("dense_nhwc_integers", None, shape=(1, 4, 3, 3))
    net.qdq = False
    x = net.same("Transpose", net.start(), perm=[0, 3, 1, 2])
    x = net.conv(x, 4, 2, Fit(0), per_channel=True)
    x = net.same("Transpose", x, perm=[0, 2, 3, 1])
    yield net.end(layer(net, flat(net, x, "Reshape"), 5, per_channel=True))
    net = QNet("dense_nhwc_floats", None, shape=(1, 4, 3, 3))
    x = net.same("Transpose", net.start(), perm=[0, 3, 1, 2])
    x = net.conv(x, 4, 2, Fit(0), per_channel=True)
    x = net.same("Transpose", x, perm=[0, 2, 3, 1])
    yield net.end(layer(net, flat(net, x, "Reshape"), 5, per_channel=True))


def average(net, x, to=None):
    """The global average, on the grid `to` or a new one that fits."""
    values = net.real(x).mean((2, 3), keepdims=True)
    to = to or Fit(x.grid.zero, x.grid.kind).grid(values)
    if net.qdq:
        return net.quantise(net.op("GlobalAveragePool", [net.floats_of(x)]), to)
    return net.over("QLinearGlobalAveragePool", x, values, to, channels_last=0)


def variants():
    yield from cases()
    yield from more()
