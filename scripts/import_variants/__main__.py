"""Writes crates/compiler/tests/data/import and crates/compiler/tests/data/quantised: small ONNX files as exporters
and quantisers wrote them, and what ONNX Runtime computes of them.

    pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 protobuf==7.36.2
    python scripts/import_variants

Versions are those the committed files were made with, under Python 3.11. The ONNX files are the same bytes
on every machine; the outputs may differ in the last bits where ONNX Runtime chooses other kernels for another
CPU, so `--check` compares them within 1e-5, or one step of a quantised output, and writes nothing. `--report`
says where ONNX Runtime's optimisations, or the formula that Wisp documents, give another step.
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
import quantised
import refused
import residual
import storage
import tails
import windows

DATA = Path(__file__).resolve().parents[2] / "crates/compiler/tests/data"
FAMILIES = [storage, windows, pads, tails, dense, nhwc, residual, norms, nets]
LARGEST = 8 * 1024


def files():
    """Every file as path and bytes; the values and the step that they may be off, if it is an output."""
    for family in FAMILIES:
        for net in family.variants():
            try:
                model = net.model()
                output = expect.expected(model, expect.closed(net.shape))
            except Exception as error:
                raise SystemExit(f"{net.name}: {error}") from error
            yield f"{net.name}.onnx", model.SerializeToString(deterministic=True), None, None
            unit = max(float(np.ptp(output)), 1.0)
            yield f"{net.name}.f32", output.astype("<f4").tobytes(), output, expect.EQUAL * unit
    for name, model in refused.variants():
        yield f"refused/{name}.onnx", model.SerializeToString(deterministic=True), None, None


def same(path, content, output, allowed):
    if not path.exists():
        return False
    if output is None:
        return path.read_bytes() == content
    old = np.frombuffer(path.read_bytes(), "<f4")
    return old.size == output.size and np.abs(old - output.flatten()).max() <= allowed


def write(folder, files, check):
    """Gives the names of the files that are not as they should be."""
    (folder / "refused").mkdir(parents=True, exist_ok=True)
    written, wrong, total = set(), [], 0
    for name, content, output, allowed in files:
        path = folder / name
        assert path not in written, f"{name} is made twice"
        assert len(content) <= LARGEST or path.suffix == ".txt", f"{name} has {len(content)} bytes"
        written.add(path)
        total += len(content)
        if check and not same(path, content, output, allowed):
            wrong.append(name)
        elif not check:
            path.write_bytes(content)
    for path in sorted([*folder.rglob("*.onnx"), *folder.rglob("*.f32")]):
        if path not in written:
            wrong.append(path.name)
            if not check:
                path.unlink()
    print(f"{folder.name}: {len(written)} files, {total} bytes")
    return wrong


def main():
    check, report = "--check" in sys.argv[1:], "--report" in sys.argv[1:]
    wrong = write(DATA / "import", files(), check)
    wrong += write(DATA / "quantised", quantised.files(report), check)
    if check and wrong:
        raise SystemExit(f"these differ: {', '.join(wrong)}")


main()
