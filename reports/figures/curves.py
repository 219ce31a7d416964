"""Draw learning curves: the mean over seeds with a band of one standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.spec.metrics import Metric
from bench.spec.output.counts import plural
from reports.figures.canvas import canvas, in_rows
from reports.figures.palette import FEW, Colour
from reports.wording.formatting import shorten_apart

FEWEST_TO_CUT = 5
"""Epochs from which the first one may be cut off the axis; of fewer it is too much of what there is to see."""


def highlighted(order: Sequence[str], baseline: str) -> list[str]:
    """Return the architectures to name in a figure, since more lines than `FEW` can't be told apart.

    All when few; else the best three, the one in the middle, the last and the baseline.
    """
    if len(order) <= FEW:
        return list(order)
    chosen = [*order[:3], order[len(order) // 2], order[-1], baseline]
    return [arch for arch in order if arch in chosen]


def draw(
    history: pd.DataFrame,
    panels: Mapping[str, tuple[str, Metric]],
    order: Sequence[str],
    named: Sequence[str],
    colours: Mapping[str, Colour],
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Draw a panel per task.

    Args:
        history: a row per epoch of each run: arch, task, seed, epoch, val_*; spent, if there are units.
        panels: task → (title, metric).
        order: the architectures by result.
        named: those that are drawn in their colour; the others are grey.
        units: task → what its x axis says, which is `spent`; of others it is the epoch.
    """
    labels = list(shorten_apart(named, 40).values())
    legend = 0.7 + 0.065 * max(map(len, labels))  # inches
    rows = in_rows(list(panels))
    columns = len(rows[0])
    with canvas(3.6 * columns + legend, 3.1 * len(rows), len(rows), columns) as (figure, axes):
        for axis, task in zip(axes.flat, (task for row in rows for task in row), strict=True):
            if task is None:
                axis.set_visible(False)
                continue
            title, metric = panels[task]
            unit = (units or {}).get(task, "")
            _curves(axis, history[history["task"] == task], metric, order, named, colours, "spent" if unit else "epoch")
            axis.set_title(title)
            axis.set_xlabel(unit or "epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=not unit, min_n_ticks=1))
        lines = [axes[0, 0].plot([], [], color=colours[arch], lw=2)[0] for arch in named]
        if len(order) > len(named):
            lines.append(axes[0, 0].plot([], [], color="#cccccc", lw=1)[0])
            labels.append(plural(len(order) - len(named), "other"))
        figure.legend(lines, labels, loc="outside right upper")
        return figure


def _curves(
    axis: Axes,
    rows: pd.DataFrame,
    metric: Metric,
    order: Sequence[str],
    named: Sequence[str],
    colours: Mapping[str, Colour],
    across: str,
) -> None:
    """Draw the curves of one task against one of its columns."""
    column = f"val_{metric.name}"
    values = rows.assign(value=rows[column].astype(float) * metric.scale).dropna(subset=["value"])
    table = values.groupby(["arch", across])["value"].agg(["mean", "std"])
    present = set(table.index.get_level_values("arch"))
    others = [table.loc[arch]["mean"] for arch in order if arch in present and arch not in named]
    grey = [np.column_stack([curve.index, curve]) for curve in others]
    axis.add_collection(LineCollection(grey, colors="#cccccc", linewidths=0.8, zorder=1))
    for arch in reversed([arch for arch in named if arch in present]):
        curve = table.loc[arch]
        axis.plot(curve.index, curve["mean"], color=colours[arch], lw=1.8, marker="o", ms=2.5 if len(curve) < 30 else 0)
        axis.fill_between(
            curve.index,
            curve["mean"] - curve["std"],
            curve["mean"] + curve["std"],
            color=colours[arch],
            alpha=0.22,
            lw=0,
        )
    axis.autoscale_view()
    late = values[values["epoch"] > 1]["value"]
    spread = late.max() - late.min()
    if values["epoch"].max() >= FEWEST_TO_CUT:  # a first epoch far off would flatten the curve of the others
        if late.min() - values["value"].min() > 2 * spread:
            axis.set_ylim(bottom=late.min() - 0.1 * spread)
        if values["value"].max() - late.max() > 2 * spread:
            axis.set_ylim(top=late.max() + 0.1 * spread)
    axis.set_ylabel(f"validation {metric.label}{f' ({metric.unit})' if metric.unit else ''}")
