#!/usr/bin/env python3
"""How well the inner loops of the ARM kernels fit a core's ports, by llvm-mca; no ARM machine is needed.

    scripts/arm_pressure.py                     # builds the runtime for aarch64-unknown-linux-gnu, prints a table
    scripts/arm_pressure.py --assembly FILE.s   # of an assembly made before

Needs llvm-mca 19 (Debian: llvm-19) and a Rust that can compile for the target (`.ci/setup aarch64`). In the
assembly of each kernel the loop with the most multiplications is taken, as the compiler has left it. What
the table cannot know: caches, and what stands outside of the loop.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "aarch64-unknown-linux-gnu"
# Mangled names of the kernels contain these, one after the other.
KERNELS = {
    "f32 tile, NEON": (("neon", "gemm", "rows"), ("neon", "gemm", "tile")),
    "f32 Winograd products, NEON": (("neon", "winograd", "products"),),
    "u8·i8 tile, NEON": (("neon", "qgemm", "rows"), ("neon", "qgemm", "tile")),
    "u8·i8 tile, sdot": (("dotprod", "qgemm", "rows"), ("dotprod", "qgemm", "tile")),
}
CORES = {"Cortex-A72 (Pi 4)": "cortex-a72", "Neoverse N1 (as Cortex-A76, Pi 5)": "neoverse-n1"}
# Multiply-adds of an instruction by its mnemonic and the lanes of its first operand.
MACS = {
    ("fmla", "4s"): 4,
    ("smull", "8h"): 8,
    ("smull2", "8h"): 8,
    ("smlal", "8h"): 8,
    ("smlal2", "8h"): 8,
    ("sdot", "4s"): 16,
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assembly", type=Path, help="assembly of the runtime (default: built)")
    parser.add_argument("--mca", default="llvm-mca-19", help="default: llvm-mca-19")
    parser.add_argument("--loops", action="store_true", help="print the loops too")
    return parser.parse_args()


def built(folder):
    """Assembly of the runtime. Debian's cargo, where it is what has the target, finds its own rustc."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(folder))
    cargo = "cargo"
    way = subprocess.run([ROOT / ".ci" / "setup", "aarch64"], stdout=subprocess.PIPE, text=True, check=True)
    if way.stdout.strip() == "debian":
        cargo = "/usr/bin/cargo"
        environment |= {"RUSTC": "/usr/bin/rustc", "RUSTDOC": "/usr/bin/rustdoc"}
    command = [cargo, "rustc", "--release", "-p", "wisp", "--lib", "--target", TARGET, "--", "--emit", "asm"]
    subprocess.run([*command, "-C", "codegen-units=1"], cwd=ROOT, env=environment, check=True)
    return max((folder / TARGET / "release" / "deps").glob("wisp-*.s"), key=lambda path: path.stat().st_mtime)


def functions(text):
    """Name and lines of each function."""
    name, lines = None, []
    for line in text.splitlines():
        start = re.match(r"(_\w+):", line)
        if start:
            name, lines = start.group(1), []
        elif line.startswith(".Lfunc_end") and name:
            yield name, lines
            name = None
        elif name and not line.startswith(".Ltmp"):  # marks of debug information, no targets
            lines.append(line)


def macs(line):
    found = re.match(r"\s+(\w+)\s+v\d+\.(\w+)", line)
    return MACS.get((found.group(1), found.group(2)), 0) if found else 0


def loops(lines):
    """The instructions between a label and a branch back to it, where no other label lies between."""
    for start, line in enumerate(lines):
        label = re.match(r"(\.L\w+):", line)
        if not label:
            continue
        for end in range(start + 1, len(lines)):
            if re.match(r"\.L\w+:", lines[end]):
                break
            if re.match(rf"\s+(b\.\w+|cbn?z|tbn?z)\b.*{re.escape(label.group(1))}$", lines[end]):
                inside = lines[start + 1 : end + 1]
                yield [line for line in inside if re.match(r"\s+[a-z]", line)]
                break


def inner_loop(text, wanted):
    """The loop with the most multiplications in functions whose names have these words in this order."""
    found = []
    for name, lines in functions(text):
        for words in wanted:
            if re.search(".*".join(words), name):
                found += loops(lines)
    return max(found, key=lambda loop: sum(map(macs, loop)), default=None)


def pressure(mca, core, loop):
    """Cycles of a round, and the port that is busiest with its share."""
    code = "\n".join(re.sub(r"\.L\w+$", "loop", line) for line in loop)
    command = [mca, f"-mtriple={TARGET}", f"-mcpu={core}", "-mattr=+dotprod", "-iterations=200"]
    done = subprocess.run(command, input=f"loop:\n{code}\n", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{mca}: {done.stderr.strip().splitlines()[0]}")
    cycles = int(re.search(r"Total Cycles:\s+(\d+)", done.stdout).group(1)) / 200
    names = re.findall(r"^\[(\d+(?:\.\d+)?)\]\s+- (.+)$", done.stdout, re.M)
    block = done.stdout.split("Resource pressure per iteration:")[1].strip().splitlines()
    values = [0.0 if value == "-" else float(value) for value in block[1].split()]
    busiest, port = max(zip(values, (name for _, name in names)))
    return cycles, port, busiest / cycles


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.assembly or built(Path(folder))
        text = path.read_text(encoding="utf-8")
    print("| inner loop | core | multiply-adds a round | cycles | a cycle | busiest port |")
    print("|---|---|---:|---:|---:|---|")
    for kernel, wanted in KERNELS.items():
        loop = inner_loop(text, wanted)
        if loop is None or not sum(map(macs, loop)):
            print(f"{kernel}: no inner loop found", file=sys.stderr)
            continue
        if arguments.loops:
            print(f"-- {kernel}", *loop, sep="\n", file=sys.stderr)
        work = sum(map(macs, loop))
        for name, core in CORES.items():
            if "sdot" in kernel and core == "cortex-a72":
                continue  # it has no such instruction
            cycles, port, share = pressure(arguments.mca, core, loop)
            cells = [kernel, name, str(work), f"{cycles:.1f}", f"{work / cycles:.1f}", f"{port}, {share * 100:.0f} %"]
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
