"""Small quantised ONNX files, and what ONNX Runtime computes of them."""

import numpy as np

import expect as floats
from quantised import convs, dense, expect, grids, nets, pools, refused, sums, written

FAMILIES = [grids, convs, dense, sums, pools, nets, written]


def files(report=False):
    """As `__main__.files`, with one more file: the step of each output."""
    steps = []
    for family in FAMILIES:
        for net in family.variants():
            try:
                model = net.model()
                output, optimised, formula = expect.expected(net, model, floats.closed(net.shape))
            except Exception as error:
                raise SystemExit(f"{net.name}: {error}") from error
            yield f"{net.name}.onnx", model.SerializeToString(deterministic=True), None, None
            # The test reads the step as float32, and so it is written.
            step = np.float32(net.step)
            steps.append(f"{net.name} {step!s}\n")
            yield f"{net.name}.f32", output.astype("<f4").tobytes(), output, float(step)
            for other, apart in [("optimised", optimised), ("formula", formula)]:
                if report and apart.any():
                    count = np.count_nonzero(apart)
                    print(f"{net.name}: {other}: {count} of {apart.size} differ, by up to {apart.max()} steps")
    for name, model in refused.variants():
        yield f"refused/{name}.onnx", model.SerializeToString(deterministic=True), None, None
    yield "steps.txt", "".join(sorted(steps)).encode(), None, None
