"""Writes crates/compiler/tests/data/import: small ONNX files as exporters wrote them, and what ONNX Runtime
computes of them.

    pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 protobuf==7.36.2
    python scripts/import_variants

Versions are those the committed files were made with, under Python 3.11. The ONNX files are the same bytes
on every machine; the outputs may differ in the last bits where ONNX Runtime chooses other kernels for another
CPU, so `--check` compares them within 1e-5 and writes nothing.
"""

import sys

sys.dont_write_bytecode = True

from pathlib import Path

import numpy as np

import dense
import expect
import nets
import nhwc
import norms
import pads
import refused
import residual
import storage
import tails
import windows

FOLDER = Path(__file__).resolve().parents[2] / "crates/compiler/tests/data/import"
FAMILIES = [storage, windows, pads, tails, dense, nhwc, residual, norms, nets]
LARGEST = 8 * 1024


def files():
    """Every file as path, bytes, and the values that it holds if it is an output."""
    for family in FAMILIES:
        for net in family.variants():
            try:
                model = net.model()
                shape = [size if isinstance(size, int) and size > 0 else 1 for size in net.shape]
                output = expect.expected(model, shape)
            except Exception as error:
                raise SystemExit(f"{net.name}: {error}") from error
            yield f"{net.name}.onnx", model.SerializeToString(deterministic=True), None
            yield f"{net.name}.f32", output.astype("<f4").tobytes(), output
    for name, model in refused.variants():
        yield f"refused/{name}.onnx", model.SerializeToString(deterministic=True), None


def same(path, content, output):
    if not path.exists():
        return False
    if output is None:
        return path.read_bytes() == content
    old = np.frombuffer(path.read_bytes(), "<f4")
    unit = max(float(np.ptp(output)), 1.0)
    return old.size == output.size and np.abs(old - output.flatten()).max() <= expect.EQUAL * unit


def main():
    check = "--check" in sys.argv[1:]
    (FOLDER / "refused").mkdir(parents=True, exist_ok=True)
    written, wrong, total = set(), [], 0
    for name, content, output in files():
        path = FOLDER / name
        assert path not in written, f"{name} is made twice"
        assert len(content) <= LARGEST, f"{name} has {len(content)} bytes"
        written.add(path)
        total += len(content)
        if check and not same(path, content, output):
            wrong.append(name)
        elif not check:
            path.write_bytes(content)
    for path in sorted([*FOLDER.rglob("*.onnx"), *FOLDER.rglob("*.f32")]):
        if path not in written:
            wrong.append(path.name)
            if not check:
                path.unlink()
    if check and wrong:
        raise SystemExit(f"these differ: {', '.join(wrong)}")
    print(f"{len(written)} files, {total} bytes")


main()
