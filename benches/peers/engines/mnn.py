"""MNN: its own converter makes the file, its own quantiser the integers (KL for maps, largest values for weights)."""

import json
import os

import MNN
import numpy as np

LAYOUT = "NCHW"


def tensors_as_text(folder, tensors, name):
    """The quantiser takes tensors as a folder each, with the values in text."""
    for index, tensor in enumerate(tensors):
        place = folder / f"input_{index}"
        place.mkdir(parents=True, exist_ok=True)
        about = {"inputs": [{"name": name, "shape": list(tensor.shape)}], "outputs": ["prob"]}
        (place / "input.json").write_text(json.dumps(about), encoding="utf-8")
        (place / f"{name}.txt").write_text("\n".join(f"{value:.6g}" for value in tensor.ravel()), encoding="utf-8")


def prepare(onnx, precision, folder, tensors):
    import _tools

    path = folder / "f32.mnn"
    _tools.mnnconvert(
        ["mnnconvert", "-f", "ONNX", "--modelFile", str(onnx), "--MNNModel", str(path), "--bizCode", "peers"]
    )
    if precision == "f32":
        return path
    calibration, out = folder / "calibration", folder / "int8.mnn"
    tensors_as_text(calibration, tensors, "data")
    settings = {
        "path": f"{calibration}/",
        "input_type": "sequence",
        "used_sample_num": len(tensors),
        "feature_quantize_method": "KL",
        "weight_quantize_method": "MAX_ABS",
    }
    (folder / "quantise.json").write_text(json.dumps(settings), encoding="utf-8")
    _tools.mnnquant(["mnnquant", str(path), str(out), str(folder / "quantise.json")])
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
