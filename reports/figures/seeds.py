"""Draw one metric per seed: a dot per run with the mean and its 95 % interval, tasks side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from bench.spec.metrics import Metric
from reports.figures.canvas import canvas, in_rows, row_height
from reports.figures.palette import Colour
from reports.wording.formatting import shorten_apart

DOT: Mapping[str, Any] = {"s": 14, "alpha": 0.45, "linewidths": 0}
CROSS: Mapping[str, Any] = {"s": 30, "marker": "x", "linewidths": 1.6, "zorder": 4}
MOST_LARGE = 20
"""Rows up to which their names are in the usual size."""


@dataclass(frozen=True)
class Panel:
    """One metric on one task."""

    title: str
    """What stands above."""

    label: str
    """What the axis says."""

    metric: Metric
    """What is drawn."""

    runs: pd.DataFrame
    """A row per finished run: arch, seed and the metric."""

    summary: pd.DataFrame
    """A row per architecture: arch, mean, low, high."""

    from_zero: bool = False
    """Whether the axis starts at 0, so that lengths along it can be compared."""

    crossed: frozenset[tuple[str, int]] = frozenset()
    """(Architecture, seed) of the runs that are drawn as × instead of a dot."""


def draw(panels: Sequence[Panel], order: Sequence[str], colours: Mapping[str, Colour]) -> Figure:
    """Draw panels in rows as short as `in_rows` makes them, with the architectures down the side in `order`."""
    return draw_rows(in_rows(panels), order, colours)


def draw_rows(rows: Sequence[Sequence[Panel | None]], order: Sequence[str], colours: Mapping[str, Colour]) -> Figure:
    """Draw several rows of panels, as many in each; None leaves a place empty."""
    columns, height = max(map(len, rows)), row_height(len(order))
    names = list(shorten_apart(order).values())
    room = max(1.6, 0.5 + (0.075 if len(order) <= MOST_LARGE else 0.058) * max(map(len, names), default=0))  # inches
    with canvas(3.6 * columns + room, height * len(rows), len(rows), columns, sharey=True) as (figure, axes):
        for line, row in zip(axes, rows, strict=True):
            for axis, panel in zip(line, row, strict=True):
                if panel is None:
                    axis.set_visible(False)
                else:
                    _panel(axis, panel, order, colours)
        axes[0, 0].set_yticks(range(len(order)), names, fontsize=9 if len(order) <= MOST_LARGE else 7)
        axes[0, 0].set_ylim(len(order) - 0.4, -0.6)
        return figure


def _panel(axis: Axes, panel: Panel, order: Sequence[str], colours: Mapping[str, Colour]) -> None:
    """Draw one panel."""
    rows = {arch: y for y, arch in enumerate(order)}
    scale = panel.metric.scale
    runs = panel.runs[panel.runs[panel.metric.name].notna()]
    seeds = sorted(runs["seed"].unique())
    offsets = dict(zip(seeds, np.linspace(-0.16, 0.16, len(seeds)) if len(seeds) > 1 else [0.0], strict=True))
    is_crossed = [each in panel.crossed for each in zip(runs["arch"], runs["seed"], strict=True)]
    for wanted, style in ((False, DOT), (True, CROSS)):
        own = runs[[each == wanted for each in is_crossed]]
        y = [rows[arch] + 0.14 + offsets[seed] for arch, seed in zip(own["arch"], own["seed"], strict=True)]
        shades = [colours[arch] for arch in own["arch"]]
        axis.scatter(own[panel.metric.name].to_numpy(dtype=float) * scale, y, c=shades, **style)
    cells = panel.summary[panel.summary["mean"].notna()]
    y_means = np.array([rows[arch] for arch in cells["arch"]]) - 0.16
    mean, low, high = (cells[name].to_numpy(dtype=float) * scale for name in ("mean", "low", "high"))
    shades = [colours[arch] for arch in cells["arch"]]
    known = np.isfinite(low)
    axis.hlines(
        y_means[known], low[known], high[known], colors=[c for c, k in zip(shades, known, strict=True) if k], lw=2
    )
    axis.scatter(mean, y_means, s=34, c=shades, marker="D", edgecolors="white", linewidths=0.6, zorder=3)
    if panel.from_zero:
        end = 1.04 * axis.dataLim.x1
        below = min(axis.dataLim.x0, 0.0)  # of an interval that few seeds leave wide
        axis.set_xlim(below - 0.04 * end if below < 0 else 0, end)
        if below < 0:
            axis.axvline(0, color="#888888", lw=0.8, zorder=1)
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))  # 1.5M, since a GPU's speeds have seven digits
    axis.set_title(panel.title, wrap=True)  # a long title is broken at the edge of the figure
    axis.set_xlabel(panel.label)
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=6)
