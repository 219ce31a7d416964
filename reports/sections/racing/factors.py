"""Show what the factors of the grid that raced are worth."""

from __future__ import annotations

from collections.abc import Iterator

from reports.markup.blocks import Block, Heading, Text
from reports.sections.context import Context
from reports.sections.factors import effects_of
from reports.wording.racing.factors import of_which_runs, what_is_missing


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if there was no race, or no grid in it."""
    experiment = context.experiment
    raced, found = experiment.race, experiment.race_factors
    if raced is None or found is None:
        return
    yield Heading("The race: what each factor is worth")
    yield Text(" ".join([*of_which_runs(experiment, raced, found), *what_is_missing(experiment, found)]))
    yield from effects_of(context, [found.analysis], "race_")
