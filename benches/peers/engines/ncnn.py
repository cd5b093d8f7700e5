"""ncnn: its converters are not on PyPI, so its .param and .bin are written here.

In integers ncnn quantises the weights itself while loading, from the scales in the file. The scales come from
the largest absolute values (ncnn2table's are by KL: another accuracy, the same time), 3×3 weights within ±31
as ncnn2table has them for its Winograd kernels, and maps between convolutions stay in int8 as in ncnn2int8.
"""

import ncnn
import numpy as np

import plain

LAYOUT = "NCHW"


def text(shape, layers, integers):
    """The .param file. ncnn wants a Split wherever a blob has several readers."""
    lines = [f"Input data 0 1 data 0={shape[3]} 1={shape[2]} 2={shape[1]}"]
    blobs, readers = 1, {}

    def split(name):
        nonlocal blobs
        count = len(plain.users(layers, name))
        readers[name] = [name]
        if count > 1:
            readers[name] = [f"{name}_{index}" for index in range(count)]
            lines.append(f"Split {name}_split 1 {count} {name} {' '.join(readers[name])}")
            blobs += count

    split("data")
    for layer in layers:
        inputs = [readers[name].pop(0) for name in layer.inputs]
        if layer.kind == "Conv":
            arguments = f"0={len(layer.bias)} 1={layer.kernel} 3={layer.stride} 4={layer.pad} 5=1"
            arguments += f" 6={layer.weights.size} 9={int(layer.relu)}"
            if integers:
                arguments += f" 8={102 if stays(layers, layer) else 2}"
            kind = "Convolution"
        elif layer.kind == "MaxPool":
            kind, arguments = "Pooling", f"0=0 1={layer.kernel} 2={layer.stride} 3={layer.pad} 5=1"
        elif layer.kind == "GlobalAveragePool":
            kind, arguments = "Pooling", "0=1 4=1"
        else:
            kind, arguments = {"Concat": ("Concat", "0=0"), "Softmax": ("Softmax", "0=0 1=1")}[layer.kind]
        lines.append(f"{kind} {layer.output} {len(inputs)} 1 {' '.join(inputs)} {layer.output} {arguments}")
        blobs += 1
        split(layer.output)
    return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines, ""])


def stays(layers, layer):
    """Whether what a convolution writes is read by convolutions only."""
    return all(user.kind == "Conv" for user in plain.users(layers, layer.output))


def weights(layers, largest):
    """The .bin file; `largest` has the largest absolute value of every blob, or is None for f32."""
    parts = []
    for layer in (layer for layer in layers if layer.kind == "Conv"):
        parts += [np.zeros(1, np.uint32), layer.weights.astype(np.float32), layer.bias.astype(np.float32)]
        if largest:
            end = 31 if layer.kernel == 3 and layer.stride == 1 else 127
            per_channel = np.abs(layer.weights).reshape(len(layer.bias), -1).max(axis=1)
            parts.append((end / np.maximum(per_channel, 1e-9)).astype(np.float32))
            parts.append(np.float32([127 / largest[layer.inputs[0]]]))
            if stays(layers, layer):
                parts.append(np.float32([127 / largest[layer.output]]))
    return b"".join(part.tobytes() for part in parts)


def observe(net, layers, tensors):
    names = {name for layer in layers if layer.kind == "Conv" for name in (*layer.inputs, layer.output)}
    largest = dict.fromkeys(names, 1e-9)
    for tensor in tensors:
        extractor = net.create_extractor()
        extractor.set_light_mode(False)
        extractor.input("data", ncnn.Mat(tensor[0]))
        for name in names - {"data"}:
            largest[name] = max(largest[name], float(np.abs(np.array(extractor.extract(name)[1])).max()))
        largest["data"] = max(largest["data"], float(np.abs(tensor).max()))
    return largest


def write(path, shape, layers, largest=None):
    path.write_text(text(shape, layers, largest is not None), encoding="utf-8")
    path.with_suffix(".bin").write_bytes(weights(layers, largest))
    return path


def prepare(onnx, precision, folder, tensors):
    shape, layers = plain.read(onnx)
    path = write(folder / "f32.param", shape, layers)
    if precision == "int8":
        path = write(folder / "int8.param", shape, layers, observe(network(path, 1), layers, tensors))
    return path


def network(path, threads):
    net = ncnn.Net()
    net.opt.num_threads = threads
    if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
        raise RuntimeError(f"ncnn does not load {path}")
    return net


def load(path, threads):
    net = network(path, threads)
    last = net.output_names()[0]

    def run(tensor):
        extractor = net.create_extractor()
        extractor.input("data", ncnn.Mat(tensor[0]))
        return np.array(extractor.extract(last)[1])

    return run
