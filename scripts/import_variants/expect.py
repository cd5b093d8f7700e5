"""What ONNX Runtime says of a model, and checks that the answer is worth comparing with."""

import numpy as np
import onnxruntime
from onnx import TensorProto, numpy_helper

# Of the range of the output, or of 1 if that is larger.
EQUAL = 1e-5
# A float16 model against the same in float32.
HALF_EQUAL = 2e-2
# How far another input must move the output: far beyond what the test tolerates.
SENSITIVE = 1e-2


def ramp(shape, dtype=np.float32):
    index = np.arange(np.prod(shape), dtype=np.int64)
    return (((index * 37 % 101) - 50).astype(np.float32) / np.float32(50)).reshape(shape).astype(dtype)


def closed(shape):
    """With 1 for every open size."""
    return [size if isinstance(size, int) and size > 0 else 1 for size in shape]


def picture(model):
    """The input that is no initialiser."""
    initialised = {tensor.name for tensor in model.graph.initializer}
    (info,) = [info for info in model.graph.input if info.name not in initialised]
    return info


def run(model, source, optimised):
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run([model.graph.output[0].name], {picture(model).name: source})[0]


def widened(model):
    """The model with every float16 as float32, which holds the same numbers."""
    wide = type(model)()
    wide.CopyFrom(model)
    wide.graph.ClearField("value_info")

    def widen(tensor):
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))

    for tensor in wide.graph.initializer:
        widen(tensor)
    for node in wide.graph.node:
        for attribute in node.attribute:
            widen(attribute.t)
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
    for info in [*wide.graph.input, *wide.graph.output]:
        if is_half(info):
            info.type.tensor_type.elem_type = TensorProto.FLOAT
    return wide


def is_half(info):
    return info.type.tensor_type.elem_type == TensorProto.FLOAT16


def has_half(model):
    return is_half(picture(model)) or any(
        attribute.name == "to" and attribute.i == TensorProto.FLOAT16
        for node in model.graph.node
        for attribute in node.attribute
    )


def expected(model, shape):
    """The output for the ramp, after checks. Wisp computes in float32 whatever the file's type is, so for a
    float16 model this is the output of the widened one."""
    wide = widened(model) if has_half(model) else model
    found = run(wide, ramp(shape), False)
    unit = max(float(np.ptp(found)), 1.0)

    def close(other, tolerance, what):
        assert found.shape == other.shape, (what, found.shape, other.shape)
        worst = np.abs(found.astype(np.float64) - other).max() / unit
        assert worst <= tolerance, f"{what}: {worst}"

    dims = model.graph.output[0].type.tensor_type.shape.dim
    # The batch may be open; the test takes the other sizes from the file.
    assert [dim.dim_value for dim in dims[1:]] == list(found.shape[1:]), f"{dims} are claimed, {found.shape} is true"
    close(run(wide, ramp(shape), True), EQUAL, "with optimisations")
    if wide is not model:
        source = ramp(shape, np.float16 if is_half(picture(model)) else np.float32)
        close(run(model, source, False).astype(np.float32), HALF_EQUAL, "in float16")
    assert np.isfinite(found).all() and found.dtype == np.float32
    others = [np.flip(ramp(shape)), ramp(shape) * np.float32(0.5) + np.float32(0.7)]
    moved = max(np.abs(found - run(wide, other, False)).max() for other in others) / unit
    assert moved > SENSITIVE, f"the input hardly matters: {moved}"
    return found
