"""The order of the sections on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.store.code_versions import made_by_other_code
from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections import (
    factors,
    learning_curves,
    matched_pairs,
    missing,
    parameters,
    pareto,
    reproduce,
    results,
    speed,
    stopping,
    tuning,
    uncertainty,
)
from reports.sections.context import Context
from reports.sections.generative import elbo, few_labels, pictures
from reports.sections.racing import factors as race_factors
from reports.sections.racing import race
from reports.wording.budget import page_title
from reports.wording.notes import table_notes
from reports.wording.sanity_warnings import sanity_warnings
from reports.wording.stopping.intervals import assumption
from reports.wording.tables import comparison_table

Section = Callable[[Context], Iterator[Block]]
"""From the context to the section's blocks, of which there may be none."""


def head(context: Context) -> Iterator[Block]:
    """Yield the title, warnings, the answer and the comparison table."""
    experiment = context.experiment
    yield Heading(page_title(experiment.manifest, experiment.runs), level=1)
    for warning in experiment.manifest.get("warnings", []):
        yield Text(f"> ⚠ **{md(warning)}**")
    for warning in sanity_warnings(experiment):
        yield Text(f"> ⚠ **{md(warning)}.**")
    if other_code := made_by_other_code(experiment.records, experiment.manifest.get("provenance") or {}):
        yield Text(f"> ⚠ {md(other_code)}.")
    yield Text(context.answer)
    table, common = comparison_table(experiment)
    yield table
    notes = [*table_notes(experiment, common), assumption(experiment)]
    yield Text(" ".join(filter(None, notes)))


SECTIONS: tuple[Section, ...] = (
    head,
    stopping.blocks,
    results.blocks,
    race.blocks,
    race_factors.blocks,
    parameters.blocks,
    parameters.readme_claims,
    learning_curves.equal_compute,
    learning_curves.blocks,
    tuning.blocks,
    elbo.blocks,
    pictures.blocks,
    few_labels.blocks,
    factors.blocks,
    matched_pairs.blocks,
    pareto.blocks,
    speed.blocks,
    missing.blocks,
    uncertainty.blocks,
    reproduce.blocks,
)


def blocks(context: Context) -> Iterator[Block]:
    """Yield the whole page; its figures are saved on the way."""
    for section in SECTIONS:
        yield from section(context)
