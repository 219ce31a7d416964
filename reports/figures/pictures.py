"""Images side by side: a row per architecture, or a grid per architecture. Every architecture shows the same cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import canvas
from reports.wording.words import shorten

GAP = 2  # pixels between images
WHITE = 255


@dataclass(frozen=True)
class Rows:
    """found: arch → images [N, 28, 28], uint8. top: a first row that is no architecture's, with its label."""

    found: Mapping[str, np.ndarray]
    top: np.ndarray | None = None
    top_label: str = ""


def strip(images: np.ndarray) -> np.ndarray:
    """[N, H, W] → [H + GAP, N·(W + GAP)], side by side on white."""
    padded = np.pad(images, ((0, 0), (0, GAP), (0, GAP)), constant_values=WHITE)
    return np.concatenate(list(padded), axis=1)


def tiled(images: np.ndarray, gap: int = GAP) -> np.ndarray:
    """[R, C, H, W] → one image, rows and columns as given, white between them; no gap: one seamless sheet."""
    if gap == 0:
        return np.concatenate([np.concatenate(list(row), axis=1) for row in images])
    return np.concatenate([strip(row) for row in images])


def draw(panels: Mapping[str, Rows], order: Sequence[str]) -> Figure:
    """A panel per title, a row of images per architecture in `order`, the tops above."""
    named = [arch for arch in order if any(arch in rows.found for rows in panels.values())]
    top_label = next((rows.top_label for rows in panels.values() if rows.top is not None), None)
    labels = [*([top_label] if top_label is not None else []), *(shorten(arch) for arch in named)]
    panel_width = 3.6 if len(named) <= 12 else 2.7  # inches
    count = max(len(images) for rows in panels.values() for images in rows.found.values())
    height = len(labels) * panel_width / count + 0.35
    width = len(panels) * (panel_width + 0.15) + 0.3 + 0.075 * max(map(len, labels))
    with canvas(width, height, 1, len(panels), sharey=True) as (figure, axes):
        for axis, (title, rows) in zip(axes[0], panels.items(), strict=True):
            empty = np.full_like(strip(next(iter(rows.found.values()))), WHITE)
            lines = [strip(rows.found[arch]) if arch in rows.found else empty for arch in named]
            if top_label is not None:
                lines.insert(0, empty if rows.top is None else strip(rows.top))
            show(axis, np.concatenate(lines), title)
            axis.set_anchor("E")  # whatever room is left is for long names at the left
        row = len(empty)
        axes[0, 0].set_yticks(
            [row * (i + 0.5) for i in range(len(labels))], labels, fontsize=8 if len(named) <= 12 else 7
        )
        return figure


def sheets(panels: Mapping[str, np.ndarray], rows: Sequence[str] = (), gap: int = GAP) -> Figure:
    """A sheet of images per title: [R, C, 28, 28] each; `rows` names the rows of the first."""
    shape = next(iter(panels.values())).shape
    width = 3.3
    with canvas(width * len(panels) + 0.4, width * shape[0] / shape[1] + 0.35, 1, len(panels)) as (figure, axes):
        for axis, (title, images) in zip(axes[0], panels.items(), strict=True):
            show(axis, tiled(images, gap), title)
            axis.set_yticks([])
        if rows:
            height = shape[2] + gap
            axes[0, 0].set_yticks([height * (i + 0.5) for i in range(len(rows))], list(rows), fontsize=8)
        return figure


def show(axis: Axes, image: np.ndarray, title: str) -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=WHITE, aspect="equal", interpolation="nearest")
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)
    axis.set_title(title)
