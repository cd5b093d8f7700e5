"""OpenCV's DNN module: reads the ONNX file, f32 only."""

import cv2

from . import NotHere

LAYOUT = "NCHW"


def prepare(onnx, precision, folder, tensors):
    if precision != "f32":
        raise NotHere("it has no quantiser of its own any more")
    return onnx


def load(path, threads):
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(str(path))

    def run(tensor):
        net.setInput(tensor)
        return net.forward()

    return run
