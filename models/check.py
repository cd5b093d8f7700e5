#!/usr/bin/env python3
"""Run squeezenet1.1.onnx in ONNX Runtime: the figures that README.md quotes come from here.

    python models/check.py models/samples/*.png models/samples/*.jpg    # five labels for each picture
    python models/check.py --labelled FOLDER                            # accuracy over a folder
    python models/check.py --dump FOLDER PICTURE...                     # input and logits as .npy files

A labelled folder holds a labels.txt with a line "file index" for each picture. --model FILE runs another
ONNX file with the same input.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

HERE = Path(__file__).resolve().parent


class Network:
    def __init__(self, model, fused=True):
        """A path or a model. `fused` lets ONNX Runtime join nodes, and run what is quantised in integers."""
        if isinstance(model, Path):
            model = onnx.load(model)
        known = {entry.key: entry.value for entry in model.metadata_props}
        expected = {"wisp.resize": "warp", "wisp.order": "bgr", "wisp.range": "255", "wisp.std": "1,1,1"}
        if any(known.get(key) != value for key, value in expected.items()):
            raise SystemExit(f"this script knows only the preprocessing {expected}")
        self.size = int(known["wisp.size"])
        self.mean = np.array([float(part) for part in known["wisp.mean"].split(",")], np.float32)
        model = onnx.ModelProto.FromString(model.SerializeToString())
        logits = next(node.input[0] for node in model.graph.node if node.op_type == "Softmax")
        self.outputs = [model.graph.output[0].name, logits]
        model.graph.output.append(onnx.helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, [1, 1000]))
        options = onnxruntime.SessionOptions()
        if not fused:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def input_of(self, picture):
        """Warp to the input's size with Pillow's bilinear filter, RGB to BGR, minus the means."""
        with Image.open(picture) as image:
            warped = image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        bgr = np.asarray(warped, np.float32)[:, :, ::-1] - self.mean
        return np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])

    def run(self, tensor):
        scores, logits = self.session.run(self.outputs, {"data": tensor})
        return scores[0], logits[0]


def best(scores, count=5):
    return np.argsort(-scores, kind="stable")[:count]


def read_labels(path):
    """(file, class) for each line of a labels file."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(name, int(label)) for name, label in lines]


def read_list(path, labels):
    """The positions in the labels that a list gives, as `wisp eval --only` reads it: names or indices."""
    names = {name: index for index, (name, _) in enumerate(labels)}
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = [names[line] if line in names else int(line) for line in lines if line and not line.startswith("#")]
    if not wanted or not all(0 <= index < len(labels) for index in wanted):
        raise SystemExit(f"{path} does not list pictures of {len(labels)} labels")
    return wanted


def accuracy(network, folder):
    labels = read_labels(folder / "labels.txt")
    first = five = 0
    for name, label in labels:
        ranks = best(network.run(network.input_of(folder / name))[0])
        first += ranks[0] == label
        five += label in ranks
    print(f"{folder.name}: top-1 {first}, top-5 {five} of {len(labels)}")


def main():
    parser = argparse.ArgumentParser(description="Run squeezenet1.1.onnx, or a model like it, in ONNX Runtime.")
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--labelled", type=Path, metavar="FOLDER", help="measure the accuracy over this folder")
    parser.add_argument("--dump", type=Path, metavar="FOLDER", help="write each picture's input and logits there")
    parser.add_argument("--model", type=Path, metavar="FILE", default=HERE / "squeezenet1.1.onnx")
    arguments = parser.parse_args()

    network = Network(arguments.model)
    labels = (HERE / "imagenet1k.txt").read_text(encoding="utf-8").splitlines()
    for picture in arguments.pictures:
        tensor = network.input_of(picture)
        scores, logits = network.run(tensor)
        print(picture.name)
        for index in best(scores):
            print(f"  {index:4}  {scores[index]:.3f}  {labels[index]}")
        if arguments.dump:
            arguments.dump.mkdir(parents=True, exist_ok=True)
            np.save(arguments.dump / f"{picture.stem}-input.npy", tensor)
            np.save(arguments.dump / f"{picture.stem}-logits.npy", logits)
    if arguments.labelled:
        accuracy(network, arguments.labelled)


if __name__ == "__main__":
    main()
