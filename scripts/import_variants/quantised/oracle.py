"""What a node computes, in numpy: integer operators by the formula that Wisp documents, float ones in float64.

It is a second opinion. ONNX Runtime's answer is what is stored; the two must be within a step of each other.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from expect import picture

F32 = np.float32


def quantise(x, scale, zero):
    """ONNX says to divide, to round half to even, and then to add."""
    limits = np.iinfo(zero.dtype)
    steps = np.rint(np.asarray(x, F32) / scale)
    return np.clip(steps.astype(np.float64) + int(zero), limits.min, limits.max).astype(zero.dtype)


def requantise(steps, zero):
    """From steps of the new grid, in float32, to its integers: clamp, round half to even, add the zero point."""
    limits = np.iinfo(zero.dtype)
    low, high = limits.min - int(zero), limits.max - int(zero)
    return (np.rint(np.clip(steps, low, high)).astype(np.int64) + int(zero)).astype(zero.dtype)


def along(values, axis, rank):
    """A scalar or one value for each index of an axis, so that it broadcasts."""
    values = np.asarray(values)
    shape = [-1 if i == axis % rank else 1 for i in range(rank)]
    return values.reshape(shape) if values.size > 1 else values.ravel()[0]


def sides(attributes, shape, kernel, strides):
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if not auto.startswith("SAME"):
        return attributes.get("pads", [0] * 4)
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(shape, strides, kernel)]
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return less + more if auto == "SAME_UPPER" else more + less


def windows(x, attributes, kernel, fill):
    """Every window of a map: [batch, channels, rows, columns, kernel rows, kernel columns]."""
    strides = attributes.get("strides", [1, 1])
    top, left, bottom, right = sides(attributes, x.shape[2:], kernel, strides)
    x = np.pad(x, [(0, 0), (0, 0), (top, bottom), (left, right)], constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    return views[:, :, :: strides[0], :: strides[1]]


def conv(x, w, attributes):
    """The plain sums of a convolution, in the type of the operands. `x` has its zero point at 0."""
    group = attributes.get("group", 1)
    views = windows(x, attributes, w.shape[2:], 0)
    inner, outputs = w.shape[1], w.shape[0] // group
    parts = [
        np.einsum("ncyxij,ocij->noyx", views[:, g * inner : (g + 1) * inner], w[g * outputs : (g + 1) * outputs])
        for g in range(group)
    ]
    return np.concatenate(parts, 1)


def averages(x, attributes, fill=0):
    """Sums over windows of `x`, whose zero point is at 0, and how many values each counts."""
    kernel = attributes["kernel_shape"]
    sums = windows(x, attributes, kernel, 0).sum((4, 5))
    counts = np.ones_like(x) if not attributes.get("count_include_pad", 0) else None
    counts = np.prod(kernel) if counts is None else windows(counts, attributes, kernel, 0).sum((4, 5))
    return sums, counts


def centred(x, zero):
    return x.astype(np.int64) - np.asarray(zero, np.int64)


def zero_or(value, kind=np.uint8):
    return np.zeros([], kind) if value is None else np.asarray(value).ravel()[0]


def quantised(op, inputs, attributes):
    """The operators whose operands and results are integers."""
    if op == "QLinearConv":
        x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, *bias = inputs
        sums = conv(centred(x, x_zero), centred(w, along(w_zero, 0, 4)), attributes)
        if bias:
            sums = sums + bias[0].astype(np.int64).reshape(1, -1, 1, 1)
        return requantise(sums.astype(F32) * along(x_scale * w_scale / y_scale, 1, 4), zero_or(y_zero))
    if op == "QLinearMatMul":
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = inputs
        sums = centred(a, a_zero) @ centred(b, along(b_zero, 1, 2))
        return requantise(sums.astype(F32) * along(a_scale * b_scale / y_scale, 1, 2), zero_or(y_zero))
    if op == "QGemm":
        a, a_scale, a_zero, b, b_scale, b_zero, bias, y_scale, y_zero = [*inputs, None, None, None][:9]
        b = centred(b, along(b_zero, 0 if attributes.get("transB", 0) else 1, 2))
        sums = centred(a, a_zero) @ (b.T if attributes.get("transB", 0) else b)
        sums = (sums if bias is None else sums + bias.astype(np.int64)).astype(F32)
        scale = F32(attributes.get("alpha", 1.0)) * a_scale * along(b_scale, 1, 2)
        return sums * scale if y_scale is None else requantise(sums * (scale / y_scale), zero_or(y_zero))
    if op == "QLinearAdd":
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = [*inputs, None][:8]
        a_steps = centred(a, zero_or(a_zero)).astype(F32) * (a_scale / y_scale)
        b_steps = centred(b, zero_or(b_zero)).astype(F32) * (b_scale / y_scale)
        return requantise(a_steps + b_steps, zero_or(y_zero, a.dtype))
    if op == "QLinearConcat":
        y_scale, y_zero, *rest = inputs
        parts = [rest[i : i + 3] for i in range(0, len(rest), 3)]
        parts = [quantise(centred(x, zero).astype(F32) * scale, y_scale, zero_or(y_zero)) for x, scale, zero in parts]
        return np.concatenate(parts, attributes["axis"])
    x, x_scale, x_zero, y_scale, y_zero = [*inputs, None][:5]
    x = centred(x, zero_or(x_zero))
    y_zero = zero_or(y_zero, inputs[0].dtype)
    if op == "QLinearSoftmax":
        return quantise(softmax(x.astype(np.float64) * x_scale, attributes["axis"]), y_scale, y_zero)
    if op == "QLinearGlobalAveragePool":
        spread = (1, 2) if attributes.get("channels_last", 0) else (2, 3)
        sums, counts = x.sum(spread, keepdims=True), np.prod([x.shape[axis] for axis in spread])
    elif op == "QLinearAveragePool":
        sums, counts = averages(x, attributes)
    return requantise(sums.astype(F32) * (x_scale / (np.asarray(counts, F32) * y_scale)), y_zero)


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def linear(op, inputs, attributes):
    """QuantizeLinear and DequantizeLinear."""
    x, scale, zero = [*inputs, None][:3]
    axis = attributes.get("axis", 1)
    if op == "QuantizeLinear":
        if np.size(scale) > 1:
            # A weight, with a zero point of 0.
            return quantise(x, along(scale, axis, x.ndim), np.ravel(zero)[0])
        kind = attributes.get("output_dtype", TensorProto.UINT8)
        return quantise(x, np.asarray(scale).ravel()[0], zero_or(zero, helper.tensor_dtype_to_np_dtype(kind)))
    zero = np.zeros_like(x, shape=np.shape(scale)) if zero is None else zero
    return centred(x, along(zero, axis, x.ndim)) * along(scale, axis, x.ndim).astype(np.float64)


def floating(op, inputs, attributes, opset):
    x, *more = inputs
    if op == "Conv":
        sums = conv(x, more[0], attributes)
        return sums + more[1].reshape(1, -1, 1, 1) if more[1:] else sums
    if op in ("MatMul", "Add"):
        return x @ more[0] if op == "MatMul" else x + more[0]
    if op == "Gemm":
        y = attributes.get("alpha", 1.0) * (x @ (more[0].T if attributes.get("transB", 0) else more[0]))
        return y + attributes.get("beta", 1.0) * more[1] if more[1:] else y
    if op == "AveragePool":
        sums, counts = averages(x, attributes)
        return sums / counts
    if op == "GlobalAveragePool":
        return x.mean((2, 3), keepdims=True)
    if op == "ReduceMean":
        axes = attributes["axes"] if "axes" in attributes else more[0].tolist()
        return x.mean(tuple(axes), keepdims=bool(attributes.get("keepdims", 1)))
    if op == "BatchNormalization":
        scale, bias, mean, variance = [value.reshape(1, -1, 1, 1) for value in more]
        return (x - mean) / np.sqrt(variance + attributes["epsilon"]) * scale + bias
    if op == "Softmax":
        return softmax(x, attributes.get("axis", -1 if opset >= 13 else 1))


def plain(op, inputs, attributes):
    """What does the same to integers as to floats."""
    x, *more = inputs
    if op == "Relu":
        return np.maximum(x, x.dtype.type(0))
    if op == "Clip":
        low, high = [*more, None, None][:2]
        return np.clip(x, attributes.get("min", low), attributes.get("max", high)).astype(x.dtype)
    if op == "MaxPool":
        least = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
        return windows(x, attributes, attributes["kernel_shape"], least).max((4, 5))
    if op == "Concat":
        return np.concatenate(inputs, attributes["axis"])
    if op == "Flatten":
        return x.reshape(np.prod(x.shape[: attributes.get("axis", 1)], dtype=int), -1)
    if op == "Reshape":
        return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(more[0].tolist())])
    if op == "Squeeze":
        return x.squeeze(tuple(attributes["axes"] if "axes" in attributes else more[0].tolist()))
    if op == "Pad":
        half = len(more[0]) // 2
        return np.pad(x, list(zip(more[0][:half], more[0][half:])), constant_values=more[1] if more[1:] else 0)
    if op == "Transpose":
        return x.transpose(attributes["perm"])
    if op in ("Identity", "Dropout"):
        return x
    raise NotImplementedError(op)


def evaluate(node, inputs, opset):
    """The first output of a node."""
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    op = node.op_type
    if op in ("QuantizeLinear", "DequantizeLinear"):
        return linear(op, inputs, attributes)
    if op.startswith("Q"):
        return quantised(op, inputs, attributes)
    found = floating(op, inputs, attributes, opset)
    return plain(op, inputs, attributes) if found is None else found


def values(model, source):
    """All tensors by name, given the picture."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    values[picture(model).name] = source
    (opset,) = [entry.version for entry in model.opset_import if not entry.domain]
    for node in model.graph.node:
        if node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        else:
            values[node.output[0]] = evaluate(node, [values.get(name) for name in node.input], opset)
    return values
