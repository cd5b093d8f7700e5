#!/usr/bin/env python3
"""Agreement and accuracy against bytes: the table of docs/tiny.md and docs/tiny.svg.

    python3 scripts/plot_tiny.py [FIGURES]

FIGURES holds what `wisp compile --json` and `wisp eval --json` have said, a line each with the budget in front, as
`.ci/long tiny` collects them; they become the table. Without it the plot is drawn from the table that is there.
"""

import json
import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 56


HEADER = """| file | bytes | same answer as f32, of 400 | right, of 400 | gained, lost | mean KL, nats | McNemar p |
|---|--:|--:|--:|--:|--:|--:|
"""


def mcnemar(gained, lost):
    """The exact two-sided test."""
    tail = sum(math.comb(gained + lost, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2 ** (gained + lost))


def table(figures):
    """The halves of each budget together, a row each."""
    budgets = {}
    for line in Path(figures).read_text().splitlines():
        line = json.loads(line)
        budgets.setdefault(line["budget"], []).append(line)
    rows = []
    for budget, lines in budgets.items():
        evals = [line for line in lines if "agreement_count" in line]
        size = max(line["bytes"] for line in lines if "bytes" in line)
        total = {key: sum(line[key] for line in evals) for key in ["agreement_count", "top1_count", "gained", "lost"]}
        kl = sum(line["mean_kl"] * line["n"] for line in evals) / sum(line["n"] for line in evals)
        p = mcnemar(total["gained"], total["lost"])
        rows.append(
            f"| {budget} | {size} | {total['agreement_count']} | {total['top1_count']} "
            f"| {total['gained']}, {total['lost']} | {kl:.4f} | {p:.2f} |"
        )
    return "\n".join(rows) + "\n"


def points(text):
    """Rows of the table: bytes, agreement and right answers in per cent."""
    rows = re.findall(r"^\| \w+ \| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    return sorted((int(size), int(agreed) / 4, int(right) / 4) for size, agreed, right in rows)


def main():
    page = ROOT / "docs/tiny.md"
    text = page.read_text()
    if len(sys.argv) > 1:
        start = text.index(HEADER) + len(HEADER)
        end = start + re.match(r"(?:\|.*\n)*", text[start:]).end()
        text = text[:start] + table(sys.argv[1]) + text[end:]
        page.write_text(text)
    rows = points(text)
    lowest = 10 * int(min(min(agreement, right) for _, agreement, right in rows) // 10)
    smallest, largest = rows[0][0] * 0.92, rows[-1][0] * 1.05

    def x(size):
        return LEFT + (size - smallest) / (largest - smallest) * (WIDTH - LEFT - RIGHT)

    def y(share):
        return TOP + (100 - share) / (100 - lowest) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="14">SqueezeNet 1.1: per cent of 400 pictures against bytes of the file</text>',
    ]
    for share in range(lowest, 101, 5):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share}</text>')
    step = 100_000
    for size in range(-(-int(smallest) // step) * step, int(largest) + 1, step):
        parts.append(f'<text x="{x(size):.1f}" y="{HEIGHT - 34}" text-anchor="middle">{size // 1000}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">kB, whole file</text>')
    for column, colour, name in [(1, "#1f6fb4", "same answer as f32"), (2, "#c44e28", "right answer")]:
        line = " ".join(f"{x(row[0]):.1f},{y(row[column]):.1f}" for row in rows)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for row in rows:
            parts.append(f'<circle cx="{x(row[0]):.1f}" cy="{y(row[column]):.1f}" r="4" fill="{colour}"/>')
        parts.append(
            f'<text x="{WIDTH - RIGHT}" y="{y(rows[-1][column]) + 20:.1f}" text-anchor="end" fill="{colour}">{name}</text>'
        )
    parts.append("</svg>\n")
    (ROOT / "docs/tiny.svg").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
