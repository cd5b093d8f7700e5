"""The peers, one a file, behind one face:

    prepare(onnx, precision, folder, tensors) -> path   convert, and quantise with the peer's own quantiser
    load(path, threads) -> run                          run(tensor) -> scores; tensor as LAYOUT says

A peer that cannot do a precision raises NotHere, with the reason.
"""

import importlib

# Name -> the package whose version is reported.
PACKAGES = {
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "litert": "ai-edge-litert",
    "ncnn": "ncnn",
    "mnn": "mnn",
    "opencv": "opencv-python-headless",
}


class NotHere(Exception):
    """This peer does not take part in this comparison."""


def engine(name):
    return importlib.import_module(f"engines.{name}")
