"""LiteRT (TensorFlow Lite with XNNPACK). No converter from ONNX runs everywhere, so the file is written here
with the schema that LiteRT ships; integers by Google's ai-edge-quantizer."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import plain
from . import NotHere

LAYOUT = "NHWC"
SIGNATURE = "serving_default"


class Writer:
    def __init__(self):
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "wisp benches/peers"
        self.model.buffers, self.model.operatorCodes = [self.buffer(None)], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    @staticmethod
    def buffer(array):
        buffer = schema.BufferT()
        if array is not None:
            buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        return buffer

    def tensor(self, name, shape, array=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, np.array(shape, np.int32), 0
        integers = array is not None and array.dtype == np.int32
        tensor.type = schema.TensorType.INT32 if integers else schema.TensorType.FLOAT32
        if array is not None:
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(self.buffer(array))
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, kind, inputs, output, options):
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = getattr(schema.BuiltinOperator, kind), 1
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        codes = self.model.operatorCodes
        index = next((i for i, other in enumerate(codes) if other.builtinCode == code.builtinCode), len(codes))
        if index == len(codes):
            codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = index, np.int32(inputs), np.int32([output])
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(operator)

    def finish(self, given, answer):
        self.graph.inputs, self.graph.outputs = np.int32([given]), np.int32([answer])
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
        for entry, name, index in ((signature.inputs[0], "data", given), (signature.outputs[0], "prob", answer)):
            entry.name, entry.tensorIndex = name, index
        self.model.signatureDefs = [signature]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def options(kind, layer, kernel, padding):
    """The options of a convolution or window."""
    found = kind()
    found.padding, found.strideH, found.strideW = padding, layer.stride, layer.stride
    if kind is schema.Conv2DOptionsT:
        found.dilationHFactor = found.dilationWFactor = 1
    else:
        found.filterHeight = found.filterWidth = kernel
    if layer.relu:
        found.fusedActivationFunction = schema.ActivationFunctionType.RELU
    return found


def convert(onnx):
    (_, channels, size, _), layers = plain.read(onnx)
    writer = Writer()
    shapes = {"data": (size, channels)}
    index = {"data": writer.tensor("data", [1, size, size, channels])}
    for layer in layers:
        size, channels = shapes[layer.inputs[0]]
        inputs = [index[name] for name in layer.inputs]
        same = layer.pad > 0
        if same and (layer.stride != 1 or layer.kernel != 2 * layer.pad + 1):
            raise NotHere(f"padding of {layer.output} is neither VALID nor SAME")
        padding = schema.Padding.SAME if same else schema.Padding.VALID
        if layer.kind in ("Conv", "MaxPool"):
            size = (size + 2 * layer.pad - layer.kernel) // layer.stride + 1
        if layer.kind == "Conv":
            channels = len(layer.bias)
            filters = np.ascontiguousarray(layer.weights.transpose(0, 2, 3, 1))
            inputs.append(writer.tensor(f"{layer.output}_w", filters.shape, filters))
            inputs.append(writer.tensor(f"{layer.output}_b", [channels], layer.bias))
            kind, chosen = "CONV_2D", options(schema.Conv2DOptionsT, layer, None, padding)
        elif layer.kind == "MaxPool":
            kind, chosen = "MAX_POOL_2D", options(schema.Pool2DOptionsT, layer, layer.kernel, padding)
        elif layer.kind == "GlobalAveragePool":
            kind, chosen = "AVERAGE_POOL_2D", options(schema.Pool2DOptionsT, layer, size, padding)
            size = 1
        elif layer.kind == "Concat":
            channels = sum(shapes[name][1] for name in layer.inputs)
            kind, chosen = "CONCATENATION", schema.ConcatenationOptionsT()
            chosen.axis = 3
        else:
            flat = writer.tensor("flat", [1, channels])
            shape, chosen = np.int32([1, channels]), schema.ReshapeOptionsT()
            chosen.newShape = shape
            writer.operator("RESHAPE", [*inputs, writer.tensor("shape", [2], shape)], flat, chosen)
            answer = writer.tensor(layer.output, [1, channels])
            chosen = schema.SoftmaxOptionsT()
            chosen.beta = 1.0
            writer.operator("SOFTMAX", [flat], answer, chosen)
            continue
        shapes[layer.output] = (size, channels)
        index[layer.output] = writer.tensor(layer.output, [1, size, size, channels])
        writer.operator(kind, inputs, index[layer.output], chosen)
    return writer.finish(index["data"], answer)


def prepare(onnx, precision, folder, tensors):
    path = folder / "f32.tflite"
    path.write_bytes(convert(onnx))
    if precision == "f32":
        return path
    from ai_edge_quantizer import Quantizer, recipe

    out = folder / "int8.tflite"
    # Floats in and out, as the other peers and Wisp have them; XNNPACK converts them.
    floats = [
        {
            "regex": ".*",
            "operation": operation,
            "algorithm_key": "no_quantize",
            "op_config": {"weight_tensor_config": {"num_bits": 8}},
        }
        for operation in ("INPUT", "OUTPUT")
    ]
    quantizer = Quantizer(str(path), recipe.static_wi8_ai8() + floats)
    samples = [{"data": np.ascontiguousarray(tensor.transpose(0, 2, 3, 1))} for tensor in tensors]
    found = quantizer.calibrate({SIGNATURE: samples}, num_threads=1)
    out.write_bytes(quantizer.quantize(found, enable_progress_report=False).quantized_model)
    return out


def load(path, threads):
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(tensor):
        interpreter.set_tensor(given, tensor)
        interpreter.invoke()
        return interpreter.get_tensor(answer)

    return run
