"""MNN: its own converter makes the file."""

import contextlib
import io
import os

import MNN
import numpy as np

from . import NotHere

LAYOUT = "NCHW"


def prepare(onnx, precision, folder, tensors):
    if precision != "f32":
        raise NotHere("its quantiser wants pictures in its own preprocessing")
    import _tools

    out = folder / "f32.mnn"
    with contextlib.redirect_stdout(io.StringIO()):
        _tools.mnnconvert(
            ["mnnconvert", "-f", "ONNX", "--modelFile", str(onnx), "--MNNModel", str(out), "--bizCode", "peers"]
        )
    return out


def load(path, threads):
    interpreter = MNN.Interpreter(os.fspath(path))
    session = interpreter.createSession({"backend": "CPU", "numThread": threads, "precision": "high"})
    given = interpreter.getSessionInput(session)
    answer = interpreter.getSessionOutput(session)
    shape, kind = answer.getShape(), MNN.Halide_Type_Float
    scores = np.zeros(shape, np.float32)
    host = MNN.Tensor(shape, kind, scores, MNN.Tensor_DimensionType_Caffe)

    def run(tensor):
        source = MNN.Tensor(given.getShape(), kind, tensor, MNN.Tensor_DimensionType_Caffe)
        given.copyFrom(source)
        interpreter.runSession(session)
        answer.copyToHostTensor(host)
        return np.array(host.getNumpyData(), copy=False)

    return run
