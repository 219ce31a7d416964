"""Show the result of every seed with the mean, tasks side by side."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from reports.figures.seeds import Panel, draw
from reports.findings.collapses import collapses
from reports.findings.ranking import Ranking
from reports.markup.blocks import Block, Text
from reports.sections.context import Context
from reports.wording.phrases import elbo_protocol, figure_title
from reports.wording.tables import value_header


def blocks(context: Context) -> Iterator[Block]:
    """Yield the figure; nothing if no run finished."""
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if ranking.order]
    if not rankings:
        return
    finished = experiment.runs[experiment.runs["status"] == "finished"]
    shown = [arch for arch in experiment.order if any(arch in ranking.order for ranking in rankings)]
    crossed = {ranking.task: _collapsed(context, ranking) for ranking in rankings}
    panels = [_panel(context, ranking, finished, crossed[ranking.task]) for ranking in rankings]
    alt = f"Results per seed. {'; '.join(panel.title for panel in panels)}"
    yield context.figures.write("results", alt, draw, panels, shown, context.colours)
    protocol = elbo_protocol(experiment)
    counts = {int(ranking.cells[arch].n) for ranking in rankings for arch in ranking.order}
    where = " where it has two or more" if min(counts) < 2 else ""
    yield Text(
        "Each dot is a run, each diamond a mean"
        + (f" with its 95 % interval over seeds{where}" if max(counts) > 1 else "")
        + (", each × a run that collapsed" if any(crossed.values()) else "")
        + (f". ELBO: {protocol}." if protocol else ".")
    )


def _collapsed(context: Context, ranking: Ranking) -> frozenset[tuple[str, int]]:
    """Return (architecture, seed) of the runs of one task that collapsed, where others of the same network did not."""
    found = collapses(context.experiment, ranking.task)
    return frozenset((one.arch, seed) for one in found for seed in one.seeds)


def _panel(context: Context, ranking: Ranking, finished: pd.DataFrame, crossed: frozenset[tuple[str, int]]) -> Panel:
    """Return what the figure shows of one task."""
    summary = context.experiment.summary
    return Panel(
        title=figure_title(ranking),
        label=value_header(context.experiment, ranking),
        metric=ranking.metric,
        runs=finished[finished["task"] == ranking.task],
        summary=summary[(summary["task"] == ranking.task) & (summary["metric"] == ranking.metric.name)],
        crossed=crossed,
    )
