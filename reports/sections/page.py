"""The order of the page. Each section is a function from the context to its blocks, and may have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections import (
    claims,
    cost,
    factors,
    gaps,
    generative,
    headline,
    images,
    matched,
    parameters,
    pictures,
    reproduce,
    speed,
    training,
)
from reports.sections.context import Context
from reports.wording import sanity
from reports.wording.notes import table_notes
from reports.wording.paragraph import answer, footnote
from reports.wording.tables import comparison

Section = Callable[[Context], Iterator[Block]]


def head(context: Context) -> Iterator[Block]:
    """Title, warnings, the answer, the comparison table."""
    experiment = context.experiment
    yield Heading(str(experiment.manifest.get("title", "report")), level=1)
    for warning in experiment.manifest.get("warnings", []):
        yield Text(f"> ⚠ **{md(warning)}**")
    for warning in sanity.warnings(experiment):
        yield Text(f"> ⚠ **{md(warning)}.**")
    yield Text(answer(experiment))
    table, common = comparison(experiment)
    yield table
    notes = [*table_notes(experiment, common), footnote(experiment)]
    yield Text(" ".join(filter(None, notes)))


SECTIONS: tuple[Section, ...] = (
    head,
    headline.blocks,
    parameters.blocks,
    claims.blocks,
    training.learning,
    generative.blocks,
    pictures.blocks,
    generative.semi_supervised,
    factors.blocks,
    matched.blocks,
    cost.pareto,
    speed.blocks,
    gaps.blocks,
    images.blocks,
    reproduce.blocks,
)


def blocks(context: Context) -> Iterator[Block]:
    """The whole page, figures written on the way."""
    for section in SECTIONS:
        yield from section(context)
