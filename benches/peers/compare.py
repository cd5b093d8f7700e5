#!/usr/bin/env python3
"""Wisp against other runtimes on this machine: the same network, the same input, the same pinned CPUs, in turn.

    python benches/peers/compare.py                                        # SqueezeNet 1.1, f32, one thread
    python benches/peers/compare.py squeezenet1.1 --precision f32,int8 --json peers.json
    python benches/peers/compare.py resnet18 vgg16 --runs 10

Each round starts every contender once, in a process of its own that loads the network, warms up and times its
runs: wisp, a peer, the next peer, then wisp again. README.md says what the figures mean.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import venv
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SAMPLES = ROOT / "models" / "samples"
PEERS = ["onnxruntime", "openvino", "litert", "ncnn", "mnn", "opencv", "tract"]
# For the networks that LiteRT and ncnn would need a converter for.
WIDE = ["onnxruntime", "openvino"]
# CPUs that others may keep busy in a moment that counts as quiet.
QUIET = 0.15


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "networks",
        nargs="*",
        default=["squeezenet1.1"],
        metavar="NETWORK",
        help="names from `wisp zoo list` (default: squeezenet1.1)",
    )
    parser.add_argument("--precision", default="f32", help="f32, int8 or f32,int8 (default: f32)")
    parser.add_argument("--peers", help=f"some of {','.join(PEERS)} (default: all for SqueezeNet, else {','.join(WIDE)})")
    parser.add_argument("--threads", default="1", help="numbers of threads: 1 or 1,2 (default: 1)")
    parser.add_argument("--cpus", help="CPUs to be pinned to, as 0,1 (default: the last ones, as many as threads)")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--runs", type=int, default=60, help="timed runs of a contender in a round (default: 60)")
    parser.add_argument(
        "--patience", type=float, default=0, metavar="S", help="wait so long in all for moments without other work"
    )
    parser.add_argument("--images", type=Path, default=SAMPLES, help="pictures to calibrate on (default: the samples)")
    parser.add_argument("--wisp", type=Path, help="the wisp program (default: built with cargo)")
    parser.add_argument("--python", type=Path, help="a Python that has requirements.txt (default: installed)")
    parser.add_argument("--folder", type=Path, default=ROOT / "target" / "peers", help="where files are made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.runs < 1:
        parser.error("--rounds and --runs must be above 0")
    if arguments.peers and set(arguments.peers.split(",")) - set(PEERS):
        parser.error(f"--peers: some of {','.join(PEERS)}")
    return arguments


def say(text):
    print(text, file=sys.stderr, flush=True)


def installed(folder):
    """The Python of a virtual environment with the pinned peers."""
    python, stamp = folder / "venv" / "bin" / "python", folder / "venv" / "installed.txt"
    wanted = (HERE / "requirements.txt").read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        say(f"installing the peers into {folder / 'venv'}")
        venv.create(folder / "venv", with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        subprocess.run(command, check=True, stdout=sys.stderr)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def built():
    command = ["cargo", "build", "--release", "--message-format", "json"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.splitlines()
    programs = [message.get("executable") for message in map(json.loads, lines)]
    return Path(next(path for path in reversed(programs) if path and Path(path).stem == "wisp"))


def capture(command):
    """Standard output of a command; a failure is the last line it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()
        raise RuntimeError(said[-1])
    return done.stdout


def model_files(wisp, network, precision, folder, images):
    """The ONNX file of a network and Wisp's own file."""
    folder.mkdir(parents=True, exist_ok=True)
    models = ROOT / "models"
    onnx = models / f"{network}.onnx"
    if not onnx.exists():
        onnx = folder / f"{network}.onnx"
        capture([wisp, "zoo", "export", network, "-o", onnx, "--json"])
    own = models / (f"{network}.wisp" if precision == "f32" else f"{network}-int8.wisp")
    if not own.exists():
        own = folder / f"{precision}.wisp"
        extra = ["--precision", "int8", "--calibrate", images] if precision == "int8" else []
        capture([wisp, "compile", onnx, "-o", own, "--json", *extra])
    return onnx, own


def contenders(arguments, network, precision):
    """Name -> (command without threads and runs, what the check found), and name -> why one is absent."""
    folder = arguments.folder / network
    say(f"{network}, {precision}: making the files")
    onnx, own = model_files(arguments.wisp, network, precision, folder, arguments.images)
    found = {"wisp": (lambda threads, runs: bench(arguments.wisp, own, "native", threads, runs), None)}
    absent = {}
    for peer in arguments.peers.split(",") if arguments.peers else PEERS if "squeeze" in network else WIDE:
        if peer == "tract":
            if precision == "f32":
                found[peer] = (lambda threads, runs: bench(arguments.wisp, onnx, "tract", threads, runs), None)
            else:
                absent[peer] = "no quantiser of its own"
            continue
        command = [arguments.python, HERE / "prepare.py", peer, onnx, precision, folder / peer, arguments.images]
        try:
            made = json.loads(capture(command))
        except (RuntimeError, ValueError) as error:
            made = {"absent": str(error)}
        if "absent" in made:
            absent[peer] = made["absent"]
            continue
        shape = ",".join(str(side) for side in made["shape"])
        child = [arguments.python, HERE / "child.py", peer, made["file"], shape]
        found[peer] = (lambda threads, runs, child=child: [*child, threads, runs], made)
    return found, absent


def bench(wisp, model, engine, threads, runs):
    return [wisp, "bench", model, "--engine", engine, "--threads", threads, "--runs", runs, "--json"]


def ticks():
    """Seconds that the CPUs of this machine were busy."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _idle, _wait, irq, soft, steal = (int(part) for part in stat.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


class Others:
    """Watches how many CPUs processes that are not ours keep busy, and waits for quiet while patience lasts."""

    def __init__(self, patience):
        self.patience = patience

    def during(self, work):
        start, busy, own = time.monotonic(), ticks(), own_seconds()
        result = work()
        wall = time.monotonic() - start
        return result, max(0.0, (ticks() - busy - (own_seconds() - own)) / wall)

    def measured(self, command):
        """A contender's figures. They are taken again if others worked meanwhile, whatever they are."""
        while True:
            start = time.monotonic()
            while self.patience > 0 and self.during(lambda: time.sleep(0.5))[1] > QUIET:
                self.patience -= time.monotonic() - start
                start = time.monotonic()
            figures, others = self.during(lambda: json.loads(capture(command)))
            if others <= QUIET or self.patience <= 0:
                return figures | {"others": others}
            self.patience -= time.monotonic() - start


def rounds(arguments, found, absent, threads, others):
    """Name -> its figures of each round; who fails is left out from then on."""
    figures = {name: [] for name in found}
    for index in range(arguments.rounds):
        for name in list(figures):
            try:
                figures[name].append(others.measured(found[name][0](threads, arguments.runs)))
            except (RuntimeError, ValueError) as error:
                absent[name] = str(error)
                del figures[name]
        say(f"round {index + 1} of {arguments.rounds}")
    return figures


def pin(cpus, threads):
    available = sorted(os.sched_getaffinity(0))
    chosen = [int(cpu) for cpu in cpus.split(",")] if cpus else available[-threads:]
    if len(chosen) < threads:
        raise SystemExit(f"{threads} threads on {len(chosen)} CPUs would measure waiting")
    os.sched_setaffinity(0, chosen)  # children inherit it
    return chosen


def main():
    arguments = parse()
    arguments.folder = arguments.folder.resolve()
    arguments.python = arguments.python or installed(arguments.folder)
    given = arguments.wisp is not None
    arguments.wisp = (arguments.wisp or built()).resolve()
    everything = os.sched_getaffinity(0)
    sections, others = [], Others(arguments.patience)
    for network in arguments.networks:
        for precision in arguments.precision.split(","):
            found, missing = contenders(arguments, network, precision)
            for threads in map(int, arguments.threads.split(",")):
                absent = dict(missing)
                cpus = pin(arguments.cpus, threads)
                figures = rounds(arguments, found, absent, threads, others)
                os.sched_setaffinity(0, everything)
                checks = {name: check for name, (_, check) in found.items() if check}
                about = {"network": network, "precision": precision, "threads": threads, "cpus": cpus}
                sections.append(about | report.summary(figures, checks, absent) | {"rounds": figures})
                print(report.table(sections[-1]), flush=True)
    whole = {"machine": report.machine(ROOT, arguments.wisp, given), "runs": arguments.runs, "sections": sections}
    print(report.footer(whole))
    if arguments.json:
        arguments.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
