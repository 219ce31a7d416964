"""Draw confidence sequences: what is known of each difference after each seed, and where it was settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import canvas, in_rows, title_size
from reports.figures.palette import FRONT, Colour

WIDTH, HEIGHT = 2.9, 2.2
"""Of a panel, in inches."""
ROOM = 0.6
"""Beyond the means, the last interval, 0 and the margin, in shares of what these span: what is beyond is cut."""


@dataclass(frozen=True)
class Panel:
    """One difference."""

    title: str
    """What stands above."""

    label: str
    """What the vertical axis says."""

    arch: str
    """Whose colour it has."""

    means: np.ndarray
    """The mean difference after each pair of seeds, [n], as it is shown."""

    looks: np.ndarray
    """A row per look: the number of pairs, and the ends of the interval as they are shown, [looks, 3]."""

    margin: float | None
    """What is still equivalent, as it is shown."""

    settled_at: int | None
    """The number of pairs at which it was settled."""


def draw(panels: Sequence[Panel], colours: Mapping[str, Colour]) -> Figure:
    """Draw a panel per difference, in rows of a few; all have one horizontal axis."""
    rows = in_rows(panels)
    most = max(len(panel.means) for panel in panels)
    with canvas(WIDTH * len(rows[0]) + 0.3, HEIGHT * len(rows) + 0.2, len(rows), len(rows[0])) as (figure, axes):
        for line, row in zip(axes, rows, strict=True):
            for axis, panel in zip(line, row, strict=True):
                if panel is None:
                    axis.set_visible(False)
                else:
                    _panel(axis, panel, colours[panel.arch])
                    axis.set_xlim(0.5, most + 0.5)
                    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        return figure


def _panel(axis: Axes, panel: Panel, colour: Colour) -> None:
    """Draw one panel."""
    n = np.arange(1, len(panel.means) + 1)
    if panel.margin is not None:
        axis.axhspan(-panel.margin, panel.margin, color="0.88", lw=0, zorder=0)
    axis.axhline(0, color=FRONT, lw=0.9, zorder=1)
    seen, low, high = panel.looks.T
    axis.fill_between(seen, low, high, color=colour, alpha=0.25, lw=0)
    finite = np.isfinite(low)
    axis.vlines(seen[finite], low[finite], high[finite], colors=[colour], lw=1.0, alpha=0.7)
    axis.plot(n, panel.means, color=colour, lw=1.6, marker="o", ms=2.5)
    if panel.settled_at is not None:
        at = panel.means[panel.settled_at - 1]
        axis.plot([panel.settled_at], [at], ls="", marker="o", ms=8, mfc="none", color=FRONT, mew=1.3, zorder=4)
    axis.set_ylim(*_ends(panel))
    axis.set_title(panel.title, fontsize=title_size(panel.title, WIDTH - 0.3))
    axis.set_xlabel("paired seeds")
    axis.set_ylabel(panel.label)


def _ends(panel: Panel) -> tuple[float, float]:
    """Return the ends of the vertical axis: early intervals, which are wide, would flatten all else."""
    last = panel.looks[-1, 1:] if len(panel.looks) else panel.means[-1:]
    told = np.concatenate([panel.means[2:] if len(panel.means) > 2 else panel.means, last, [0.0]])
    told = told[np.isfinite(told)]
    least, most = float(told.min()), float(told.max())
    if panel.margin is not None:
        least, most = min(least, -1.2 * panel.margin), max(most, 1.2 * panel.margin)
    room = ROOM * ((most - least) or 1.0)
    ends = panel.looks[:, 1:][np.isfinite(panel.looks[:, 1:])]
    bottom, top = (float(ends.min()), float(ends.max())) if len(ends) else (least, most)
    edge = 0.05 * ((most - least) or 1.0)
    return max(min(bottom, least), least - room) - edge, min(max(top, most), most + room) + edge
