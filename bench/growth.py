#!/usr/bin/env python3
"""Draws growth curves, cost per operation against size, as SVG; standard library only.

    growth.py run DIRECTORY > micro.csv     run the programs there with --csv
    growth.py draw micro.csv > growth.svg

Lines of the CSV: program,series,size,ns. Both axes are logarithmic, so a flat line is O(1), and a
line as steep as the thin diagonal grows with the size.
"""

import csv
import math
import subprocess
import sys
from pathlib import Path

PROGRAMS = ["balancer", "route", "head", "wheel", "hist"]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 470, 330, 54, 44, 150, 44
COLOURS = ["#3b6fb6", "#c8553d", "#2f8f6b", "#8a5fb0", "#b8860b", "#4a4a4a", "#d0679d", "#2a9bb0"]

# Title, program, what the size is, the series drawn (and how they are called there).
PANELS = [
    ("Balancer: pick, begin, end", "balancer", "servers",
     {"round-robin": "round-robin", "weighted-round-robin 1..16": "weighted r.-r.", "random": "random",
      "weighted-random": "weighted-random", "least-connections": "least-conn.", "two-choices": "two-choices",
      "least-time": "least-time", "hash": "hash"}),
    ("The same, a server flaps before each pick", "balancer", "servers",
     {"weighted-round-robin +flap": "weighted r.-r.", "weighted-random +flap": "weighted-random",
      "least-connections +flap": "least-conn."}),
    ("Route look-up", "route", "routes",
     {"host": "host", "wildcard": "wildcard", "path": "path", "prefix": "path prefix", "miss": "no such host"}),
    ("Request head", "head", "fields",
     {"request, parse": "parse", "request, parse and edit": "parse and edit"}),
    ("Timer wheel", "wheel", "timers",
     {"push back": "push back", "move": "nearer", "turn": "in a turn", "expire": "expire"}),
]


def run(directory):
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["program", "series", "size", "ns"])
    for program in PROGRAMS:
        said = subprocess.run([Path(directory) / program, "--csv"], check=True, capture_output=True, text=True)
        for line in said.stdout.splitlines():
            writer.writerow([program, *line.rsplit(",", 2)])
        sys.stdout.flush()


def read(path):
    """{program: {series: [(size, ns), …]}}"""
    curves = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            points = curves.setdefault(row["program"], {}).setdefault(row["series"], [])
            points.append((int(row["size"]), float(row["ns"])))
    return curves


def short(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def apart(wanted, gap=13):
    """Places for labels: as near as possible to where they are wanted, `gap` apart at least."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = {}
    last = -math.inf
    for i in order:
        last = max(wanted[i], last + gap)
        placed[i] = last
    return [placed[i] for i in range(len(wanted))]


class Panel:
    """One chart at (x, y), with its axes made to fit."""

    def __init__(self, x, y, curves):
        points = [point for curve in curves for point in curve]
        self.x0, self.x1 = x + LEFT, x + WIDTH - RIGHT
        self.y0, self.y1 = y + HEIGHT - BOTTOM, y + TOP
        self.sizes = sorted({size for size, _ in points})
        self.low = 10 ** math.floor(math.log10(min(ns for _, ns in points)))
        self.high = max(10 ** math.ceil(math.log10(max(ns for _, ns in points))), 100 * self.low)

    def at(self, size, ns):
        def share(value, low, high):
            return math.log(value / low) / math.log(high / low)
        return (self.x0 + (self.x1 - self.x0) * share(size, self.sizes[0], self.sizes[-1]),
                self.y0 + (self.y1 - self.y0) * share(ns, self.low, self.high))

    def grid(self, unit):
        lines = []
        ns = self.low
        while ns <= self.high * 1.01:
            _, y = self.at(self.sizes[0], ns)
            lines.append(f'<line class="grid" x1="{self.x0}" y1="{y:.1f}" x2="{self.x1}" y2="{y:.1f}"/>')
            lines.append(f'<text class="tick" x="{self.x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{short(ns)}</text>')
            ns *= 10
        for size in self.sizes:
            x, _ = self.at(size, self.low)
            lines.append(f'<text class="tick" x="{x:.1f}" y="{self.y0 + 16}" text-anchor="middle">{short(size)}</text>')
        lines.append(f'<text class="tick" x="{(self.x0 + self.x1) / 2}" y="{self.y0 + 34}" '
                     f'text-anchor="middle">{unit}</text>')
        return lines + [self.diagonal()]

    def diagonal(self):
        """Growth in proportion to the size, from the corner up to where it leaves the chart."""
        size = min(self.sizes[-1], self.sizes[0] * self.high / self.low)
        x, y = self.at(size, self.low * size / self.sizes[0])
        return f'<line class="diagonal" x1="{self.x0}" y1="{self.y0}" x2="{x:.1f}" y2="{y:.1f}"/>'


def panel(x, y, title, unit, names, curves):
    chart = Panel(x, y, [curves[name] for name in names])
    out = [f'<text class="title" x="{x + 12}" y="{y + 24}">{title}, ns</text>', *chart.grid(unit)]
    ends = [chart.at(*curves[name][-1]) for name in names]
    for (name, label), (end_x, end_y), label_y, colour in zip(names.items(), ends, apart([e[1] for e in ends]),
                                                             COLOURS):
        points = " ".join("%.1f,%.1f" % chart.at(*point) for point in curves[name])
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        for point in curves[name]:
            out.append('<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>' % (*chart.at(*point), colour))
        out.append(f'<line stroke="{colour}" stroke-width="0.7" x1="{end_x + 4:.1f}" y1="{end_y:.1f}" '
                   f'x2="{chart.x1 + 14}" y2="{label_y:.1f}"/>')
        out.append(f'<text class="label" x="{chart.x1 + 17}" y="{label_y + 4:.1f}" fill="{colour}">'
                   f'{label} {short(curves[name][-1][1])}</text>')
    return out


def draw(path):
    curves = read(path)
    rows = (len(PANELS) + 1) // 2
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{rows * HEIGHT}" '
          f'viewBox="0 0 {2 * WIDTH} {rows * HEIGHT}" font-family="sans-serif">')
    print("<style>.title{font-size:14px;font-weight:bold;fill:#222}.tick{font-size:11px;fill:#555}"
          ".label{font-size:11px}.grid{stroke:#ddd;stroke-width:1}"
          ".diagonal{stroke:#bbb;stroke-width:1;stroke-dasharray:3 4}</style>")
    print('<rect width="100%" height="100%" fill="#fff"/>')
    for i, (title, program, unit, names) in enumerate(PANELS):
        print("\n".join(panel(i % 2 * WIDTH, i // 2 * HEIGHT, title, unit, names, curves[program])))
    print("</svg>")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("run", "draw"):
        raise SystemExit(__doc__)
    {"run": run, "draw": draw}[sys.argv[1]](sys.argv[2])
