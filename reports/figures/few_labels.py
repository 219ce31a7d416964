"""Draw test errors against the number of labels: a colour per architecture, a line style per method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from reports.figures.canvas import canvas
from reports.figures.palette import FRONT, Colour
from reports.wording.formatting import shorten_apart

Style = tuple[Any, str]
"""A line style of matplotlib, and a marker."""
STYLES: tuple[Style, ...] = (("-", "o"), ("--", "s"), (":", "^"), ((0, (7, 2, 1.5, 2)), "D"))
"""Line and marker of each method, from the last on; of more than four they come again."""
DODGE = 0.035
"""Share of the number of labels by which intervals at one number stand apart."""
MOST = 105.0
"""Per cent: the end of the y axis at most."""
ROOM = 1.35
"""Factor between the outermost mean or published point and the end of the y axis; intervals may go beyond."""


def draw(
    errors: pd.DataFrame,
    published: Mapping[str, Mapping[int, tuple[float, float]]],
    methods: Sequence[str],
    named: Sequence[str],
    colours: Mapping[str, Colour],
) -> Figure:
    """Draw one panel with both axes logarithmic.

    Args:
        errors: a row per method, number of labels and arch: mean, low and high in %, the ends NaN for one seed.
        published: method → number of labels → (test error, its ±) in %.
        methods: in the order of the legend.
        named: the architectures that are drawn.
    """
    styles = {method: STYLES[place % len(STYLES)] for place, method in enumerate(reversed(methods))}
    lines = [(method, arch) for arch in named for method in methods]
    shifts = dict(zip(lines, np.linspace(-DODGE, DODGE, len(lines)) if len(lines) > 1 else [0.0], strict=True))
    with canvas(8.6, 4.6) as (figure, axes):
        axis = axes[0, 0]
        for method, arch in lines:
            own = errors[(errors["method"] == method) & (errors["arch"] == arch)].sort_values("labels")
            _line(axis, own, shifts[method, arch], styles[method], colours[arch])
        for method, points in published.items():
            _published(axis, points, styles[method])
        _axes(axis, errors[errors["arch"].isin(named)], published)
        entries = [axis.plot([], [], color=colours[arch], lw=2.5)[0] for arch in named]
        labels = list(shorten_apart(named, 40).values())
        for method in methods:
            line, marker = styles[method]
            entries.append(axis.plot([], [], color=FRONT, ls=line, marker=marker, ms=4.5, lw=1.4)[0])
            labels.append(method)
        for method in published:
            entries.append(axis.plot([], [], color=FRONT, ls="", marker=styles[method][1], mfc="white", ms=7)[0])
            labels.append(f"{method}, published")
        figure.legend(entries, labels, loc="outside right upper", handlelength=4.5)
        return figure


def _line(axis: Axes, own: pd.DataFrame, shift: float, style: Style, colour: Colour) -> None:
    """Draw the means of one method and architecture with their intervals."""
    x, mean, low, high = (own[name].to_numpy(dtype=float) for name in ("labels", "mean", "low", "high"))
    x, known = x * np.exp(shift), np.isfinite(low)
    axis.plot(x, mean, ls=style[0], marker=style[1], color=colour, lw=1.6, ms=4.5)
    axis.vlines(x[known], np.maximum(low[known], 1e-3), high[known], colors=[colour], lw=1.2, alpha=0.7)


def _published(axis: Axes, points: Mapping[int, tuple[float, float]], style: Style) -> None:
    """Draw published points of one method, hollow, with their ±."""
    x, y, error = (np.array(column, dtype=float) for column in zip(*((n, *p) for n, p in points.items()), strict=True))
    axis.errorbar(x, y, error, ls="", marker=style[1], mfc="white", color=FRONT, ms=7, lw=1, zorder=4)


def _axes(axis: Axes, errors: pd.DataFrame, published: Mapping[str, Mapping[int, tuple[float, float]]]) -> None:
    """Name and scale the axes."""
    means = [*errors["mean"], *(error for points in published.values() for error, _ in points.values())]
    numbers = sorted({int(count) for count in errors["labels"]})
    positive = [mean for mean in means if mean > 0] or [1.0]
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(min(positive) / ROOM, min(max(positive) * ROOM, MOST))
    axis.xaxis.set_major_locator(FixedLocator(numbers))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.minorticks_off()
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlabel("labelled images")
    axis.set_ylabel("test error ↓ (%)")
