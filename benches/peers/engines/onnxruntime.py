"""ONNX Runtime: the ONNX file itself; integers by its quantize_static, as Q and DQ around each operator."""

import logging

import onnxruntime

LAYOUT = "NCHW"


def prepare(onnx, precision, folder, tensors):
    if precision == "f32":
        return onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter(tensors)

        def get_next(self):
            tensor = next(self.rest, None)
            return None if tensor is None else {"data": tensor}

    logging.disable(logging.WARNING)
    plain, out = folder / "preprocessed.onnx", folder / "int8.onnx"
    quant_pre_process(onnx, plain, skip_symbolic_shape=True)
    # Settings of models/make_qdq.py but for the calibration, which does not change the time.
    quantize_static(
        plain,
        out,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "Relu", "MaxPool", "Concat", "Gemm", "Add"],
    )
    return out


def load(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: session.run(None, {name: tensor})[0]
