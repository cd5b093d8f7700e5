#!/usr/bin/env python3
"""Measures one peer in a fresh process, as `wisp bench --json` does itself; compare.py calls it.

    child.py PEER FILE SHAPE THREADS RUNS      prints a JSON object with its fields; SHAPE as 1,3,224,224
"""

import gc
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path

# Libraries print what they like: only the object goes to standard output.
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from engines import PACKAGES, engine  # noqa: E402
from pattern import pattern  # noqa: E402

WARM_UP = 5


def resident_bytes():
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def milliseconds(work):
    start = time.perf_counter_ns()
    result = work()
    return (time.perf_counter_ns() - start) / 1e6, result


def main(peer, path, shape, threads, runs):
    module = engine(peer)
    tensor = pattern([int(side) for side in shape.split(",")], module.LAYOUT)
    gc.collect()
    gc.disable()
    before = resident_bytes()
    load_ms, run = milliseconds(lambda: module.load(Path(path), int(threads)))
    first_ms, _ = milliseconds(lambda: run(tensor))
    added = resident_bytes() - before
    for _ in range(WARM_UP):
        run(tensor)
    times = sorted(milliseconds(lambda: run(tensor))[0] for _ in range(int(runs)))
    return {
        "engine": peer,
        "version": metadata.version(PACKAGES[peer]),
        "load_ms": load_ms,
        "first_ms": first_ms,
        "n": len(times),
        "min_ms": times[0],
        "p50_ms": times[len(times) // 2],
        "p90_ms": times[len(times) * 9 // 10],
        "rss_added_bytes": added,
        "threads": int(threads),
    }


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), OUT)
    OUT.flush()
    # Some peers crash while they are torn down, when all is done.
    os._exit(0)
