#!/usr/bin/env python3
"""How often Wisp gives one of the classes to which ONNX Runtime gives its highest score.

    python scripts/compare_onnxruntime.py WISP PICTURES MODEL.onnx...

WISP is the command, PICTURES a folder with labels.txt (`file index` a line), each MODEL a SqueezeNet file that
takes BGR less the Caffe means. Both see the same pixels: Pillow decodes the JPEGs and Wisp gets PNGs, since
JPEG decoders differ by a step here and there. Scores of quantised files tie, so a set of classes is compared.

Needs onnxruntime, numpy and Pillow (12.0 or older: later ones resize some sizes differently).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

MEANS = np.array([104.006, 116.669, 122.679], np.float32)


def main(wisp, pictures, models):
    pictures = Path(pictures)
    names = [line.rsplit(maxsplit=1)[0] for line in (pictures / "labels.txt").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name in names:
            files.append(Path(folder, name).with_suffix(".png"))
            Image.open(pictures / name).convert("RGB").save(files[-1], compress_level=1)
        for model in models:
            compare(wisp, model, files, Path(folder, "model.wisp"))


def compare(wisp, model, files, compiled):
    command = [wisp, "compile", model, "--preset", "caffe", "-o", compiled, "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    command = [wisp, "classify", "--model", compiled, "--json", "--top", "1", *files]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    among = 0
    for path, line in zip(files, lines, strict=True):
        picture = Image.open(path).resize((224, 224), Image.Resampling.BILINEAR)
        tensor = np.asarray(picture, np.float32)[:, :, ::-1] - MEANS
        scores = session.run(None, {"data": tensor.transpose(2, 0, 1)[None]})[0].ravel()
        among += int(scores[json.loads(line)["top"][0]["index"]] == scores.max())
    integers = f"{report['convs_int8']} of {report['convs']} convolutions in integers"
    print(f"{Path(model).name}: {integers}; among the highest on {among} of {len(files)}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
