"""Measures how cost grows: images/s of training against batch size, depth and stacked seeds.

    python -m bench.studies.scaling --out docs/scaling.png

It prints a table and draws a figure: one thread of a CPU, VAEs on synthetic images. Every point is the median of the
rounds, in each of which the points take turns; the bars are the quartiles.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.ticker import StrMethodFormatter
from tabulate import tabulate

from bench.machine.cpu import prepare_cpu
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.paths import path_object
from bench.studies.checks import figure_writable
from bench.studies.speed_table import time_epoch
from bench.studies.synthetic import images

BATCHES = [16, 32, 64, 128, 256, 512, 1024]
DEPTHS = [1, 2, 3, 4]
SEEDS = [1, 2, 4, 8, 16]
ARCHS = ["cnn2", "cnn3"]
IMAGES = 1_024
"""Per seed and round."""

Point = tuple[str, float, str, int, int]
"""Panel, x, architecture, seeds, batch size."""


def points() -> list[Point]:
    """Return all points to measure."""
    by_batch = [("batch size", batch, arch, 1, batch) for arch in ARCHS for batch in BATCHES]
    by_depth = [
        ("depth of cnn:depth=…,channels=16", depth, f"cnn:depth={depth},channels=16", 1, 128) for depth in DEPTHS
    ]
    by_seeds = [("seeds in a stack", seeds, arch, seeds, 128) for arch in ARCHS for seeds in SEEDS]
    return [*by_batch, *by_depth, *by_seeds]


def measure(rounds: int) -> dict[Point, list[float]]:
    """Return the images/s of each point in each round, all seeds counted."""
    data = images(IMAGES, torch.device("cpu"))
    rates: dict[Point, list[float]] = {point: [] for point in points()}
    for turn in range(rounds + 1):
        for point in rates:
            _, _, arch, seeds, batch = point
            rate = seeds * (IMAGES // batch * batch) / time_epoch(arch, seeds, data, batch, graph=False)
            if turn:  # the first round warms up
                rates[point].append(rate)
    return rates


def draw(rates: dict[Point, list[float]], path: Path) -> None:
    """Draw a panel per quantity that is varied."""
    panels = list(dict.fromkeys(panel for panel, *_ in rates))
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3.2), sharey=True, layout="constrained")
    for axis, panel in zip(axes, panels, strict=True):
        lines: dict[str, list[list[float]]] = {}
        for (own, x, arch, _, _), values in rates.items():
            if own == panel:
                name = "cnn:…" if arch.startswith("cnn:") else arch
                low, middle, high = statistics.quantiles(values, n=4)
                lines.setdefault(name, []).append([x, low, middle, high])
        for name, line in lines.items():
            xs, below, median, above = np.array(line).T
            axis.errorbar(
                xs, median, yerr=[median - below, above - median], marker="o", markersize=4, capsize=2, label=name
            )
        axis.set(xlabel=panel, ylim=(0, None))
        if panel != panels[1]:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        else:
            axis.set_xticks(DEPTHS)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    axes[0].set_ylabel("training images/s, one thread")
    figure.savefig(path, dpi=110)


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.scaling",
        description="Training speed against batch size, depth and stacked seeds.",
        allow_abbrev=False,
    )
    build.add_argument("--out", type=path_object, default=Path("docs/scaling.png"), metavar="PNG", help="the figure")
    build.add_argument("--rounds", type=integer(2, 1_000), default=5, help="default: 5")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    figure_writable(chosen.out, "--out")
    prepare_cpu(1)
    rates = measure(chosen.rounds)
    rows = [
        [panel, arch, f"{x:g}", f"{statistics.median(values):,.0f}"] for (panel, x, arch, _, _), values in rates.items()
    ]
    print(tabulate(rows, ["against", "network", "", "images/s"], tablefmt="github", disable_numparse=True))
    draw(rates, chosen.out)
    return 0


if __name__ == "__main__":
    run_command(main)
