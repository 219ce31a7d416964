"""Draw what tuning found: the validation score against each tuned setting, and the test score against the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bench.spec.metrics import Metric
from bench.spec.search_space import Dimension
from reports.figures.canvas import canvas
from reports.figures.palette import Colour
from reports.wording.formatting import shorten_apart

ROOM = 0.6
"""Below the worst architecture's median trial, in shares of the way from it to the best trial: what is below is cut."""

TALLEST = 8.0
"""Of the axis of the trials over the span of its means, at most: bands beyond are cut, or the means would look flat."""

MOST_DECADES = 2.3
"""On an axis up to which three numbers of each decade have room."""


def draw(
    trials: pd.DataFrame,
    best: pd.DataFrame,
    panels: Mapping[str, tuple[str, Metric]],
    space: Sequence[Dimension],
    named: Sequence[str],
    colours: Mapping[str, Colour],
) -> Figure:
    """Draw a column per task, with a panel for each dimension and one for the number of trials.

    Args:
        trials: a row per trial: arch, task, seed, a column for each dimension, validation, chosen.
        best: a row per arch, task and k: mean, low, high of the test score.
        panels: task → (title, metric).
        space: what was tuned.
        named: the architectures that are drawn.
    """
    labels = list(shorten_apart(named, 40).values())
    legend = 0.9 + 0.065 * max(map(len, labels))  # inches
    height = 2.8 * (len(space) + 1)
    with canvas(3.6 * len(panels) + legend, height, len(space) + 1, len(panels)) as (figure, axes):
        for column, (task, (title, metric)) in enumerate(panels.items()):
            own = trials[trials["task"] == task]
            for row, dimension in enumerate(space):
                _scores(axes[row, column], own, dimension, metric, named, colours)
            _trials(axes[-1, column], best[best["task"] == task], metric, named, colours)
            axes[0, column].set_title(title)
        lines = [axes[0, 0].plot([], [], color=colours[arch], lw=2)[0] for arch in named]
        lines.append(axes[0, 0].plot([], [], ls="", marker="o", mfc="none", color="0.1", ms=7)[0])
        figure.legend(lines, [*labels, "chosen"], loc="outside right upper")
        return figure


def _scores(
    axis: Axes,
    trials: pd.DataFrame,
    dimension: Dimension,
    metric: Metric,
    named: Sequence[str],
    colours: Mapping[str, Colour],
) -> None:
    """Draw a line per architecture and seed through its trials, and a ring around the chosen one."""
    seen = trials[trials["arch"].isin(named) & np.isfinite(trials["validation"])]
    seen = seen.assign(x=seen[dimension.name], y=seen["validation"] * metric.scale)
    for arch in reversed(named):
        mine = seen[seen["arch"] == arch].sort_values(dimension.name)
        for _, own in mine.groupby("seed"):
            axis.plot(own["x"], own["y"], color=colours[arch], lw=1, marker="o", ms=3, alpha=0.7)
        chosen = mine[mine["chosen"]]
        axis.plot(chosen["x"], chosen["y"], ls="", marker="o", ms=7, mfc="none", color=colours[arch])
    _cut(axis, seen, metric)
    axis.set_xscale("log")
    values = seen[dimension.name].dropna()  # the common recipe may lie outside of the range
    axis.set_xlim(min([dimension.low, *values]) / 1.1, max([dimension.high, *values]) * 1.1)
    decades = np.log10(np.divide(*axis.get_xlim()[::-1]))
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < MOST_DECADES else (1.0,)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="x", labelsize=7)
    axis.set_xlabel(dimension.label)
    axis.set_ylabel(f"validation {_named(metric)}")


def _cut(axis: Axes, seen: pd.DataFrame, metric: Metric) -> None:
    """Leave trials far below the others off the axis, which would flatten all else."""
    if seen.empty:
        return
    worse_up = metric.higher_is_better is False
    values = seen["y"] * (-1 if worse_up else 1)
    medians = values.groupby(seen["arch"]).median()
    top, bottom = values.max(), medians.min()
    least = max(values.min(), bottom - ROOM * (top - bottom))
    margin = 0.06 * (top - least) or 1.0
    ends = (least - margin, top + margin)
    axis.set_ylim(*((-ends[1], -ends[0]) if worse_up else ends))


def _trials(
    axis: Axes, best: pd.DataFrame, metric: Metric, named: Sequence[str], colours: Mapping[str, Colour]
) -> None:
    """Draw the test score to expect of the best of k trials against k."""
    for arch in reversed(named):
        own = best[best["arch"] == arch].sort_values("k")
        axis.plot(own["k"], own["mean"], color=colours[arch], lw=1.8, marker="o", ms=3)
        axis.fill_between(own["k"], own["low"], own["high"], color=colours[arch], alpha=0.18, lw=0)
    ends, _ = room_for_bands(best[best["arch"].isin(named)])
    if ends is not None:
        axis.set_ylim(*ends)
    axis.set_xlabel("trials")
    axis.set_ylabel(f"test {_named(metric)}")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def room_for_bands(best: pd.DataFrame) -> tuple[tuple[float, float] | None, bool]:
    """Return the ends of an axis that holds the means and their bands, and whether it cuts some of these.

    Args:
        best: a row per architecture and number of trials of one task: mean, low and high.

    Returns:
        The ends, None without a mean; whether a band goes beyond them.
    """
    means = best["mean"].dropna()
    if means.empty:
        return None, False
    low, high = (float(np.nanmin(best[["mean", "low"]])), float(np.nanmax(best[["mean", "high"]])))
    span, middle = float(means.max() - means.min()), float(means.max() + means.min()) / 2
    is_cut = span > 0 and high - low > TALLEST * span
    if is_cut:
        low, high = max(low, middle - TALLEST / 2 * span), min(high, middle + TALLEST / 2 * span)
    margin = 0.06 * (high - low) or 1.0
    return (low - margin, high + margin), is_cut


def _named(metric: Metric) -> str:
    return f"{metric.label}{f' ({metric.unit})' if metric.unit else ''}"
