"""Show what becomes of the results when each architecture is tuned."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from reports.figures import tuning as figure
from reports.figures.curves import highlighted
from reports.findings.experiment import Experiment
from reports.markup.blocks import Block, Details, Heading, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording import tuning as said

MOST_OPEN = 20
"""Rows of a table up to which it is shown at once."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if nothing was tuned."""
    experiment, tuning = context.experiment, context.experiment.tuning
    if tuning is None:
        return
    yield Heading("When each is tuned")
    yield Text(said.introduction(tuning))
    for ranking in experiment.rankings.values():
        table = said.table(experiment, tuning, ranking)
        if table.rows:
            yield Text(f"**{md(ranking.description.label)}**")
            few = len(table.rows) <= MOST_OPEN
            yield table if few else Details(f"{len(table.rows)} architectures, common and tuned", [table])
            if headline := _largest_effects(experiment.tuned, ranking.task):
                yield Text(f"On the grid, each tuned ({md(ranking.description.label)}): {md(headline)}")
    yield Text(said.how_to_read(experiment))
    panels = {
        task: (ranking.description.label, ranking.metric)
        for task, ranking in experiment.rankings.items()
        if tuning.of(task)["validation"].notna().any()
    }
    if panels and experiment.tuned is not None:
        named = highlighted(list(experiment.order), experiment.baseline)
        best = pd.DataFrame(
            [
                [arch, task, k, *(value * metric.scale for value in (found.mean, found.low, found.high))]
                for task, (_, metric) in panels.items()
                for arch in named
                for k, found in enumerate(tuning.best_of(task, arch, metric), 1)
            ],
            columns=["arch", "task", "k", "mean", "low", "high"],
        )
        alt = "Validation score of each trial, and the test score to expect of the best of so many"
        yield context.figures.write(
            "tuning", alt, figure.draw, tuning.table, best, panels, tuning.space, named, context.colours
        )
        total, interval = len(experiment.order), "; mean over seeds with its 95 % interval"
        yield Text(
            f"{f'{len(named)} of {total} architectures. ' if len(named) < total else ''}"
            "Above: a line per architecture and seed through its trials, a ring around the chosen one; trials far "
            "worse than the others are off the axis. Below: the test score to expect of the best of so many trials by "
            "validation, if so many are taken at random from those that were made"
            f"{interval if best['low'].notna().any() else ''}."
        )
    for text in (*said.edges(experiment, tuning), said.bad_trials(experiment, tuning)):
        if text:
            yield Text(text)


def _largest_effects(tuned: Experiment | None, task: str) -> str:
    """Return what a grid's largest effects are when each is tuned; empty where there is no grid."""
    analyses = tuned.factor_analyses if tuned else []
    found = [analysis.headline for analysis in analyses if analysis.task == task and len(analysis.factors) > 1]
    return found[0] if found else ""
