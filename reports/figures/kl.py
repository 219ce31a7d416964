"""Draw the KL of each latent dimension, sorted: how many dimensions a model uses, and how much each one carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.spec.output.counts import plural
from reports.figures.canvas import canvas
from reports.figures.curves import highlighted
from reports.figures.palette import Colour
from reports.wording.formatting import shorten_apart


def draw(
    panels: Mapping[str, Mapping[str, np.ndarray]],
    order: Sequence[str],
    baseline: str,
    colours: Mapping[str, Colour],
) -> Figure:
    """Draw a panel per task; of many architectures only some are named, and the others are grey.

    Args:
        panels: title → architecture → KL in nats, largest first [Z].
        order: the architectures by result.
    """
    present = [arch for arch in order if any(arch in found for found in panels.values())]
    named = highlighted(present, baseline)
    labels = list(shorten_apart(named, 40).values())
    legend = 0.7 + 0.065 * max(map(len, labels))
    with canvas(3.6 * len(panels) + legend, 2.9, 1, len(panels)) as (figure, axes):
        for axis, (title, found) in zip(axes[0], panels.items(), strict=True):
            for arch in reversed([arch for arch in present if arch in found]):
                rank = np.arange(1, len(found[arch]) + 1)
                if arch in named:
                    axis.plot(rank, found[arch], color=colours[arch], lw=1.6, marker="o", ms=3.5)
                else:
                    axis.plot(rank, found[arch], color="#cccccc", lw=0.8, zorder=1)
            axis.set_ylim(bottom=0)
            axis.set_title(title)
            axis.set_xlabel("latent dimension, sorted")
            axis.set_ylabel("KL (nats)")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        lines = [axes[0, 0].plot([], [], color=colours[arch], lw=2)[0] for arch in named]
        if len(present) > len(named):
            lines.append(axes[0, 0].plot([], [], color="#cccccc", lw=1)[0])
            labels.append(plural(len(present) - len(named), "other"))
        figure.legend(lines, labels, loc="outside right upper")
        return figure
