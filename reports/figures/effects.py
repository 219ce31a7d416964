"""Draw what each step of a factor is worth, and the means at the levels of two factors as a heatmap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.spec.metrics import Metric
from reports.figures.canvas import canvas, row_height
from reports.figures.palette import LIGHT, luminance
from reports.wording.formatting import number, shorten_apart

RESOLVED, UNRESOLVED = "#0173b2", "#9a9a9a"


def effects(panels: Sequence[tuple[str, pd.DataFrame, Metric, Sequence[bool]]]) -> Figure:
    """Draw the main effects with their intervals, a panel per task; steps that are not resolved are grey.

    Args:
        panels: (title, frame of main effects, metric, which of its rows are resolved).
    """
    height = row_height(max(len(frame) for _, frame, _, _ in panels))
    with canvas(4.0 * len(panels) + 1.0, height, 1, len(panels)) as (figure, axes):
        for axis, (title, frame, metric, resolved) in zip(axes[0], panels, strict=True):
            _steps(axis, frame, metric, resolved)
            axis.set_title(title)
        return figure


def _steps(axis: Axes, frame: pd.DataFrame, metric: Metric, resolved: Sequence[bool]) -> None:
    """Draw a row per step of a factor."""
    y = np.arange(len(frame))
    shades = [RESOLVED if known else UNRESOLVED for known in resolved]
    effect, low, high = (frame[name].to_numpy(dtype=float) * metric.scale for name in ("effect", "low", "high"))
    axis.axvline(0, color="#555555", lw=1)
    known = np.isfinite(low)
    axis.hlines(y[known], low[known], high[known], colors=[c for c, k in zip(shades, known, strict=True) if k], lw=2.5)
    axis.scatter(effect, y, s=42, c=shades, zorder=3, edgecolors="white", linewidths=0.6)
    steps = zip(frame["factor"], frame["from_level"], frame["to_level"], strict=True)
    axis.set_yticks(y, list(shorten_apart(f"{factor} {low} → {high}" for factor, low, high in steps).values()))
    axis.set_ylim(len(frame) - 0.5, -0.5)
    axis.set_xlabel(f"effect on {metric.label} ({metric.unit_of_difference})")
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=6)


def heatmaps(panels: Sequence[tuple[str, pd.DataFrame, Metric]]) -> Figure:
    """Draw a heatmap per task.

    Args:
        panels: (title, means by levels of one factor × levels of the other, metric); a mean is NaN where nothing ran.
    """
    rows = max(len(table) for _, table, _ in panels)
    columns = max(len(table.columns) for _, table, _ in panels)
    width = len(panels) * (1.2 + 0.75 * columns)
    with canvas(max(width, 4.5), 1.2 + 0.5 * max(rows, 2), 1, len(panels)) as (figure, axes):
        for axis, (title, table, metric) in zip(axes[0], panels, strict=True):
            _heatmap(axis, table, metric)
            axis.set_title(f"{title}: {metric.label} ({metric.unit})")
        return figure


def _heatmap(axis: Axes, table: pd.DataFrame, metric: Metric) -> None:
    """Draw a cell per mean with its value on it; what has no value stays blank.

    It looks as seaborn's does, which is slow to import and draws the whole figure once for each heatmap.
    """
    values = np.ma.masked_invalid(table.to_numpy(dtype=float) * metric.scale)
    mesh = axis.pcolormesh(values, cmap="cividis", linewidths=1, edgecolor="white")
    rows, columns = values.shape
    axis.set(xlim=(0, columns), ylim=(rows, 0), xlabel=table.columns.name or "", ylabel=table.index.name or "")
    axis.set_xticks(np.arange(columns) + 0.5, list(table.columns))
    axis.set_yticks(np.arange(rows) + 0.5, list(table.index), va="center")
    shades = mesh.to_rgba(values)  # [rows, columns, 4]
    for row, column in np.ndindex(values.shape):
        if values[row, column] is not np.ma.masked:
            text = number(float(values[row, column]), metric.digits)
            ink = ".15" if luminance(shades[row, column].tolist()) > LIGHT else "white"
            axis.text(column + 0.5, row + 0.5, text, color=ink, ha="center", va="center", fontsize=8)
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)
    axis.tick_params(length=0, rotation=0)
