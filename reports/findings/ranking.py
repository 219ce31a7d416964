"""Who leads on a task, who can be told apart from the leader, and how everyone stands against the baseline.

The verdicts are `bench.statistics.comparisons`'s. What is added here is the question "is the leader resolvably the best?", which is
asked after looking, so its correction is stricter than Holm's over one table.
"""

from __future__ import annotations

import math
from collections import Counter
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

MARKS = {"better": "▲", "worse": "▼", "equivalent": "≈", "unresolved": "?"}


@dataclass(frozen=True)
class Ranking:
    """One task's architectures on its primary metric.

    about: the task, in words. order: those with a finished run, best mean first.
    cells: arch → n, n_failed, mean, std, low, high (raw unit).
    versus: arch → its comparison with the baseline (absent for the baseline, and where no pair of seeds was finished).
    rivals: those that can't be told apart from the leader; empty when the leader is resolvably best.
    """

    about: TaskDescription
    metric: Metric
    baseline: str
    order: tuple[str, ...]
    cells: Mapping[str, Any]
    versus: Mapping[str, Any]
    rivals: tuple[str, ...]

    @property
    def task(self) -> str:
        return self.about.name

    @property
    def leader(self) -> str | None:
        return self.order[0] if self.order else None

    @property
    def best(self) -> str | None:
        """The leader, when it is resolvably better than every other architecture; else None."""
        return self.leader if len(self.order) > 1 and not self.rivals else None

    @property
    def one_seed(self) -> bool:
        """No architecture has two finished seeds: there is no interval and no verdict."""
        return all(self.cells[arch].n < 2 for arch in self.order)

    def verdicts(self) -> Counter[str]:
        return Counter(str(row.verdict) for row in self.versus.values())

    def with_verdict(self, verdict: str) -> list[str]:
        """Architectures with this verdict against the baseline, best first."""
        return [arch for arch in self.order if arch in self.versus and self.versus[arch].verdict == verdict]


def rank(folder: ReportFolder, comparisons: pd.DataFrame | None, task: str) -> Ranking:
    """The ranking of one task, from a report's frames and that of `bench.statistics.comparisons`."""
    runs, summary, metric = folder.runs, folder.summary, folder.declared.primary(task)
    rows = summary[(summary["task"] == task) & (summary["metric"] == metric.name)]
    cells = {row.arch: row for row in rows.itertuples(index=False)}
    finished = [arch for arch, cell in cells.items() if math.isfinite(cell.mean)]
    order = sorted(finished, key=lambda arch: cells[arch].mean, reverse=metric.higher_is_better is not False)
    return Ranking(
        about=folder.declared.tasks[task],
        metric=metric,
        baseline=folder.baseline,
        order=tuple(order),
        cells=cells,
        versus=versus(comparisons, task, metric.name),
        rivals=tuple(_rivals(runs[runs["task"] == task], metric.name, order, folder.declared)),
    )


def versus(comparisons: pd.DataFrame | None, task: str, metric: str) -> dict[str, Any]:
    """arch → its row of the comparisons frame, where at least one pair of seeds was finished on both sides."""
    if comparisons is None or comparisons.empty:
        return {}
    rows = comparisons[(comparisons["task"] == task) & (comparisons["metric"] == metric)]
    return {row.arch: row for row in rows.itertuples(index=False) if row.n}


def _rivals(runs: pd.DataFrame, metric: str, order: list[str], declared: Declared) -> list[str]:
    """Those not resolvably worse than the leader.

    The leader was picked by looking, so beating it counts only at p·(k - 1) < 5 %: if another were truly as good,
    the chance that any of the k - 1 pretenders beats *it* by luck is then at most 5 %.
    """
    if len(order) < 2:
        return []
    table = comparisons_frame(runs[runs["arch"].isin(order)], order[0], metrics=[metric], declared=declared)
    return [row.arch for row in table.itertuples(index=False) if not _beaten(row, len(order))]


def _beaten(row: Comparison | Any, k: int) -> bool:
    p = row.p_t if math.isfinite(row.p_t) else row.p_signflip
    return row.verdict == "worse" and p * (k - 1) < ALPHA
