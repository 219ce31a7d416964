"""Show what becomes of the results when each architecture is tuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from reports.figures import tuning as figure
from reports.figures.curves import highlighted
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.findings.tuning import Tuning, chosen_values
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording import tuning as said
from reports.wording.formatting import NO_VALUE, difference, mean_sd, significant
from reports.wording.tables import baseline_in_header, value_header, versus_cell

MOST_OPEN = 20
"""Rows of a table up to which it is shown at once."""
VERSUS = 4
"""The column of the verdicts against the baseline, which is left out where there is none."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if nothing was tuned."""
    experiment, tuning = context.experiment, context.experiment.tuning
    if tuning is None:
        return
    yield Heading("When each is tuned")
    yield Text(said.introduction(experiment, tuning))
    for ranking in experiment.rankings.values():
        table = _table(experiment, tuning, ranking)
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
        if any(figure.room_for_bands(own)[1] for _, own in best.groupby("task")):
            interval += ", cut where it would flatten the means"
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


def _table(experiment: Experiment, tuning: Tuning, ranking: Ranking) -> Table:
    """Return a row per architecture of a task: common beside tuned, what tuning was worth, and what was chosen."""
    metric, tuned = ranking.metric, said.tuned_ranking(experiment, ranking)
    both = [(experiment, ranking), (experiment.tuned, tuned)]
    failed = [one.failed_runs(ranking.task) if one else {} for one, _ in both]
    uneven = said.is_uneven(experiment)
    names = [dimension.label for dimension in tuning.space]
    value = value_header(experiment, ranking)
    heads = ["architecture", f"{value}, common", f"{value}, tuned", "tuned − common"]
    heads += [f"tuned vs {baseline_in_header(experiment)}", *(f"chosen {name}" for name in names)]
    rows = list[Sequence[str]]()
    for arch in experiment.order:
        own = tuning.of(ranking.task, arch)
        if own.empty:
            continue
        worth = tuning.worth(ranking.task, arch, metric)
        cells = [_value(one, arch, gone.get(arch, 0), uneven) for (_, one), gone in zip(both, failed, strict=True)]
        gain = difference(metric, worth.difference, worth.low_95, worth.high_95) if worth.n else NO_VALUE
        versus = versus_cell(tuned, arch) if tuned else NO_VALUE
        chosen = [_span(list(chosen_values(own, dimension))) for dimension in tuning.space]
        rows.append((arch, *cells, gain, versus, *chosen))
    if all(row[VERSUS] == NO_VALUE for row in rows):
        heads, rows = _without(heads, VERSUS), [_without(row, VERSUS) for row in rows]
    return Table(tuple(heads), tuple(map(tuple, rows)), "l" + "r" * (len(heads) - 1), name=f"tuning_{ranking.task}")


def _without(cells: Sequence[str], index: int) -> list[str]:
    return [*cells[:index], *cells[index + 1 :]]


def _value(ranking: Ranking | None, arch: str, failed: int, uneven: bool) -> str:
    """Return an architecture's mean ± sd, with the number of its seeds where they differ; of none what became of it."""
    cell = ranking.cells.get(arch) if ranking else None
    if ranking is None or cell is None or cell.n == 0:
        return f"failed ({failed} of {failed})" if failed else NO_VALUE
    return mean_sd(ranking.metric, cell.mean, cell.std) + (f" ({int(cell.n)})" if uneven else "")


def _span(values: list[float]) -> str:
    """Format chosen values, of one or several seeds."""
    if not values:
        return NO_VALUE
    shown = [significant(values[0], 2), significant(values[-1], 2)]
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} to {shown[1]}"
