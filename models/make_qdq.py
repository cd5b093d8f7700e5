#!/usr/bin/env python3
"""Quantise squeezenet1.1.onnx to eight bits with ONNX Runtime: squeezenet1.1-qdq.onnx.

    python models/make_qdq.py models/squeezenet1.1.onnx models/squeezenet1.1-qdq.onnx
    python models/make_qdq.py ... --images FOLDER --labels FOLDER/labels.txt             # calibrate anew
    python models/make_qdq.py ... --images FOLDER --labels FOLDER/labels.txt --compare   # try all settings

The ranges of the activations stand in a file beside the model, so that the first command writes the same
bytes everywhere, without pictures. Calibrating is arithmetic in floats, and needs labelled pictures, which
are not in this repository: a line "file index" each in the labels file. The pictures of split-a.txt give the
ranges, those of split-b.txt are measured, by pairs with the f32 model.
"""

import argparse
import contextlib
import hashlib
import io
import logging
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import PIL
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    create_calibrator,
    quantize_static,
)
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

from check import HERE, Network, best, read_labels, read_list

SOURCE_SHA256 = "cb54e05b34e2364c6df2879b7ebee29fa1af960433a60fe689e5df3a70a18e68"
LARGEST = 1_500_000
# The pictures that the committed ranges come from, by the bytes of their files one after the other.
PICTURES_SHA256 = "af8b1c790d5c7445bfcbe6de4bde1366aa5823b7e552b4824609d15637b1a35f"

# What runs in integers. Relu is among them so that it vanishes into the range of the convolution before
# it. The average over the last map and the softmax stay in floats: eight bits for their results would give
# two classes the same score on one picture of twenty, and no score at all to most classes.
OPERATORS = ["Conv", "Relu", "MaxPool", "Concat"]
TAIL = ["GlobalAveragePool", "Softmax"]

METHODS = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "entropy": (CalibrationMethod.Entropy, {}),
    "percentile-99.99": (CalibrationMethod.Percentile, {"percentile": 99.99}),
    "percentile-99.999": (CalibrationMethod.Percentile, {"percentile": 99.999}),
    "percentile-99.9999": (CalibrationMethod.Percentile, {"percentile": 99.9999}),
}
# The best of README.md's table, made by --compare.
CHOSEN = "percentile-99.999"
# Pictures whose tensors are in memory at a time; histograms depend a little on it.
BATCH = 20


class Reader(CalibrationDataReader):
    def __init__(self, tensors):
        self.tensors = iter(tensors)

    def get_next(self):
        tensor = next(self.tensors, None)
        return None if tensor is None else {"data": tensor}


def read_source(path):
    """The f32 model, without the dropout that does nothing: it would get a scale of its own."""
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SOURCE_SHA256:
        sys.exit(f"{path}: SHA-256 is {found}, expected {SOURCE_SHA256} (squeezenet1.1.onnx)")
    model = onnx.load_from_string(data)
    for dropout in [node for node in model.graph.node if node.op_type == "Dropout"]:
        for node in model.graph.node:
            node.input[:] = [dropout.input[0] if name == dropout.output[0] else name for name in node.input]
        model.graph.node.remove(dropout)
    return model


def calibrate(model, tensors, method):
    """Name of a tensor -> (lowest, highest)."""
    kind, options = METHODS[method]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        source = Path(folder) / "source.onnx"
        onnx.save(model, source)
        calibrator = create_calibrator(
            source,
            OPERATORS + TAIL,
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=kind,
            extra_options=options,
        )
        for start in range(0, len(tensors), BATCH):
            calibrator.collect_data(Reader(tensors[start : start + BATCH]))
        ranges = calibrator.compute_data()
    return {name: tuple(np.float32(np.ravel(end)[0]) for end in data.range_value) for name, data in ranges.items()}


def write_ranges(ranges, path):
    # A float's shortest decimal digits read back to the same bits.
    lines = [f"{name} {lowest!s} {highest!s}\n" for name, (lowest, highest) in sorted(ranges.items())]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def read_ranges(path):
    if not path.exists():
        sys.exit(f"{path} is missing; give --images and --labels to calibrate anew")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return {name: (np.float32(lowest), np.float32(highest)) for name, lowest, highest in lines}


def quantise(source, ranges, reduce_range=False, integer_tail=False):
    ends = {name: tuple(np.array(end, np.float32) for end in pair) for name, pair in ranges.items()}
    with tempfile.TemporaryDirectory() as folder:
        cache, output = Path(folder) / "ranges.json", Path(folder) / "out.onnx"
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, ends), cache)
        quantize_static(
            onnx.ModelProto.FromString(source.SerializeToString()),
            output,
            calibration_cache_path=cache,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS + (TAIL if integer_tail else []),
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
        )
        model = onnx.load(output)
    del model.opset_import[:]
    model.opset_import.extend(source.opset_import)
    model.producer_name, model.producer_version = "wisp models/make_qdq.py", ""
    # The quantiser adds remarks of its own.
    onnx.helper.set_model_props(model, {entry.key: entry.value for entry in source.metadata_props})
    return model


def check(model, data):
    onnx.checker.check_model(model, full_check=True)
    if len(data) > LARGEST:
        sys.exit(f"the file has {len(data)} bytes, at most {LARGEST} are wanted")
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.data_type == 3]
    lowest = min(int(array.min()) for array in weights if array.ndim == 4)
    if lowest < -127:
        sys.exit(f"a weight is {lowest}; weights are expected within -127 to 127")


def answers(network, tensors):
    scores, logits = zip(*(network.run(tensor) for tensor in tensors))
    return np.array(scores), np.array(logits, np.float64)


def mcnemar(gained, lost):
    total, fewer = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(math.comb(total, i) for i in range(fewer + 1)) / 2**total)


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def paired(reference, model, labels):
    """The figures of `wisp eval --reference`, and the pictures on which the first place is shared."""
    expected, found = (np.array([best(scores) for scores in answer[0]]) for answer in (reference, model))
    right = [(ranks[:, 0] == labels) for ranks in (expected, found)]
    gained, lost = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    p, q = log_softmax(reference[1]), log_softmax(model[1])
    shared = [len(set(a) & set(b)) / len(a) for a, b in zip(expected, found)]
    return {
        "n": len(labels),
        "agree": int((expected[:, 0] == found[:, 0]).sum()),
        "ties": int(((model[0] == model[0].max(axis=1, keepdims=True)).sum(axis=1) > 1).sum()),
        "overlap": float(np.mean(shared)),
        "kl": float((np.exp(p) * (p - q)).sum(axis=1).mean()),
        "top1": int(right[1].sum()),
        "reference_top1": int(right[0].sum()),
        "gained": gained,
        "lost": lost,
        "p": mcnemar(gained, lost),
    }


def describe(figures):
    return (
        f"agreement {figures['agree']} of {figures['n']}, shared first places {figures['ties']}, "
        f"overlap of the five best {figures['overlap']:.3f}, mean KL {figures['kl']:.5f} nats, "
        f"top-1 {figures['top1']} against {figures['reference_top1']} "
        f"(gained {figures['gained']}, lost {figures['lost']}, McNemar p {figures['p']:.3f})"
    )


class Pictures:
    """Tensors, labels and the f32 model's answers for the pictures of a list."""

    def __init__(self, network, folder, labels, wanted):
        pictures = [labels[index] for index in read_list(wanted, labels)]
        paths = [folder / name for name, _ in pictures]
        self.digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
        self.tensors = [network.input_of(path) for path in paths]
        self.labels = np.array([label for _, label in pictures])
        self.reference = answers(network, self.tensors)

    def measure(self, model, fused=False):
        return paired(self.reference, answers(Network(model, fused), self.tensors), self.labels)


def compare(source, halves):
    """A table of all settings, each calibrated on one half and measured on the other, both ways."""
    rows = [(method, reduced, False) for method in METHODS for reduced in (False, True)] + [(CHOSEN, False, True)]
    ranges = {method: [calibrate(source, half.tensors, method) for half in halves] for method in METHODS}
    print("| calibration | weights | average, softmax | agreement | shared first | overlap | mean KL | gained, lost |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for method, reduced, integer_tail in rows:
        measured = [
            other.measure(quantise(source, found, reduced, integer_tail))
            for found, other in zip(ranges[method], reversed(halves))
        ]

        def both(key, form="{}", between=" + "):
            return between.join(form.format(figures[key]) for figures in measured)

        print(
            f"| {method} | {7 if reduced else 8} bits | {'u8' if integer_tail else 'f32'} "
            f"| {both('agree')} | {both('ties')} | {both('overlap', '{:.3f}', ', ')} | {both('kl', '{:.4f}', ', ')} "
            f"| {both('gained')}, {both('lost')} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description="Quantise squeezenet1.1.onnx with ONNX Runtime.")
    parser.add_argument("source", type=Path, help="squeezenet1.1.onnx")
    parser.add_argument("output", type=Path, help="the ONNX file to write; its .ranges file stands beside it")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="calibrate on pictures of this folder")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="their names and classes")
    parser.add_argument("--calibrate", type=Path, metavar="LIST", default=HERE / "split-a.txt", help="those to use")
    parser.add_argument("--measure", type=Path, metavar="LIST", default=HERE / "split-b.txt", help="those to measure")
    parser.add_argument("--method", choices=METHODS, default=CHOSEN)
    parser.add_argument("--integer-tail", action="store_true", help="the average and the softmax in integers too")
    parser.add_argument("--compare", action="store_true", help="print a table of all settings and write nothing")
    arguments = parser.parse_args()
    if (arguments.images is None) != (arguments.labels is None) or (arguments.compare and not arguments.images):
        parser.error("--images and --labels go together, and --compare needs them")
    logging.disable(logging.WARNING)  # the quantiser recommends what read_source does

    source = read_source(arguments.source)
    path = arguments.output.with_suffix(".ranges")
    if arguments.images:
        if tuple(int(part) for part in PIL.__version__.split(".")[:2]) >= (12, 2):
            sys.exit(f"Pillow {PIL.__version__} resizes unlike Wisp; pip install pillow==12.0.0")
        network, labels = Network(arguments.source), read_labels(arguments.labels)
        lists = (arguments.calibrate, arguments.measure)
        halves = [Pictures(network, arguments.images, labels, wanted) for wanted in lists]
        if arguments.compare:
            return compare(source, halves)
        if halves[0].digest != PICTURES_SHA256:
            print(f"not the pictures of the committed ranges: their SHA-256 is {halves[0].digest}", file=sys.stderr)
        write_ranges(calibrate(source, halves[0].tensors, arguments.method), path)
    model = quantise(source, read_ranges(path), integer_tail=arguments.integer_tail)
    data = model.SerializeToString(deterministic=True)
    check(model, data)
    arguments.output.write_bytes(data)
    print(f"{arguments.output}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")
    if arguments.images:
        print(f"as the file says: {describe(halves[1].measure(model))}")
        print(f"fused by ONNX Runtime for this CPU: {describe(halves[1].measure(model, fused=True))}")


if __name__ == "__main__":
    main()
