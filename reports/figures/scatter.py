"""Draw quality against something that it may be bought with: a point per architecture, fronts and pairs marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from reports.figures.canvas import canvas
from reports.figures.palette import FEW, FRONT, Colour
from reports.wording.formatting import shorten_apart

MOST_NUMBERS = 12
"""Points of a panel that are marked with their row."""
NARROW = 1.5
"""An axis that is to be logarithmic is linear if its largest value is not so many times its smallest: it would look the
same and have next to no ticks."""
LEAST_RATIO = 1.2
"""… and is widened if it is not even so many times, lest its ticks differ in the last of five digits alone."""
LEAST_HEIGHT = 0.1
"""Of a y axis, in its unit, so that a hundredth of a per cent does not fill the height of a panel."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    x_label: str
    """What the x axis says."""

    y_label: str
    """What the y axis says."""

    points: Mapping[str, tuple[float, float]]
    """Architecture → (x, y)."""

    title: str = ""
    """What stands above."""

    log: bool = False
    """Whether the x axis is logarithmic."""

    counts: bool = False
    """Whether x is a large count, to be shown as 40k."""

    front: Sequence[str] = ()
    """The architectures that no other one dominates, joined by a line; the others are hollow."""

    links: Sequence[tuple[str, str]] = ()
    """Pairs of architectures, joined by a dotted line."""

    numbered: Sequence[str] = ()
    """The architectures that are marked with their row when a legend can't name all."""


def draw(panels: Sequence[Sequence[Panel | None]], order: Sequence[str], colours: Mapping[str, Colour]) -> Figure:
    """Draw a grid of panels; None leaves a place empty.

    Up to eight architectures are named in a legend; more have the number of their row in the comparison table.
    """
    rows, columns = len(panels), max(map(len, panels))
    few = len(order) <= FEW
    labels = list(shorten_apart(order).values()) if few else []
    legend = 0.5 + 0.065 * max(map(len, labels)) if few else 0
    with canvas(3.4 * columns + legend, 2.7 * rows + 0.2, rows, columns) as (figure, axes):
        for line, row in zip(axes, panels, strict=True):
            for axis, panel in zip(line, row, strict=True):
                if panel is None:
                    axis.set_visible(False)
                else:
                    _panel(axis, panel, order, colours, few)
        if few:
            dots = [axes[0, 0].plot([], [], "o", color=colours[arch], ms=6)[0] for arch in order]
            figure.legend(dots, labels, loc="outside right upper")
        return figure


def _panel(axis: Axes, panel: Panel, order: Sequence[str], colours: Mapping[str, Colour], few: bool) -> None:
    """Draw one panel; `few`: a legend names the architectures."""
    across = [x for x, _ in panel.points.values()]
    log = panel.log and max(across, default=1) >= NARROW * min(across, default=1)
    if log:
        axis.set_xscale("log")
        steps = (1, 2, 5) if max(across) > 6 * min(across) else (1, 1.5, 2, 3, 5, 7)
        axis.xaxis.set_major_locator(LogLocator(subs=steps))
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.xaxis.set_minor_formatter(NullFormatter())
    elif panel.counts:
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.locator_params(axis="x", nbins=5)
    for a, b in panel.links:
        (xa, ya), (xb, yb) = panel.points[a], panel.points[b]
        axis.plot([xa, xb], [ya, yb], ":", color="#888888", lw=0.9, zorder=1)
    front = sorted(panel.points[arch] for arch in panel.front)
    if len(front) > 1:
        axis.plot(*zip(*front, strict=True), color=FRONT, lw=1, alpha=0.6, zorder=1)
    shown = [arch for arch in order if arch in panel.points]
    edges = [colours[arch] for arch in shown]
    solid = [not panel.front or arch in panel.front for arch in shown]
    faces = [edge if full else (1.0, 1.0, 1.0) for edge, full in zip(edges, solid, strict=True)]
    x, y = zip(*(panel.points[arch] for arch in shown), strict=True) if shown else ((), ())
    axis.scatter(x, y, s=46 if few else 30, facecolors=faces, edgecolors=edges, linewidths=1.4, zorder=2)
    if not few:
        for arch in list(panel.numbered)[:MOST_NUMBERS]:
            if arch in panel.points:
                text = str(order.index(arch) + 1)
                axis.annotate(text, panel.points[arch], (4, 3), textcoords="offset points", fontsize=7, color="#333333")
    if not log:
        axis.locator_params(axis="x", nbins=5)  # more ticks, labelled with five digits, would run into each other
    axis.set_xlabel(panel.x_label)
    axis.set_ylabel(panel.y_label)
    axis.set_title(panel.title, wrap=True)  # a long title is broken at the edge of the figure
    axis.margins(0.12)
    if panel.log and across and max(across) < LEAST_RATIO * min(across):
        middle = math.sqrt(min(across) * max(across))
        axis.set_xlim(middle / LEAST_RATIO, middle * LEAST_RATIO)
    low, high = axis.get_ylim()
    if high - low < LEAST_HEIGHT:
        middle = (low + high) / 2
        axis.set_ylim(middle - LEAST_HEIGHT / 2, middle + LEAST_HEIGHT / 2)
    axis.locator_params(axis="y", steps=(1, 2, 5, 10))
