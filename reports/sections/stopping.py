"""Show at how many seeds each comparison was settled, folded: as a figure, and as a table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reports.figures import confidence
from reports.findings.settling import Settling, settlings
from reports.markup.blocks import Block, Details, Table, Text
from reports.sections.context import Context
from reports.wording.formatting import NO_VALUE, shorten_middle
from reports.wording.stopping import settled as said
from reports.wording.tables import versus_cell

MOST_DRAWN = 12
"""Panels of the figure; of more comparisons the open ones are drawn first, then those that took most seeds."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the folded section; nothing for a number of seeds that was fixed beforehand."""
    experiment, found = context.experiment, settlings(context.experiment)
    if experiment.stopping is None or not found:
        return
    drawn = chosen([one for one in found if one.looks])
    inner = list[Text | Table]()
    inner.append(Text(said.about_rounds(experiment.stopping)))
    if drawn:
        alt = f"The difference from {experiment.baseline} and its confidence sequence after each paired seed"
        panels = [_panel(one) for one in drawn]
        inner.append(context.figures.write("settled", alt, confidence.draw, panels, context.colours))  # type: ignore
        inner.append(Text(said.about_figure(experiment, len(drawn), len(found))))
    heads = ("task", "architecture", "paired seeds", "difference", "settled at", "would settle at")
    inner += [Table(heads, tuple(map(_row, found)), "llrrrr", name="settled"), Text(said.HOW_TO_READ)]
    yield Details("When each comparison was settled", inner)


def chosen(found: list[Settling]) -> list[Settling]:
    """Return what is drawn of the comparisons, in their order."""
    first = sorted(found, key=lambda one: (one.settled_at is not None, -(one.settled_at or 0)))[:MOST_DRAWN]
    return [one for one in found if one in first]


def _panel(one: Settling) -> confidence.Panel:
    metric = one.ranking.metric
    looks = np.array([(look.n, look.low * metric.scale, look.high * metric.scale) for look in one.looks])
    unit = f" ({metric.unit_of_difference})" if metric.unit_of_difference else ""
    return confidence.Panel(
        title=f"{shorten_middle(one.arch, 24)}, {one.ranking.description.label}: {said.verdict_at(one)}",
        label=f"Δ {metric.label}{unit}",
        arch=one.arch,
        means=one.means * metric.scale,
        looks=looks.reshape(-1, 3),
        margin=None if metric.margin is None else metric.margin * metric.scale,
        settled_at=one.settled_at,
    )


def _row(one: Settling) -> tuple[str, ...]:
    at = NO_VALUE if one.settled_at is None else f"{one.settled_at:,}"
    versus = versus_cell(one.ranking, one.arch)
    return one.ranking.description.label, one.arch, f"{int(one.row.n):,}", versus, at, said.would_settle_at(one)
