#!/usr/bin/env python3
"""Run squeezenet1.1.onnx in ONNX Runtime: the figures that README.md quotes come from here.

    python models/check.py models/samples/*.png models/samples/*.jpg    # five labels for each picture
    python models/check.py --labelled FOLDER                            # accuracy over a folder
    python models/check.py --dump FOLDER PICTURE...                     # input and logits as .npy files

A labelled folder holds a labels.txt with a line "file index" for each picture.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

HERE = Path(__file__).resolve().parent
LOGITS = "flatten"  # the tensor that Softmax reads


class Network:
    def __init__(self):
        model = onnx.load(HERE / "squeezenet1.1.onnx")
        known = {entry.key: entry.value for entry in model.metadata_props}
        expected = {"wisp.resize": "warp", "wisp.order": "bgr", "wisp.range": "255", "wisp.std": "1,1,1"}
        if any(known.get(key) != value for key, value in expected.items()):
            raise SystemExit(f"this script knows only the preprocessing {expected}")
        self.size = int(known["wisp.size"])
        self.mean = np.array([float(part) for part in known["wisp.mean"].split(",")], np.float32)
        model.graph.output.append(onnx.helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, [1, 1000]))
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def input_of(self, picture):
        """Warp to the input's size with Pillow's bilinear filter, RGB to BGR, minus the means."""
        with Image.open(picture) as image:
            warped = image.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        bgr = np.asarray(warped, np.float32)[:, :, ::-1] - self.mean
        return np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])

    def run(self, tensor):
        scores, logits = self.session.run(["prob", LOGITS], {"data": tensor})
        return scores[0], logits[0]


def best(scores, count=5):
    return np.argsort(-scores, kind="stable")[:count]


def accuracy(network, folder):
    lines = [line.split() for line in (folder / "labels.txt").read_text().splitlines() if line.strip()]
    first = five = 0
    for name, label in lines:
        ranks = best(network.run(network.input_of(folder / name))[0])
        first += ranks[0] == int(label)
        five += int(label) in ranks
    print(f"{folder.name}: top-1 {first}, top-5 {five} of {len(lines)}")


def main():
    parser = argparse.ArgumentParser(description="Run squeezenet1.1.onnx in ONNX Runtime.")
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--labelled", type=Path, metavar="FOLDER", help="measure the accuracy over this folder")
    parser.add_argument("--dump", type=Path, metavar="FOLDER", help="write each picture's input and logits there")
    arguments = parser.parse_args()

    network = Network()
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
