"""Rank the architectures of a task: who leads, who can be told apart from the leader, who beats the baseline.

The verdicts against the baseline are those of `bench.statistics.comparisons`. Whether the leader is resolvably the best
is asked after looking at the results, so it is corrected more strictly than by Holm's method over one table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.spec.declared import Declared
from bench.spec.metrics import Metric
from bench.spec.task import TaskDescription
from bench.statistics.comparisons import Comparison, comparisons_frame
from bench.statistics.paired import ALPHA
from reports.reading.report_folder import ReportFolder

VERDICT_MARKS = {"better": "▲", "worse": "▼", "equivalent": "≈", "unresolved": "?"}
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

    rivals: tuple[str, ...]
    """The architectures that can't be told apart from the leader; empty when the leader is resolvably the best."""

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.description.name

    @property
    def leader(self) -> str | None:
        """The architecture with the best mean; None if no run finished."""
        return self.order[0] if self.order else None

    @property
    def best(self) -> str | None:
        """The leader if it is resolvably better than every other architecture; else None."""
        return self.leader if len(self.order) > 1 and not self.rivals else None

    @property
    def one_seed(self) -> bool:
        """Whether no architecture has two finished seeds, so that there is no interval and no verdict."""
        return all(self.cells[arch].n < 2 for arch in self.order)

    def with_verdict(self, verdict: str) -> list[str]:
        """Return the architectures with this verdict against the baseline, best first."""
        versus = self.versus_baseline
        return [arch for arch in self.order if arch in versus and versus[arch].verdict == verdict]


def rank(folder: ReportFolder, comparisons: pd.DataFrame | None, task: str) -> Ranking:
    """Rank the architectures of one task.

    Args:
        comparisons: the frame of `bench.statistics.comparisons`; None if the baseline has no run.
    """
    runs, summary, metric = folder.runs, folder.summary, folder.declared.primary(task)
    rows = summary[(summary["task"] == task) & (summary["metric"] == metric.name)]
    cells = {row.arch: row for row in rows.itertuples(index=False)}
    finished = [arch for arch, cell in cells.items() if math.isfinite(cell.mean)]
    order = sorted(finished, key=lambda arch: cells[arch].mean, reverse=metric.higher_is_better is not False)
    return Ranking(
        description=folder.declared.tasks[task],
        metric=metric,
        baseline=folder.baseline,
        order=tuple(order),
        cells=cells,
        versus_baseline=_versus_baseline(comparisons, task, metric.name),
        rivals=tuple(_rivals(runs[runs["task"] == task], metric.name, order, folder.declared)),
    )


def _versus_baseline(comparisons: pd.DataFrame | None, task: str, metric: str) -> dict[str, Any]:
    """Return architecture → its row of the comparisons frame, where a seed was finished on both sides."""
    if comparisons is None or comparisons.empty:
        return {}
    rows = comparisons[(comparisons["task"] == task) & (comparisons["metric"] == metric)]
    return {row.arch: row for row in rows.itertuples(index=False) if row.n}


def _rivals(runs: pd.DataFrame, metric: str, order: list[str], declared: Declared) -> list[str]:
    """Return the architectures that are not resolvably worse than the leader.

    The leader of k was picked by looking, so another one counts as worse only at p·(k - 1) < 5 %: if that one were
    truly as good, the chance that any of the k - 1 others beats it by luck is then at most 5 %.
    """
    if len(order) < 2:
        return []
    table = comparisons_frame(runs[runs["arch"].isin(order)], order[0], metrics=[metric], declared=declared)
    return [row.arch for row in table.itertuples(index=False) if not _beaten(row, len(order))]


def _beaten(row: Comparison | Any, k: int) -> bool:
    """Tell whether a row is worse than the leader of k architectures, after the correction for having picked it."""
    p = row.p_t if math.isfinite(row.p_t) else row.p_signflip
    return row.verdict == "worse" and p * (k - 1) < ALPHA
