#!/usr/bin/env python3
"""Draws agreement and accuracy against bytes, from the table in docs/tiny.md to docs/tiny.svg.

    python3 scripts/plot_tiny.py

Needs nothing but Python. The table is the only source of numbers.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 56


def points():
    """Rows of the table: bytes, agreement and top-1 of 400 in per cent."""
    found = []
    for line in (ROOT / "docs/tiny.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 4 and re.fullmatch(r"[\d ]+", cells[1]) and re.fullmatch(r"\d+", cells[2]):
            found.append((int(cells[1].replace(" ", "")), int(cells[2]) / 4, int(cells[3]) / 4))
    return sorted(found)


def main():
    rows = points()
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
