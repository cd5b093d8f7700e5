#!/usr/bin/env python3
"""Makes one peer's file of a network and checks its answers against ONNX Runtime in f32; compare.py calls it.

    prepare.py PEER MODEL.onnx f32|int8 FOLDER PICTURES     prints a JSON object, the path first
"""

import json
import os
import sys
from pathlib import Path

# Libraries print what they like: only the object goes to standard output.
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402

import inputs  # noqa: E402
from engines import NotHere, engine  # noqa: E402

CALIBRATION, CHECKED = 64, 16


def scores(module, path, tensors):
    run = module.load(path, 1)
    if module.LAYOUT == "NHWC":
        tensors = [np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)) for tensor in tensors]
    return np.array([np.array(run(tensor), np.float32).ravel() for tensor in tensors])


def main(peer, onnx, precision, folder, pictures):
    onnx, folder = Path(onnx), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    module = engine(peer)
    wanted = CALIBRATION if precision == "int8" else CHECKED
    tensors = inputs.pictures(onnx, Path(pictures), wanted)
    path = module.prepare(onnx, precision, folder, tensors)
    expected = scores(engine("onnxruntime"), onnx, tensors[:CHECKED])
    found = scores(module, path, tensors[:CHECKED])
    return {
        "file": str(path),
        "shape": inputs.shape_of(onnx),
        "checked": CHECKED,
        "same_first": int((found.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        "largest_difference": float(np.abs(found - expected).max()),
    }


if __name__ == "__main__":
    try:
        result = main(*sys.argv[1:])
    except NotHere as reason:
        result = {"absent": str(reason)}
    json.dump(result, OUT)
    OUT.flush()
    # Some peers crash while they are torn down, when all is done.
    os._exit(0)
