"""Show the race by which what the page is about was chosen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reports.figures import race as figure
from reports.findings.racing.raced import Candidate, Raced
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.sections.context import Context
from reports.wording.formatting import NO_VALUE, mean_sd
from reports.wording.racing import said

PLACES = {"winner": "won", "open": "left, open", "at rest": "left", "failed": "out, no run finished"}
"""What became of a candidate → in the table, where it was not beaten."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if there was no race."""
    experiment, raced = context.experiment, context.experiment.race
    if raced is None:
        return
    yield Heading("The race")
    if wrong := said.contradiction(raced):
        yield Text(wrong)
    yield Text(" ".join([said.how_it_went(experiment, raced), *said.who_is_left(raced)]))
    if own := said.own_number(experiment, raced):
        yield Text(" ".join(own))
    yield Text(f"{said.promise(raced)} {said.what_it_took(experiment, raced)}")
    if any(one.values for one in raced.candidates):
        rows = [_row(one) for one in raced.candidates]
        most = max(one.seeds for one in raced.candidates)
        alt = "Each candidate along its seeds, where it was out, and how many were left after each round"
        yield context.figures.write("race", alt, figure.draw, rows, _survivors(raced), most, context.colours)
        drawn = min(len(rows), figure.DRAWN)
        yield Text(said.about_figure(raced, drawn, min(drawn, figure.NAMED)))
    yield Details(f"All {len(raced.candidates)} candidates", [_table(raced)])


def _row(one: Candidate) -> figure.Row:
    numbers = {seed + 1: value for seed, value in sorted(one.values.items())}
    return figure.Row(
        arch=one.arch,
        finished=[n for n, value in numbers.items() if np.isfinite(value)],
        failed=[n for n, value in numbers.items() if not np.isfinite(value)],
        out_at=one.out_at,
        is_winner=one.place == "winner",
    )


def _survivors(raced: Raced) -> list[tuple[int, int]]:
    return [(1, len(raced.candidates)), *((one.seeds, len(one.survivors)) for one in raced.race.rounds)]


def _table(raced: Raced) -> Table:
    """Return a row per candidate: its size, its seeds and mean score in the race, and what became of it."""
    metric = raced.metric
    arrow = " ↓" if metric.higher_is_better is False else " ↑"
    head = f"validation {metric.label}{arrow}{f' ({metric.unit})' if metric.unit else ''} in the race"
    rows = [
        (
            one.arch,
            NO_VALUE if one.params is None else f"{one.params:,.0f}",
            f"{one.seeds:,}" if len(one.finished) == one.seeds else f"{len(one.finished):,} of {one.seeds:,}",
            mean_sd(metric, one.mean, float(np.std(one.finished, ddof=1)) if len(one.finished) > 1 else np.nan)
            if one.finished
            else NO_VALUE,
            _became(raced, one),
        )
        for one in raced.candidates
    ]
    return Table(("candidate", "parameters", "seeds", head, "what became of it"), tuple(rows), "lrrrl", name="race")


def _became(raced: Raced, one: Candidate) -> str:
    if one.place == "out":
        return f"out at {one.out_at:,} seeds, by {one.by}"
    if one.place == "winner" and raced.ended == "stopped":
        return "ahead"
    return PLACES[one.place]
