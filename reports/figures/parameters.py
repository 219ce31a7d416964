"""Draw where the parameters sit: a stacked bar per architecture, by kind of layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from reports.figures.canvas import canvas, row_height
from reports.figures.palette import KIND_COLOURS
from reports.wording.formatting import shorten_apart, significant

MOST_LABELLED = 20
"""Rows up to which each bar carries its numbers; the table under the figure has them all."""


def draw(layers: pd.DataFrame, tasks: Mapping[str, str], order: Sequence[str]) -> Figure:
    """Draw a panel per task.

    Args:
        layers: a row per layer: arch, task, kind, weights, biases.
        tasks: task → title of its panel.
        order: the architectures from top to bottom.
    """
    sizes = layers.assign(
        size=layers["weights"] + layers["biases"], kind=layers["kind"].where(layers["kind"].isin(KIND_COLOURS), "other")
    )
    with canvas(3.6 * len(tasks) + 1.6, row_height(len(order)) + 0.3, 1, len(tasks), sharey=True) as (figure, axes):
        for axis, (task, title) in zip(axes[0], tasks.items(), strict=True):
            table = sizes[sizes["task"] == task].pivot_table(
                index="arch", columns="kind", values="size", aggfunc="sum", fill_value=0
            )
            _bars(axis, table.reindex(order).fillna(0), title)
        axes[0, 0].set_yticks(
            range(len(order)), list(shorten_apart(order).values()), fontsize=9 if len(order) <= 20 else 7
        )
        axes[0, 0].set_ylim(len(order) - 0.4, -0.6)
        present = [kind for kind in KIND_COLOURS if kind in set(sizes["kind"])]
        patches = [axes[0, 0].barh([0], [0], color=KIND_COLOURS[kind], label=kind)[0] for kind in present]
        figure.legend(
            patches, [name.replace("fc", "fully connected") for name in present], loc="outside lower center", ncols=4
        )
        return figure


def _bars(axis: Axes, table: pd.DataFrame, title: str) -> None:
    """Draw the bars of one task.

    Args:
        table: parameters, a row per architecture and a column per kind of layer.
    """
    left = np.zeros(len(table))
    for kind, colour in KIND_COLOURS.items():
        if kind in table:
            width = table[kind].to_numpy(dtype=float) / 1000
            axis.add_collection(_boxes(left, left + width, colour))
            left = left + width
    if len(table) <= MOST_LABELLED:
        conv = table.reindex(columns=["conv", "transposed conv"], fill_value=0).sum(axis=1).to_numpy(dtype=float) / 1000
        for row, (total, part) in enumerate(zip(left, conv, strict=True)):
            if total:
                text = f"{significant(total)}k · {100 * part / total:.0f} % conv"
                axis.annotate(text, (total, row), (3, 0), textcoords="offset points", va="center", fontsize=7)
    axis.set_xlim(0, max(left.max(), 1e-9) * (1.5 if len(table) <= MOST_LABELLED else 1.05))
    axis.set_title(title)
    axis.set_xlabel("parameters (thousands)")
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=5)


def _boxes(low: np.ndarray, high: np.ndarray, colour: str) -> PolyCollection:
    """Return a bar per row from `low` to `high`, as one artist: hundreds of artists would take seconds to draw."""
    y = np.arange(len(low))
    corners = [(low, y - 0.36), (high, y - 0.36), (high, y + 0.36), (low, y + 0.36)]
    boxes = np.stack([np.column_stack(corner) for corner in corners], axis=1)  # [rows, corners, 2]
    return PolyCollection(list(boxes), facecolors=colour, linewidths=0)
