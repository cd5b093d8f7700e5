"""From the figures of the rounds to a table: medians, ratios and their spread, and what machine it was."""

import platform
import subprocess
import time
from statistics import median


def ratios(peer, wisp):
    """Peer over wisp, round by round: above 1 wisp is faster."""
    return [a["p50_ms"] / b["p50_ms"] for a, b in zip(peer, wisp)]


def one(figures, wisp):
    middle = [figure["p50_ms"] for figure in figures]
    found = {
        "version": figures[0].get("version"),
        "p50_ms": median(middle),
        "p50_ms_lowest": min(middle),
        "p50_ms_highest": max(middle),
        "load_ms": median(figure["load_ms"] for figure in figures),
        "first_ms": median(figure["first_ms"] for figure in figures),
        "rss_added_bytes": median(figure["rss_added_bytes"] or 0 for figure in figures),
    }
    if wisp:
        each = ratios(figures, wisp)
        found["ratio"] = {"median": median(each), "lowest": min(each), "highest": max(each)}
    return found


def summary(figures, checks, absent):
    wisp = figures.get("wisp")
    contenders = {name: one(found, wisp if name != "wisp" else None) for name, found in figures.items()}
    peers = [name for name in contenders if name != "wisp"]
    best = min(peers, key=lambda name: contenders[name]["p50_ms"], default=None)
    others = [figure["others"] for found in figures.values() for figure in found]
    return {
        "contenders": contenders,
        "best_peer": best,
        "checks": checks,
        "absent": absent,
        "others_busy_cpus": {"median": median(others), "highest": max(others)} if others else None,
    }


def table(section):
    count = max((len(found) for found in section["rounds"].values()), default=0)
    cpus = ",".join(str(cpu) for cpu in section["cpus"])
    threads = f"{section['threads']} thread{'s' if section['threads'] > 1 else ''}"
    lines = [
        "",
        f"### {section['network']}, {section['precision']}, {threads} on CPU {cpus}; {count} rounds",
        "",
        "| | median ms | rounds | peer/wisp | spread | load ms | first ms | memory MB | same first class as f32 |",
        "|---|---:|---|---:|---|---:|---:|---:|---:|",
    ]
    contenders = section["contenders"]
    for name in sorted(contenders, key=lambda name: (name != "wisp", contenders[name]["p50_ms"])):
        found = contenders[name]
        ratio = found.get("ratio")
        check = section["checks"].get(name)
        cells = [
            " ".join(part for part in (name, found["version"]) if part),
            f"{found['p50_ms']:.2f}",
            f"{found['p50_ms_lowest']:.2f}–{found['p50_ms_highest']:.2f}",
            f"{ratio['median']:.2f}" if ratio else "–",
            f"{ratio['lowest']:.2f}–{ratio['highest']:.2f}" if ratio else "–",
            f"{found['load_ms']:.1f}",
            f"{found['first_ms']:.1f}",
            f"{found['rss_added_bytes'] / 1e6:.1f}",
            f"{check['same_first']} of {check['checked']}" if check else "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    best = section["best_peer"]
    if best and "ratio" in contenders[best]:
        ratio = contenders[best]["ratio"]
        lines.append(
            f"Best peer: {best}, {ratio['median']:.2f} times Wisp's time ({ratio['lowest']:.2f} to {ratio['highest']:.2f})."
        )
    if section["others_busy_cpus"]:
        busy = section["others_busy_cpus"]
        lines.append(f"Other work kept {busy['median']:.2f} CPUs busy (median), {busy['highest']:.2f} at most.")
    lines += [f"Not measured: {name} ({reason})." for name, reason in section["absent"].items()]
    return "\n".join(lines)


def machine(root, wisp, given):
    def said(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
        return done.stdout.strip()

    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        pairs = (line.partition(":") for line in lines)
        cpu = {key.strip(): value.strip() for key, _, value in pairs}
    known = cpu.get("flags", cpu.get("Features", "")).split()
    wide = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimddp") if flag in known]
    return {
        "cpu": cpu.get("model name", platform.machine()),
        "family": cpu.get("cpu family"),
        "model": cpu.get("model"),
        "flags": wide,
        "system": platform.platform(),
        "wisp": said(str(wisp), "--version"),
        "given": given,
        "commit": said("git", "rev-parse", "--short", "HEAD"),
        "date": time.strftime("%Y-%m-%d"),
    }


def footer(whole):
    it = whole["machine"]
    source = "given with --wisp, repository at" if it["given"] else "commit"
    return (
        f"\n{it['cpu']}, family {it['family']}, model {it['model']}, {', '.join(it['flags'])}; {it['wisp']}, "
        f"{source} {it['commit']}, {it['date']}; {whole['runs']} timed runs a round."
    )
