"""Draw a two-dimensional latent space: where the test images lie, and what the decoder draws at each place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib.patheffects as effects
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from reports.figures.canvas import canvas
from reports.figures.pictures import show_image, tiled
from reports.wording.formatting import shorten_apart

REACH = 3.2
"""Standard deviations of the prior that are shown, unless the points need more."""


class LatentPlane(NamedTuple):
    """What is drawn of one model."""

    means: np.ndarray
    """Posterior means of the test images [N, 2]."""

    labels: np.ndarray
    """Their classes [N]."""

    manifold: np.ndarray | None
    """What the decoder draws on a grid of Gaussian quantiles [M, M, 28, 28]; None for a decoder that needs a label."""


def draw(panels: Mapping[str, LatentPlane]) -> Figure:
    """Draw a row per architecture."""
    palette = colormaps["tab10"](np.arange(10))[:, :3]
    columns = 2 if any(plane.manifold is not None for plane in panels.values()) else 1
    with canvas(4.2 * columns, 4.0 * len(panels), len(panels), columns) as (figure, axes):
        names = shorten_apart(panels, 30)
        for row, (arch, (means, labels, manifold)) in zip(axes, panels.items(), strict=True):
            points = means.astype(float)
            row[0].scatter(*points.T, s=2, c=palette[labels], alpha=0.5, linewidths=0, rasterized=True)
            for label in range(10):
                own = points[labels == label]
                if len(own):
                    text = row[0].text(
                        *np.median(own, axis=0),
                        str(label),
                        fontsize=13,
                        weight="bold",
                        color=palette[label],
                        ha="center",
                        va="center",
                    )
                    text.set_path_effects([effects.withStroke(linewidth=2.5, foreground="white")])
            reach = max(REACH, float(np.quantile(np.abs(points), 0.999)))
            row[0].set_xlim(-reach, reach)
            row[0].set_ylim(-reach, reach)
            row[0].set_aspect("equal")
            row[0].set_title(f"{names[arch]}: posterior means by class")
            row[0].set_xlabel("z₁")
            row[0].set_ylabel("z₂")
            if columns == 2:
                if manifold is None:
                    row[1].set_axis_off()
                else:
                    show_image(row[1], tiled(manifold, gap=0), "what the decoder draws over the prior")
                    row[1].set_yticks([])
                    row[1].set_xlabel("z₁ →, in equal shares of the prior")
                    row[1].set_ylabel("z₂ →")
        return figure
