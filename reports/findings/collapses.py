"""Which architectures collapsed in some of their seeds, and which comparisons have seeds that stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.statistics.robustness.collapse import collapsed_by_arch
from bench.statistics.robustness.differences import rate_interval
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.reading.once import once


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


@once
def collapses(experiment: Experiment, task: str) -> list[Collapse]:
    """Return what collapsed in some seeds of a task, best architecture first, each network once."""
    ranking, runs, found = experiment.rankings[task], experiment.runs_of(task), list[Collapse]()
    metric, finished = ranking.metric, runs[runs["status"] == "finished"]
    collapsed = collapsed_by_arch(finished, metric.name)
    for arch in ranking.distinct:
        if not (seeds := collapsed[arch]):
            continue
        own = finished[finished["arch"] == arch]
        if len(seeds) < len(own):
            is_in = own["seed"].isin(seeds)
            gap = float(own.loc[~is_in, metric.name].mean() - own.loc[is_in, metric.name].mean())
            worse = gap if metric.higher_is_better is not False else -gap
            found.append(Collapse(ranking, arch, seeds, len(own), worse))
    return found


def compared(ranking: Ranking) -> dict[str, Any]:
    """Return architecture → its row of two pairs of seeds or more; each network once, best first."""
    rows = {arch: ranking.versus_baseline[arch] for arch in ranking.distinct if arch in ranking.versus_baseline}
    return {arch: row for arch, row in rows.items() if row.n > 1}


def standing_out(ranking: Ranking) -> dict[str, Any]:
    """Return architecture → its row, of those with an outlier or a collapsed run among their pairs."""
    return {arch: row for arch, row in compared(ranking).items() if isinstance(row.verdict_without, str)}
