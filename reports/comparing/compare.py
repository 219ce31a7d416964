"""Compare two reports by their manifests and records.csv alone: what was set otherwise, what moved beyond noise."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared
from bench.spec.metrics import METRICS, Metric, metric_columns
from bench.statistics.comparisons import seed_values
from bench.statistics.settings import SETTINGS as RUN_SETTINGS
from reports.comparing.metric_change import THROUGHPUT, MetricChange, change_of, with_verdicts
from reports.comparing.rendered_report import RenderedReport, read_report

SETTINGS = (*(name for name in RUN_SETTINGS if name != "arch_fingerprint"), "torch", "commit", "dirty", "code")
"""Columns of records.csv that are compared as settings."""
TIMINGS = ("train_seconds", "train_images_per_s")
"""Metrics in which no two trainings agree to the last digit."""
MUST_AGREE = ("dataset", "data_fingerprint")
"""Columns of records.csv; where they differ no number means the same in both reports."""
Cell = tuple[str, str]
"""(Architecture, task)."""


@dataclass(frozen=True)
class ReportComparison:
    """What differs between two reports."""

    a: RenderedReport
    """The report that is the reference."""

    b: RenderedReport
    """The report that is judged."""

    settings: tuple[tuple[str, str, str], ...]
    """(Setting, values in A, values in B) where they differ."""

    changes: tuple[MetricChange, ...]
    """Of each metric of each cell that both have values of."""

    newly_failing: tuple[tuple[str, str, int], ...]
    """(Architecture, task, failed runs in B) where B has more failed runs than A."""

    added: tuple[Cell, ...]
    """What only B has."""

    removed: tuple[Cell, ...]
    """What only A has."""

    not_compared: tuple[str, ...]
    """Sentences on what could not be compared, and why."""

    def label(self, task: str) -> str:
        """Return a task's name on the page, by the newer of the two reports that knows it."""
        known = self.a.declared.merged_with(self.b.declared).tasks.get(task)
        return known.label if known else task

    @property
    def worse(self) -> bool:
        """Whether `--fail-on worse` is to fail.

        Throughput does not count, since the load and the machine move it.
        """
        quality = [change for change in self.changes if change.metric.name != THROUGHPUT]
        return bool(self.newly_failing) or any(change.verdict == "worse" for change in quality)


@dataclass(frozen=True)
class ReportPair:
    """Two reports, and what is asked of both at once."""

    a: RenderedReport
    """The reference."""

    b: RenderedReport
    """What is judged."""

    @cached_property
    def declared(self) -> Declared:
        """What is known of the tasks and metrics of either."""
        return self.a.declared.merged_with(self.b.declared)

    @cached_property
    def cells(self) -> tuple[list[Cell], list[Cell]]:
        """The cells of A and those of B, in the order of their rows."""
        a, b = (list(dict.fromkeys((row.arch, row.task) for row in one.runs.itertuples())) for one in (self.a, self.b))
        return a, b

    @cached_property
    def shared_cells(self) -> list[Cell]:
        """The cells that both have, in the order of A."""
        cells_a, cells_b = self.cells
        in_b = set(cells_b)
        return [cell for cell in cells_a if cell in in_b]

    def primary(self, task: str) -> str | None:
        """Return the name of a task's primary metric; None for a task that neither manifest knows."""
        known = self.declared.tasks.get(task)
        return known.primary if known else None

    def agree(self, *columns: str) -> bool:
        """Tell whether both have the same values in all of these columns."""
        return all(self.a.settings(column) == self.b.settings(column) for column in columns)

    def values(self, cell: Cell, metric: Metric) -> tuple[dict[int, float], dict[int, float]]:
        """Return seed → value of a metric in A and in B: finite ones, and the logarithms of throughput."""
        return _values(self.a, cell, metric), _values(self.b, cell, metric)


def compare(a: Path, b: Path) -> ReportComparison:
    """Compare report folder B with A.

    Raises:
        UserError: one can't be read, or there is nothing that can be compared.
    """
    pair = ReportPair(read_report(Path(a)), read_report(Path(b)))
    for column in MUST_AGREE:
        if not pair.agree(column):
            names = [", ".join(report.settings(column)) or "none" for report in (pair.a, pair.b)]
            raise UserError(
                f"the reports are of different data ({column} {names[0]} and {names[1]}): expected the same to compare"
            )
    if not pair.shared_cells:
        raise UserError(f"{a} and {b} share no architecture and task: expected at least one cell in both")
    metrics, not_compared = _metrics(pair)
    same_runs = _same_runs(pair)
    changes = []
    for metric in metrics:
        changes += _changes(pair, metric, same_runs)
        not_compared += _one_sided(pair, metric)
    cells_a, cells_b = map(set, pair.cells)
    return ReportComparison(
        a=pair.a,
        b=pair.b,
        settings=tuple(_settings(pair)),
        changes=tuple(changes),
        newly_failing=tuple(_newly_failing(pair)),
        added=tuple(sorted(cells_b - cells_a)),
        removed=tuple(sorted(cells_a - cells_b)),
        not_compared=tuple(not_compared),
    )


def _settings(pair: ReportPair) -> list[tuple[str, str, str]]:
    """Return the settings that differ, the code of architectures and tasks and the seeds among them."""
    a, b = pair.a, pair.b
    rows = [(name.replace("_", " "), a.settings(name), b.settings(name)) for name in SETTINGS]
    for kind in ("arch", "task"):
        in_both = [name for name in dict.fromkeys(a.runs[kind]) if name in set(b.runs[kind])]
        rows += [(f"definition of {name}", a.fingerprints(kind, name), b.fingerprints(kind, name)) for name in in_both]
    seeds_a, seeds_b = (tuple(str(seed) for seed in sorted(set(report.runs["seed"]))) for report in (a, b))
    rows.append(("seeds", seeds_a, seeds_b))
    return [(name, ", ".join(was) or "none", ", ".join(now) or "none") for name, was, now in rows if was != now]


def _metrics(pair: ReportPair) -> tuple[list[Metric], list[str]]:
    """Return the primary metrics and throughput, and a sentence for each whose numbers don't mean the same in both."""
    tasks = {task for _, task in pair.shared_cells}
    metrics = list(dict.fromkeys(pair.declared.primary(task) for task in pair.declared.tasks if task in tasks))
    not_compared = []
    if not pair.agree("likelihood", "protocol"):
        not_compared = [
            f"{metric.label}: the likelihood or protocol differs, so the numbers don't mean the same."
            for metric in metrics
            if metric.likelihood
        ]
        metrics = [metric for metric in metrics if not metric.likelihood]
    if not pair.agree("device", "threads"):
        not_compared.append("Throughput: device or threads differ.")
    elif METRICS[THROUGHPUT] not in metrics:
        metrics.append(METRICS[THROUGHPUT])
    return metrics, not_compared


def _newly_failing(pair: ReportPair) -> list[tuple[str, str, int]]:
    """Return the shared cells with more failed runs in B than in A, and how many those are."""
    failed_a, failed_b = (
        report.runs[report.runs["status"] != "finished"].groupby(["arch", "task"]).size().to_dict()
        for report in (pair.a, pair.b)
    )
    return [(*cell, int(failed_b[cell])) for cell in pair.shared_cells if failed_b.get(cell, 0) > failed_a.get(cell, 0)]


def _same_runs(pair: ReportPair) -> dict[Cell, set[int]]:
    """Return the seeds of each cell whose finished run is one record in both: the same id and numbers, times included.

    The id alone does not say so: versions of software are no part of it, so a run that was trained again keeps it.
    """
    a, b = (report.runs[report.runs["status"] == "finished"] for report in (pair.a, pair.b))
    both = a.merge(b, on=["arch", "task", "seed", "run_id"])
    shared = set(a) & set(b)
    names = [*metric_columns(shared), *sorted(shared & {*pair.a.declared.metrics, *pair.b.declared.metrics})]
    equal, timed = pd.Series(True, both.index), pd.Series(False, both.index)
    for name in names:
        before, after = both[f"{name}_x"], both[f"{name}_y"]
        known = before.notna() & after.notna()  # one of them may have been evaluated further since
        equal &= (before == after) | ~known
        timed |= known & (name in TIMINGS)
    same = both[equal & timed]
    return {(str(arch), str(task)): set(group) for (arch, task), group in same.groupby(["arch", "task"])["seed"]}


def _one_sided(pair: ReportPair, metric: Metric) -> list[str]:
    """Return a sentence for each cell that has values of its primary metric in one report only."""
    sentences = []
    for arch, task in pair.shared_cells:
        a, b = pair.values((arch, task), metric)
        if metric.name == pair.primary(task) and bool(a) != bool(b):
            sentences.append(f"{arch} {task}: no run with a finite {metric.label} in {'B' if a else 'A'}.")
    return sentences


def _changes(pair: ReportPair, metric: Metric, same_runs: Mapping[Cell, Collection[int]]) -> list[MetricChange]:
    """Return the change of one metric in every shared cell that is judged by it, Holm-adjusted together."""
    changes = []
    for arch, task in pair.shared_cells:
        if metric.name in (pair.primary(task), THROUGHPUT):
            a, b = pair.values((arch, task), metric)
            if a and b:
                changes.append(change_of(arch, task, metric, a, b, same_runs.get((arch, task), ())))
    return with_verdicts(changes)


def _values(report: RenderedReport, cell: Cell, metric: Metric) -> dict[int, float]:
    arch, task = cell
    runs = report.runs[(report.runs["arch"] == arch) & (report.runs["task"] == task)]
    if metric.name not in runs:
        return {}
    values = {seed: value for seed, value in seed_values(runs, metric.name).items() if math.isfinite(value)}
    return (
        {seed: math.log(value) for seed, value in values.items() if value > 0} if metric.name == THROUGHPUT else values
    )
