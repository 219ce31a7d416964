"""Tuned runs: every trial with its scores, which of them validation chose, and what more trials are worth."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.spec.metrics import Metric
from bench.spec.search_space import Dimension
from bench.spec.status import Status, has_diverged
from bench.statistics.estimates import Interval, mean_interval
from bench.statistics.paired import Comparison, compare_paired
from bench.store.record import Record
from reports.reading.report_folder import ReportFolder

EDGE = 0.1
"""The share of a range's logarithm at either end; a best trial within it may have a better one beyond."""


@dataclass(frozen=True)
class Tuning:
    """The trials of an experiment."""

    count: int
    """Trials of each run, that with the common recipe among them."""

    space: tuple[Dimension, ...]
    """What was varied, and from what range."""

    table: pd.DataFrame
    """A row per trial that has ended: arch, task, seed, trial (0: the common recipe), a column for each dimension,
    run_id, error, diverged, validation and test (the primary metric; NaN of a trial that failed), is_whole (whether all
    trials of its run have ended) and chosen."""

    chosen: tuple[Record, ...]
    """Of each run all of whose trials have ended the best by validation, without what was tuned in its settings."""

    anytime: bool
    """Whether seeds were added in sight of the results, so that intervals over them must hold at any look."""

    def of(self, task: str, arch: str | None = None) -> pd.DataFrame:
        """Return the rows of a task, or of one architecture on it."""
        rows = self.table[self.table["task"] == task]
        return rows if arch is None else rows[rows["arch"] == arch]

    def worth(self, task: str, arch: str, metric: Metric) -> Comparison:
        """Compare the test score of the chosen trials with that of the common recipe, seed by seed."""
        rows = self.of(task, arch)
        rows = rows[rows["is_whole"]]
        arms = (rows[rows["chosen"]], rows[rows["trial"] == 0])
        tuned, common = (dict(zip(own["seed"], own["test"], strict=True)) for own in arms)
        better = metric.higher_is_better is not False
        return compare_paired(tuned, common, higher_is_better=better, margin=metric.margin, anytime=self.anytime)

    def best_of(self, task: str, arch: str, metric: Metric) -> list[Interval]:
        """Return the test score to expect of the best of k trials by validation, for k = 1 … count, over seeds.

        The k are any of the trials that were made, each set of them as likely (Dodge et al. 2019, there with
        replacement). A trial that failed is never the best: a k of which all can have failed has no mean, and a seed
        all of whose trials failed, which has no tuned run either, is left out.
        """
        rows = self.of(task, arch)
        seeds = [own for _, own in rows[rows["is_whole"]].groupby("seed") if own["validation"].notna().any()]
        curves = [expected_best(own, metric) for own in seeds]
        return [mean_interval([curve[k] for curve in curves]) for k in range(self.count)] if curves else []

    def at_edge(self, task: str, arch: str, dimension: Dimension) -> tuple[pd.Series, pd.Series]:
        """Return the chosen trials in the lower and in the upper tenth of a dimension's range, as their numbers.

        One outside of the range, which only the common recipe can be, is in neither.
        """
        shares, numbers = self._places(task, arch, dimension)
        return numbers[(shares >= 0) & (shares < EDGE)], numbers[(shares > 1 - EDGE) & (shares <= 1)]

    def outside(self, task: str, arch: str, dimension: Dimension) -> int:
        """Return how many chosen trials, all of the common recipe, lie outside of a dimension's range."""
        shares, _ = self._places(task, arch, dimension)
        return int(((shares < 0) | (shares > 1)).sum())

    def common(self, dimension: Dimension) -> float | None:
        """Return the common recipe's value of a dimension; None if runs differ in it, or have none."""
        values = self.table.loc[self.table["trial"] == 0, dimension.name].dropna().unique()
        return float(values[0]) if len(values) == 1 else None

    def _places(self, task: str, arch: str, dimension: Dimension) -> tuple[pd.Series, pd.Series]:
        """Return where chosen trials lie on a range's logarithm, 0 and 1 its ends, and the numbers of the trials."""
        rows = self.of(task, arch)
        rows = rows[rows["chosen"]]
        shares = np.log(rows[dimension.name] / dimension.low) / math.log(dimension.high / dimension.low)
        return shares.round(9), rows["trial"]  # a value at an end is in the range, whatever its logarithm rounds to


def expected_best(trials: pd.DataFrame, metric: Metric) -> list[float]:
    """Return the expected test score of the best of k trials by validation, for k = 1 … K, of one run's K trials.

    The trial of rank r (from 0) is the best of k of K drawn without replacement in C(K − 1 − r, k − 1) of C(K, k) sets.
    NaN for each k of which all trials of a set can have failed.
    """
    sign = -1 if metric.higher_is_better is False else 1
    ranked = trials.assign(score=sign * trials["validation"]).sort_values(["score", "trial"], ascending=[False, True])
    tests, total = ranked["test"].to_numpy(dtype=float), len(ranked)
    finished = int(np.isfinite(ranked["score"]).sum())
    curve = []
    for k in range(1, total + 1):
        sets = math.comb(total, k)
        weights = [math.comb(total - 1 - rank, k - 1) / sets for rank in range(total)]
        whole = math.comb(total - finished, k) == 0
        curve.append(float(np.dot(weights[:finished], tests[:finished])) if whole else math.nan)
    return curve


def tuning(folder: ReportFolder) -> Tuning | None:
    """Return what became of the trials of a report folder; None if nothing was tuned."""
    known = folder.manifest.get("tuning")
    if not known:
        return None
    space = tuple(Dimension(**row) for row in known["space"])
    by_run: dict[tuple[str, str, int], dict[int, Record]] = {}
    for number, records in enumerate((folder.records, *folder.trials)):
        for record in records:
            by_run.setdefault(_run(record), {})[number] = record
    rows, chosen = list[dict[str, object]](), list[Record]()
    for (arch, task, seed), trials in by_run.items():
        metric, is_whole = folder.declared.primary(task), len(trials) == known["trials"]
        best = best_trial(trials, metric) if is_whole else None
        for number, record in sorted(trials.items()):
            rows.append({
                "arch": arch, "task": task, "seed": seed, "trial": number,
                **{dimension.name: float(record.spec.get(dimension.name) or math.nan) for dimension in space},
                "run_id": record.run_id, "error": record.error,
                "diverged": record.status != Status.FINISHED and has_diverged(record.error),
                "validation": record.validation_score(metric.name), "test": record.metrics.get(metric.name, math.nan),
                "is_whole": is_whole, "chosen": number == best,
            })  # fmt: skip
        if is_whole:
            chosen.append(without_settings(trials[best or 0], space))
    return Tuning(int(known["trials"]), space, pd.DataFrame(rows), tuple(chosen), folder.anytime)


def best_trial(trials: dict[int, Record], metric: Metric) -> int | None:
    """Return the number of the best trial by validation, of equal ones the first; None if all failed."""
    sign = -1 if metric.higher_is_better is False else 1
    scores = {number: sign * record.validation_score(metric.name) for number, record in sorted(trials.items())}
    known = {number: score for number, score in scores.items() if math.isfinite(score)}
    return max(known, key=lambda number: known[number], default=None)


def without_settings(record: Record, space: Sequence[Dimension]) -> Record:
    """Return a record whose spec lacks what was tuned, in which alone the chosen trials of a cell may differ."""
    tuned = {dimension.name for dimension in space}
    spec = {name: value for name, value in record.spec.items() if name not in tuned}
    return dataclasses.replace(record, spec=spec, evaluations=())


def _run(record: Record) -> tuple[str, str, int]:
    """Return what the trials of a run have in common."""
    return str(record.spec["arch"]), str(record.spec["task"]), int(record.spec["seed"])


def chosen_values(rows: pd.DataFrame, dimension: Dimension) -> Iterator[float]:
    """Yield the chosen values of a dimension, the smallest first; a run without the setting has none."""
    yield from sorted(float(value) for value in rows.loc[rows["chosen"], dimension.name].dropna())
