"""OpenVINO: reads the ONNX file; integers by NNCF's post-training quantisation."""

import openvino

LAYOUT = "NCHW"


def prepare(onnx, precision, folder, tensors):
    model = openvino.convert_model(str(onnx))
    out = folder / f"{precision}.xml"
    if precision == "int8":
        import nncf

        model = nncf.quantize(model, nncf.Dataset(tensors), subset_size=len(tensors))
    openvino.save_model(model, out, compress_to_fp16=False)
    return out


def load(path, threads):
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Otherwise a CPU with bfloat16 gets that in place of f32.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()

    def run(tensor):
        request.infer([tensor], share_inputs=True, share_outputs=True)
        return request.get_output_tensor(0).data

    return run
