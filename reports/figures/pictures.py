"""Draw images side by side: a row per architecture, or a sheet of images per architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import canvas, title_size
from reports.wording.formatting import shorten_apart

GAP = 2
"""Pixels between images."""
WHITE = 255


@dataclass(frozen=True)
class ImageRows:
    """The rows of one panel."""

    by_arch: Mapping[str, np.ndarray]
    """Architecture → its row of images [N, 28, 28], uint8."""

    top: np.ndarray | None = None
    """A first row [N, 28, 28] that is no architecture's, such as the originals."""

    top_label: str = ""
    """What the first row is called."""


def strip(images: np.ndarray) -> np.ndarray:
    """Join images [N, H, W] side by side on white: [H + GAP, N·(W + GAP)]."""
    padded = np.pad(images, ((0, 0), (0, GAP), (0, GAP)), constant_values=WHITE)
    return np.concatenate(list(padded), axis=1)


def tiled(images: np.ndarray, gap: int = GAP) -> np.ndarray:
    """Join images [R, C, H, W] to one image of R rows and C columns, with `gap` white pixels between them."""
    if gap == 0:
        return np.concatenate([np.concatenate(list(row), axis=1) for row in images])
    return np.concatenate([strip(row) for row in images])


def draw(panels: Mapping[str, ImageRows], order: Sequence[str]) -> Figure:
    """Draw a panel per title with a row of images per architecture in `order`, the first rows above."""
    named = [arch for arch in order if any(arch in rows.by_arch for rows in panels.values())]
    top_label = next((rows.top_label for rows in panels.values() if rows.top is not None), None)
    labels = [*([top_label] if top_label is not None else []), *shorten_apart(named).values()]
    panel_width = 3.6 if len(named) <= 12 else 2.7  # inches
    count = max(len(images) for rows in panels.values() for images in rows.by_arch.values())
    height = len(labels) * panel_width / count + 0.35
    width = len(panels) * (panel_width + 0.15) + 0.3 + 0.075 * max(map(len, labels))
    with canvas(width, height, 1, len(panels), sharey=True) as (figure, axes):
        for axis, (title, rows) in zip(axes[0], panels.items(), strict=True):
            empty = np.full_like(strip(next(iter(rows.by_arch.values()))), WHITE)
            lines = [strip(rows.by_arch[arch]) if arch in rows.by_arch else empty for arch in named]
            if top_label is not None:
                lines.insert(0, empty if rows.top is None else strip(rows.top))
            show_image(axis, np.concatenate(lines), title)
            axis.set_anchor("E")  # long names at the left get the room that is left
        row = len(empty)
        axes[0, 0].set_yticks(
            [row * (i + 0.5) for i in range(len(labels))], labels, fontsize=8 if len(named) <= 12 else 7
        )
        return figure


def sheets(panels: Mapping[str, np.ndarray], rows: Sequence[str] = (), gap: int = GAP) -> Figure:
    """Draw a sheet of images per architecture.

    Args:
        panels: architecture → images [R, C, 28, 28], the same R and C in all.
        rows: names of the R rows, shown at the first sheet.
    """
    shape = next(iter(panels.values())).shape
    width = 3.3
    with canvas(width * len(panels) + 0.4, width * shape[0] / shape[1] + 0.35, 1, len(panels)) as (figure, axes):
        names = shorten_apart(panels, 24)
        for axis, (arch, images) in zip(axes[0], panels.items(), strict=True):
            show_image(axis, tiled(images, gap), names[arch])
            axis.title.set_fontsize(title_size(names[arch], width))
            axis.set_yticks([])
        if rows:
            height = shape[2] + gap
            axes[0, 0].set_yticks([height * (i + 0.5) for i in range(len(rows))], list(rows), fontsize=8)
        return figure


def show_image(axis: Axes, image: np.ndarray, title: str) -> None:
    """Show a grey image without axes."""
    axis.imshow(image, cmap="gray", vmin=0, vmax=WHITE, aspect="equal", interpolation="nearest")
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)
    axis.set_title(title)
