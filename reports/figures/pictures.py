"""The same ten test images as every architecture reconstructs them, originals on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.figures.canvas import canvas
from reports.words import shorten

GAP = 2  # pixels between images
WHITE = 255


def strip(images: np.ndarray) -> np.ndarray:
    """[N, H, W] → [H + GAP, N·(W + GAP)], side by side on white."""
    padded = np.pad(images, ((0, 0), (0, GAP), (0, GAP)), constant_values=WHITE)
    return np.concatenate(list(padded), axis=1)


def draw(panels: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]], order: Sequence[str]) -> Figure:
    """panels: title → (originals [10, 28, 28], arch → reconstructions [10, 28, 28]), uint8."""
    named = [arch for arch in order if any(arch in found for _, found in panels.values())]
    labels = ["test images", *(shorten(arch) for arch in named)]
    panel_width = 3.6 if len(named) <= 12 else 2.7  # inches
    count = max(len(originals) for originals, _ in panels.values())
    height = len(labels) * panel_width / count + 0.35
    width = len(panels) * (panel_width + 0.15) + 0.3 + 0.075 * max(map(len, labels))
    with canvas(width, height, 1, len(panels), sharey=True) as (figure, axes):
        for axis, (title, (originals, found)) in zip(axes[0], panels.items(), strict=True):
            top = strip(originals)
            empty = np.full_like(top, WHITE)
            image = np.concatenate([top, *(strip(found[arch]) if arch in found else empty for arch in named)])
            axis.imshow(image, cmap="gray", vmin=0, vmax=WHITE, aspect="equal", interpolation="nearest")
            axis.set_xticks([])
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
            axis.grid(visible=False)
            axis.set_title(title)
        row = image.shape[0] / len(labels)
        axes[0, 0].set_yticks(
            [row * (i + 0.5) for i in range(len(labels))], labels, fontsize=8 if len(named) <= 12 else 7
        )
        return figure
