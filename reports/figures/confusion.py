"""Draw which labels are taken for which: off-diagonal shares, one panel per architecture on one scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from reports.figures.canvas import canvas, title_size
from reports.wording.formatting import shorten_apart

SMALLEST_SHOWN = 0.05
"""Percent; a cell with less is left without its number."""


def draw(panels: Mapping[str, np.ndarray]) -> Figure:
    """Draw a matrix per architecture.

    Args:
        panels: architecture → counts of test images [10, 10], rows by true label, columns by the label read.
    """
    shares = {arch: 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1) for arch, counts in panels.items()}
    wrong = {arch: np.where(np.eye(len(share), dtype=bool), np.nan, share) for arch, share in shares.items()}
    top = max(max(float(np.nanmax(share)) for share in wrong.values()), SMALLEST_SHOWN)
    with canvas(3.3 * len(panels), 3.3, 1, len(panels)) as (figure, axes):
        names = shorten_apart(panels, 24)
        for axis, (arch, share) in zip(axes[0], wrong.items(), strict=True):
            axis.imshow(share, cmap="Blues", vmin=0, vmax=top)
            for row, column in zip(*np.nonzero(np.nan_to_num(share) >= SMALLEST_SHOWN), strict=True):
                value = share[row, column]
                shade = "white" if value > 0.6 * top else "#333333"
                axis.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=5.5, color=shade)
            right = np.trace(panels[arch]) / panels[arch].sum()
            title = f"{names[arch]}: {100 * right:.2f} % right"
            axis.set_title(title, fontsize=title_size(title, 3.3))
            axis.set_xticks(range(10))
            axis.set_yticks(range(10))
            axis.tick_params(length=0)
            axis.grid(visible=False)
            axis.set_xlabel("read as")
            axis.set_ylabel("true label")
        return figure
