"""What each comparison with the baseline said as seeds were added: its mean and interval after each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.statistics.comparisons import compare_paired, values_by_arch
from bench.statistics.sequential.confidence import Look, confidence_sequence
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking

PLAIN_LEVEL = 0.95


@dataclass(frozen=True)
class Settling:
    """An architecture against the baseline on one task, seed by seed."""

    ranking: Ranking
    """That of the task."""

    arch: str
    """The architecture."""

    row: Any
    """Its row of the comparisons frame."""

    differences: tuple[float, ...]
    """Of the pairs, by rising seed, in the metric's raw unit."""

    @property
    def settled_at(self) -> int | None:
        """The number of pairs at which it was settled; None while it is open."""
        return None if self.row.verdict == "unresolved" else int(self.row.settled_at)

    @property
    def means(self) -> np.ndarray:
        """The mean difference after each pair, [n]."""
        return np.cumsum(self.differences) / np.arange(1, len(self.differences) + 1)

    @property
    def looks(self) -> list[Look]:
        """The confidence sequence, at the level that the verdict is read from."""
        level = self.row.level if math.isfinite(self.row.level) else PLAIN_LEVEL
        return confidence_sequence(np.array(self.differences), 1 - level)


def settlings(experiment: Experiment) -> list[Settling]:
    """Return every comparison with the baseline, task by task, best mean first; none if no seeds were added.

    Each network counts once.
    """
    if not experiment.anytime:
        return []
    found = []
    for ranking in experiment.rankings.values():
        runs = experiment.runs_of(ranking.task)
        values = values_by_arch(runs, ranking.metric.name)
        for arch in ranking.distinct:
            if (row := ranking.versus_baseline.get(arch)) is not None:
                pairs = compare_paired(values[arch], values[ranking.baseline], anytime=True)
                found.append(Settling(ranking, arch, row, pairs.differences))
    return found
