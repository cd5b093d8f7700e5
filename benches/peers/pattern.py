"""The input that is timed."""

import numpy as np


def pattern(shape, layout):
    """The values that `wisp bench` runs on, which counts them with the channels last."""
    _, channels, height, width = shape
    values = np.arange(channels * height * width, dtype=np.int64) * 7919 % 255 - 117
    tensor = values.astype(np.float32).reshape(1, height, width, channels)
    return np.ascontiguousarray(tensor if layout == "NHWC" else tensor.transpose(0, 3, 1, 2))
