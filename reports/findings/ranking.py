"""Rank the architectures of a task: who leads, who may be the best as well, who beats the baseline.

The verdicts against the baseline are those of `bench.statistics.comparisons`. Who may be the best is asked after
looking at the results, so it is answered for every pair (`bench.statistics.best`). A crossing that is the same network
as another architecture on a task (`bench.statistics.networks`) is shown, but counts in neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.spec.metrics import Metric
from bench.spec.task import TaskDescription
from bench.statistics.best import beaten
from bench.statistics.comparisons import values_by_arch
from bench.statistics.networks import same_networks
from reports.reading.report_folder import ReportFolder

VERDICT_MARKS = {"better": "▲", "worse": "▼", "equivalent": "≈", "unresolved": "?", "same network": "="}
"""Verdict → the sign that stands for it in tables."""


@dataclass(frozen=True)
class Ranking:
    """The architectures of one task by its primary metric."""

    description: TaskDescription
    """The task in words."""

    metric: Metric
    """The task's primary metric."""

    baseline: str
    """Name of the architecture that the others are compared with."""

    order: tuple[str, ...]
    """The architectures with a finished run, best mean first."""

    cells: Mapping[str, Any]
    """Architecture → its row of the summary frame: n, n_failed, mean, std, low, high in the metric's raw unit."""

    versus_baseline: Mapping[str, Any]
    """Architecture → its row of the comparisons frame; the baseline, and whoever shares no finished seed, has none."""

    same_as: Mapping[str, str]
    """Architecture → the one that is the same network on this task, for those in `order` that only repeat another."""

    rivals: tuple[str, ...]
    """Those of `distinct` but the leader that may be the best too: no other one is shown to be better than they are.

    With 95 % confidence the best is one of them or the leader, however many there are.
    """

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.description.name

    @property
    def distinct(self) -> tuple[str, ...]:
        """The architectures of `order`, each network once."""
        return tuple(arch for arch in self.order if arch not in self.same_as)

    @property
    def leader(self) -> str | None:
        """The architecture with the best mean; None if no run finished."""
        return self.distinct[0] if self.order else None

    @property
    def best(self) -> str | None:
        """The leader if every other architecture is shown not to be the best; else None."""
        return self.leader if len(self.distinct) > 1 and not self.rivals else None

    @property
    def ruled_out(self) -> tuple[str, ...]:
        """Those of `distinct` that are shown not to be the best: another one, or the baseline, is better."""
        return tuple(arch for arch in self.distinct[1:] if arch not in self.rivals)

    @property
    def one_seed(self) -> bool:
        """Whether no architecture has two finished seeds, so that there is no interval and no verdict."""
        return all(self.cells[arch].n < 2 for arch in self.order)

    def with_verdict(self, verdict: str) -> list[str]:
        """Return the architectures with this verdict against the baseline, best first."""
        versus = self.versus_baseline
        return [arch for arch in self.order if arch in versus and versus[arch].verdict == verdict]


def rank(folder: ReportFolder, comparisons: Sequence[Any], task: str) -> Ranking:
    """Rank the architectures of one task.

    Args:
        comparisons: the rows of the frame of `bench.statistics.comparisons`; none if the baseline has no run.
    """
    summary, metric = folder.summary, folder.declared.primary(task)
    runs = folder.runs_of(task)
    rows = summary[(summary["task"] == task) & (summary["metric"] == metric.name)]
    cells = {row.arch: row for row in rows.itertuples(index=False)}
    finished = [arch for arch, cell in cells.items() if math.isfinite(cell.mean)]
    order = sorted(finished, key=lambda arch: cells[arch].mean, reverse=metric.higher_is_better is not False)
    same = same_networks(runs, folder.declared.tasks[task].needs_decoder, folder.baseline)
    same_as = {arch: other for arch, other in same.items() if arch in order and other in order}
    # where a seed was finished on both sides
    versus = {row.arch: row for row in comparisons if (row.task, row.metric) == (task, metric.name) and row.n}
    distinct = [arch for arch in order if arch not in same_as]
    return Ranking(
        description=folder.declared.tasks[task],
        metric=metric,
        baseline=folder.baseline,
        order=tuple(order),
        cells=cells,
        versus_baseline=versus,
        same_as=same_as,
        rivals=tuple(_rivals(runs, metric, distinct, versus, folder.baseline, folder.anytime)),
    )


def _rivals(
    runs: pd.DataFrame, metric: Metric, distinct: list[str], versus: Mapping[str, Any], baseline: str, anytime: bool
) -> list[str]:
    """Return the architectures but the leader that nothing shows to be worse than another one.

    One is out if another beats it (which happens to the best with 2.5 % at most) or if it is worse than the baseline by
    the verdict of the table (2.5 % too, since only one side of it can be an error; of verdicts that hold at any look
    2.6 % each, since the evidence is half for either side). The baseline is out if the leader is better by that
    verdict, so that the table never doubts what the page calls the best. Where they have different seeds the leader may
    be beaten too: by one that is beaten by none, which is then not out.
    """
    by_arch = values_by_arch(runs, metric.name)
    values = {arch: by_arch[arch] for arch in distinct}
    higher = metric.higher_is_better is not False
    found = beaten(values, higher_is_better=higher, margin=metric.margin, anytime=anytime)
    verdicts = {arch: row.verdict for arch, row in versus.items()}

    def is_out(arch: str) -> bool:
        if arch == baseline:
            return verdicts.get(distinct[0]) == "better"
        return bool(found[arch]) or verdicts.get(arch) == "worse"

    return [arch for arch in distinct[1:] if not is_out(arch)]
