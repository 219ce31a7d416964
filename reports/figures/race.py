"""Draw a race: each candidate along the seeds that it ran, where it was out, and how many were left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import canvas
from reports.figures.palette import Colour
from reports.wording.formatting import shorten_apart

NAMED = 30
"""Rows with a name; those below are nearer to each other."""

DRAWN = 120
"""Rows at most."""

NEAR = 0.4
"""The distance of two rows without a name, where that of two others is 1."""

ROOMY, DENSE = 0.27, 0.19
"""Inches of a named row, of few and of many."""

GREY, OTHER = "0.62", "0.25"
"""Of who was out, and of who was left, unless the page has a colour for it."""


@dataclass(frozen=True)
class Row:
    """A candidate."""

    arch: str

    finished: Sequence[int]
    """The numbers of its seeds, from 1 on, that finished."""

    failed: Sequence[int]
    """Those that failed."""

    out_at: int | None
    is_winner: bool


def draw(rows: Sequence[Row], survivors: Sequence[tuple[int, int]], most: int, colours: Mapping[str, Colour]) -> Figure:
    """Draw candidates above and who was left below.

    Args:
        rows: the winner first.
        survivors: (seeds, how many were left) of each round, and that at which all began.
        most: the seeds that the axis reaches to.
    """
    rows = rows[:DRAWN]
    places = [float(min(i, NAMED)) + NEAR * max(i - NAMED, 0) for i in range(len(rows))]
    height = (ROOMY if len(rows) <= 12 else DENSE) * (places[-1] + 2)
    names = list(shorten_apart([row.arch for row in rows[:NAMED]], 44).values())
    width = 0.9 + 0.062 * max(map(len, names)) + max(3.2, min(6.0, 0.4 * most))
    ratios = {"height_ratios": [height, 1.25]}
    with canvas(width, height + 1.9, 2, 1, sharex=True, gridspec_kw=ratios) as (figure, axes):
        above, below = axes[:, 0]
        for place, row in zip(places, rows, strict=True):
            _row(above, place, row, colours.get(row.arch), 1.0 if place < NAMED else 0.6)
        above.set_ylim(places[-1] + 0.8, -0.8)
        more = len(rows) - NAMED
        ticks = [*places[:NAMED], *([(places[NAMED] + places[-1]) / 2] if more > 0 else [])]
        above.set_yticks(ticks, [*names, *([f"({more} more)"] if more > 0 else [])])
        above.tick_params(axis="y", length=0, labelsize=8 if len(rows) <= 12 else 7)
        above.grid(axis="y", visible=False)
        if rows[0].is_winner:
            above.get_yticklabels()[0].set_fontweight("bold")
        _survivors(below, survivors)
        below.set_xlim(0.5, most + 0.7)
        below.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
        return figure


def _row(axis: Axes, place: float, row: Row, own: Colour | None, size: float) -> None:
    """Draw a candidate along its seeds, and what became of it at the end of them; `size` scales its marks."""
    ran = sorted([*row.finished, *row.failed])
    if not ran:
        return
    colour = own if own is not None else GREY if row.out_at is not None else OTHER
    axis.plot([1, ran[-1]], [place, place], color=colour, lw=2.2 if row.is_winner else 1.1, zorder=2)
    axis.plot(row.finished, [place] * len(row.finished), ls="", marker="o", ms=3 * size, color=colour, zorder=3)
    axis.plot(
        row.failed, [place] * len(row.failed), ls="", marker="o", ms=4 * size, mfc="white", color=colour, zorder=4
    )
    end: dict[str, Any] = {"ls": "", "color": colour, "zorder": 5, "clip_on": False}
    if row.is_winner:
        axis.plot([ran[-1]], [place], marker="*", ms=12, **end)
    elif row.out_at is not None:
        axis.plot([row.out_at], [place], marker="x", ms=6 * size, mew=1.8 * size, **end)
    else:
        axis.plot([ran[-1]], [place], marker="o", ms=7 * size, mfc="none", mew=1.4, **end)


def _survivors(axis: Axes, survivors: Sequence[tuple[int, int]]) -> None:
    """Draw how many are left after each round."""
    seeds, left = [n for n, _ in survivors], [count for _, count in survivors]
    axis.step(seeds, left, where="post", color=OTHER, lw=1.3)
    axis.plot(seeds, left, ls="", marker="o", ms=3, color=OTHER)
    apart = max(1, -(-len(survivors) // 14))
    for i, (n, count) in enumerate(survivors):
        if i % apart == 0 or i == len(survivors) - 1:
            axis.annotate(str(count), (n, count), (3, 3), textcoords="offset points", ha="left", fontsize=7)
    axis.set_ylim(0, 1.3 * max(left, default=1))
    axis.yaxis.set_major_locator(MaxNLocator(3, integer=True, min_n_ticks=1))
    axis.set_xlabel("seeds")
    axis.set_ylabel("left")
