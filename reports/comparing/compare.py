"""Two reports against each other, from their manifests and records.csv alone: what was set, what moved beyond noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from archs.errors import UserError
from bench.spec.metrics import METRICS, Metric, metric_columns
from bench.statistics.comparisons import compare_paired, holm, mean_interval, seed_values
from bench.statistics.paired import ALPHA
from bench.statistics.settings import SETTINGS as RUN_SETTINGS
from reports.comparing.reading import Report, read

SETTINGS = (*(name for name in RUN_SETTINGS if name != "arch_fingerprint"), "torch", "commit")
CLOCKS = ("train_seconds", "train_images_per_s")  # no two trainings agree in these to the last digit
COMPARABLE = ("dataset", "data_fingerprint")  # where these differ no number means the same thing
Cell = tuple[str, str]  # arch, task


@dataclass(frozen=True)
class Moved:
    """One arch × task × metric: B minus A in the metric's raw unit. Throughput is in logarithms."""

    arch: str
    task: str
    metric: Metric
    a: float  # mean over the seeds that were compared
    b: float
    difference: float
    low: float  # of a 95 % interval; NaN where there is none
    high: float
    p: float  # Holm-adjusted; NaN where nothing was tested
    n: tuple[int, int]  # seeds with a value, in A and in B
    paired: tuple[int, ...]  # seeds of which the difference was taken, one by one
    same_runs: tuple[int, ...]  # seeds whose run is the same record in both: it can't have moved, so it is in no test
    left_out: tuple[tuple[int, ...], tuple[int, ...]]  # seeds that only A has, and only B, where some are common
    verdict: str  # better | worse | same runs | same (equal numbers) | equivalent (inside the margin) | unresolved

    @property
    def whole(self) -> bool:
        """Whether both have the same seeds."""
        return bool(self.paired or self.same_runs) and not any(self.left_out)


@dataclass(frozen=True)
class Comparison:
    a: Report
    b: Report
    settings: tuple[tuple[str, str, str], ...]
    moved: tuple[Moved, ...]
    newly_failing: tuple[tuple[str, str, int], ...]  # arch, task, failed runs in B
    added: tuple[Cell, ...]
    removed: tuple[Cell, ...]
    not_compared: tuple[str, ...]  # reasons

    def label(self, task: str) -> str:
        """A task's name on the page, by the newer of the two that knows it."""
        known = self.a.declared.merged_with(self.b.declared).tasks.get(task)
        return known.label if known else task

    @property
    def worse(self) -> bool:
        """What --fail-on worse asks. Throughput is shown and never counts: load and machine move it."""
        return bool(self.newly_failing) or any(
            m.verdict == "worse" and m.metric.name != "train_images_per_s" for m in self.moved
        )


def compare(a: Path, b: Path) -> Comparison:
    """What changed from A to B. UserError when there is nothing that can be compared."""
    old, new = read(Path(a)), read(Path(b))
    for column in COMPARABLE:
        if old.settings(column) != new.settings(column):
            names = [", ".join(report.settings(column)) or "none" for report in (old, new)]
            raise UserError(
                f"the reports are of different data ({column} {names[0]} and {names[1]}): expected the same to compare"
            )
    cells_a, cells_b = ({(r.arch, r.task) for r in report.runs.itertuples()} for report in (old, new))
    shared = [cell for cell in dict.fromkeys((r.arch, r.task) for r in old.runs.itertuples()) if cell in cells_b]
    if not shared:
        raise UserError(f"{a} and {b} share no architecture and task: expected at least one cell in both")
    metrics, reasons = _metrics(old, new, shared)
    records = _same_records(old, new)
    moved = []
    for metric in metrics:
        moved += _family(old, new, shared, metric, records)
        reasons += _valueless(old, new, shared, metric)
    return Comparison(
        a=old,
        b=new,
        settings=tuple(_settings(old, new)),
        moved=tuple(moved),
        newly_failing=tuple(_failing(old, new, shared)),
        added=tuple(sorted(cells_b - cells_a)),
        removed=tuple(sorted(cells_a - cells_b)),
        not_compared=tuple(reasons),
    )


def _settings(old: Report, new: Report) -> list[tuple[str, str, str]]:
    rows = [(name.replace("_", " "), old.settings(name), new.settings(name)) for name in SETTINGS]
    archs = [arch for arch in dict.fromkeys(old.runs["arch"]) if arch in set(new.runs["arch"])]
    rows += [(f"definition of {arch}", old.fingerprint(arch), new.fingerprint(arch)) for arch in archs]
    tasks = [task for task in dict.fromkeys(old.runs["task"]) if task in set(new.runs["task"])]
    rows += [(f"definition of {task}", old.task_fingerprint(task), new.task_fingerprint(task)) for task in tasks]
    seeds = [tuple(str(seed) for seed in sorted(set(report.runs["seed"]))) for report in (old, new)]
    rows.append(("seeds", seeds[0], seeds[1]))
    return [(name, ", ".join(was) or "none", ", ".join(now) or "none") for name, was, now in rows if was != now]


def _metrics(old: Report, new: Report, shared: list[Cell]) -> tuple[list[Metric], list[str]]:
    """Primary metrics and throughput, less those whose numbers don't mean the same in both."""
    tasks, declared = {task for _, task in shared}, old.declared.merged_with(new.declared)
    found, reasons = (
        dict.fromkeys(declared.primary(task) for task in declared.tasks if task in tasks),
        list[str](),
    )
    if old.settings("likelihood") != new.settings("likelihood") or old.settings("protocol") != new.settings("protocol"):
        for metric in [metric for metric in found if metric.likelihood]:
            del found[metric]
            reasons.append(f"{metric.label}: the likelihood or protocol differs, so the numbers don't mean the same.")
    if old.settings("device") == new.settings("device") and old.settings("threads") == new.settings("threads"):
        found[METRICS["train_images_per_s"]] = None
    else:
        reasons.append("Throughput: device or threads differ.")
    return list(found), reasons


def _failing(old: Report, new: Report, shared: list[Cell]) -> list[tuple[str, str, int]]:
    """Cells with more failed runs in B than in A."""
    counts = [
        report.runs[report.runs["status"] != "finished"].groupby(["arch", "task"]).size().to_dict()
        for report in (old, new)
    ]
    return [(*cell, int(counts[1][cell])) for cell in shared if counts[1].get(cell, 0) > counts[0].get(cell, 0)]


def _same_records(old: Report, new: Report) -> dict[Cell, set[int]]:
    """The seeds of each cell whose finished run is one record in both: the same id and numbers, clocks included.

    The id alone doesn't say so: versions are no part of it, so that a run which was trained again keeps it.
    """
    a, b = (report.runs[report.runs["status"] == "finished"] for report in (old, new))
    both = a.merge(b, on=["arch", "task", "seed", "run_id"])
    shared = set(a) & set(b)
    names = [*metric_columns(shared), *sorted(shared & {*old.declared.metrics, *new.declared.metrics})]
    equal, timed = pd.Series(True, both.index), pd.Series(False, both.index)
    for name in names:
        before, after = both[f"{name}_x"], both[f"{name}_y"]
        known = before.notna() & after.notna()  # one of them may have been evaluated further since
        equal &= (before == after) | ~known
        timed |= known & (name in CLOCKS)
    same = both[equal & timed]
    return {(str(arch), str(task)): set(group) for (arch, task), group in same.groupby(["arch", "task"])["seed"]}


def _valueless(old: Report, new: Report, shared: list[Cell], metric: Metric) -> list[str]:
    """A sentence for each cell that has values on one side only."""
    reasons = []
    for arch, task in shared:
        has = [bool(_values(report, arch, task, metric)) for report in (old, new)]
        if metric.name == _primary(old, new, task) and has[0] != has[1]:
            reasons.append(f"{arch} {task}: no run with a finite {metric.label} in {'A' if has[1] else 'B'}.")
    return reasons


def _family(
    old: Report, new: Report, shared: list[Cell], metric: Metric, records: Mapping[Cell, set[int]]
) -> list[Moved]:
    """Every shared cell on one metric, Holm-adjusted together."""
    found = []
    for arch, task in shared:
        if metric.name in (_primary(old, new, task), "train_images_per_s"):
            a, b = (_values(report, arch, task, metric) for report in (old, new))
            if a and b:
                found.append(_cell(arch, task, metric, a, b, records.get((arch, task), set())))
    adjusted = holm([one.p for one in found])
    return [_judged(one, p) for one, p in zip(found, adjusted, strict=True)]


def _primary(old: Report, new: Report, task: str) -> str | None:
    known = old.declared.merged_with(new.declared).tasks.get(task)
    return known.primary if known else None


def _values(report: Report, arch: str, task: str, metric: Metric) -> dict[int, float]:
    runs = report.runs[(report.runs["arch"] == arch) & (report.runs["task"] == task)]
    if metric.name not in runs:
        return {}
    values = {seed: value for seed, value in seed_values(runs, metric.name).items() if math.isfinite(value)}
    return {s: math.log(v) for s, v in values.items() if v > 0} if metric.name == "train_images_per_s" else values


def _cell(
    arch: str, task: str, metric: Metric, a: dict[int, float], b: dict[int, float], same_records: set[int]
) -> Moved:
    """B minus A: of the runs of common seeds that are not one record; unpaired only where no seed is common."""
    n, common = (len(a), len(b)), sorted(a.keys() & b.keys())
    paired = [seed for seed in common if seed not in same_records]
    left_out = (tuple(sorted(a.keys() - b.keys())), tuple(sorted(b.keys() - a.keys()))) if common else ((), ())
    verdict = ""
    if common:
        a, b = ({seed: values[seed] for seed in paired or common} for values in (a, b))
        row = compare_paired(b, a)
        ends, p = (row.difference, row.low, row.high), row.p_holm
    else:
        ends, p = welch(list(b.values()), list(a.values()))
    if a == b:  # the same seeds with the same numbers: there is nothing to test
        ends, p, verdict = (0.0, math.nan, math.nan), math.nan, "same" if paired else "same runs"
    means = (mean_interval(a.values()).mean, mean_interval(b.values()).mean)
    same_runs = tuple(seed for seed in common if seed in same_records)
    return Moved(arch, task, metric, *means, *ends, p, n, tuple(paired), same_runs, left_out, verdict)


def welch(x: list[float], y: list[float]) -> tuple[tuple[float, float, float], float]:
    """((mean x - mean y, low, high), two-sided p) of Welch's unequal-variance t test; NaN where a side has no spread."""
    from scipy.stats import ttest_ind

    difference = sum(x) / len(x) - sum(y) / len(y)
    spread = mean_interval(x).std, mean_interval(y).std
    if min(len(x), len(y)) < 2 or not max(spread) > 0:
        return (difference, math.nan, math.nan), math.nan
    test = ttest_ind(x, y, equal_var=False)
    low, high = test.confidence_interval(0.95)
    return (difference, float(low), float(high)), float(test.pvalue)


def _judged(one: Moved, p: float) -> Moved:
    if one.verdict:
        return one
    verdict = "unresolved"
    if one.metric.margin is not None and -one.metric.margin <= one.low and one.high <= one.metric.margin:
        verdict = "equivalent"  # as in `bench.statistics.paired`: a shift said not to matter fails no check
    elif p < ALPHA:
        verdict = "better" if (one.difference > 0) == (one.metric.higher_is_better is not False) else "worse"
    return replace(one, p=p, verdict=verdict)
