"""Which architectures collapsed in some of their seeds, and which comparisons have seeds that stand out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.statistics.robustness.collapse import collapsed_seeds
from bench.statistics.robustness.differences import rate_interval
from reports.findings.ranking import Ranking


@dataclass(frozen=True)
class Collapse:
    """An architecture that collapsed in some seeds of a task, and not in all."""

    ranking: Ranking
    """The task's."""

    arch: str
    """The architecture."""

    seeds: tuple[int, ...]
    """Those in which it did."""

    finished: int
    """How many seeds it has."""

    shortfall: float
    """By how much these seeds are worse than the others, means of the primary metric in its raw unit."""

    @property
    def rate(self) -> tuple[float, float]:
        """The exact 95 % interval of the rate at which it collapses."""
        return rate_interval(len(self.seeds), self.finished)


def collapses(runs: pd.DataFrame, rankings: Iterable[Ranking]) -> list[Collapse]:
    """Return what collapsed in some seeds, task by task and best architecture first, each network once.

    Args:
        runs: in the columns of records.csv.
        rankings: of the tasks that are looked at.
    """
    return [found for ranking in rankings for found in _of_task(runs[runs["status"] == "finished"], ranking)]


def _of_task(finished: pd.DataFrame, ranking: Ranking) -> Iterator[Collapse]:
    metric = ranking.metric
    own = finished[finished["task"] == ranking.task]
    for arch in ranking.distinct:
        runs = own[own["arch"] == arch]
        seeds = collapsed_seeds(runs, metric.name)
        if 0 < len(seeds) < len(runs):
            is_in = runs["seed"].isin(seeds)
            gap = float(runs.loc[~is_in, metric.name].mean() - runs.loc[is_in, metric.name].mean())
            yield Collapse(ranking, arch, seeds, len(runs), gap if metric.higher_is_better is not False else -gap)


def compared(ranking: Ranking) -> dict[str, Any]:
    """Return architecture → its row of two pairs of seeds or more; each network once, best first."""
    rows = {arch: ranking.versus_baseline[arch] for arch in ranking.distinct if arch in ranking.versus_baseline}
    return {arch: row for arch, row in rows.items() if row.n > 1}


def standing_out(ranking: Ranking) -> dict[str, Any]:
    """Return architecture → its row, of those with an outlier or a collapsed run among their pairs."""
    return {arch: row for arch, row in compared(ranking).items() if isinstance(row.verdict_without, str)}
