"""What ONNX Runtime says of a quantised model, and checks that the answer is worth comparing with."""

import numpy as np

import expect
from quantised import oracle

# Beside one step: what floats lose.
LOST = 1e-6


def steps_between(a, b, step):
    """How many steps two outputs are apart, value by value."""
    return np.rint(np.abs(a.astype(np.float64) - b) / step).astype(int)


def expected(net, model, shape):
    """ONNX Runtime's output for the ramp, and what its optimisations and the formula make of it."""
    source = expect.ramp(shape)
    found = expect.run(model, source, False)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    dims = model.graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims[1:]] == list(found.shape[1:]), f"{dims} are claimed, {found.shape} is true"

    optimised = steps_between(found, expect.run(model, source, True), net.step)
    formula = steps_between(found, oracle.values(model, source)[model.graph.output[0].name], net.step)
    assert formula.max() <= net.apart, f"the formula gives {formula.max()} steps more or less"

    # There is something to see: many levels, few at the ends, and another input gives another output.
    levels = len(np.unique(found))
    assert levels >= min(net.least, 0.6 * found.size), f"only {levels} levels in {found.size} values"
    others = [np.flip(source), source * np.float32(0.5) + np.float32(0.7)]
    moved = max(steps_between(found, expect.run(model, other, False), net.step).max() for other in others)
    assert moved >= 2, f"the input hardly matters: {moved} steps"
    return found, optimised, formula
