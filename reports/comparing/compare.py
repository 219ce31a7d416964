"""Two reports against each other, from their manifests and records.csv alone: what was set, what moved beyond noise."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from archs.errors import UserError
from bench.spec.metrics import METRICS, PRIMARY, Metric
from bench.statistics.comparisons import compare_paired, holm, mean_interval, seed_values
from bench.statistics.paired import ALPHA
from reports.comparing.reading import Report, read

SETTINGS = (
    "dataset", "data_fingerprint", "likelihood", "protocol", "epochs", "batch_size", "lr", "latent_dim", "train_images",
    "device", "threads", "torch", "commit",
)  # fmt: skip
COMPARABLE = ("dataset", "data_fingerprint")  # where these differ no number means the same thing
Cell = tuple[str, str]  # arch, task


@dataclass(frozen=True)
class Moved:
    """One arch × task × metric: B minus A in the metric's raw unit, with a 95 % interval and a Holm-adjusted p.

    paired: the seeds are the same, so the difference is taken per seed; else Welch's. verdict: better, worse, same
    (identical numbers), equivalent (inside the metric's margin), unresolved. Throughput is in logarithms.
    """

    arch: str
    task: str
    metric: Metric
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    n: tuple[int, int]
    paired: bool
    verdict: str


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
    metrics, reasons = _metrics(old, new)
    moved = [found for metric in metrics for found in _family(old, new, shared, metric)]
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
    seeds = [tuple(str(seed) for seed in sorted(set(report.runs["seed"]))) for report in (old, new)]
    rows.append(("seeds", seeds[0], seeds[1]))
    return [(name, ", ".join(was) or "none", ", ".join(now) or "none") for name, was, now in rows if was != now]


def _metrics(old: Report, new: Report) -> tuple[list[Metric], list[str]]:
    """Primary metrics and throughput, less those whose numbers don't mean the same in both."""
    names, reasons = list(dict.fromkeys(PRIMARY.values())), []
    if old.settings("likelihood") != new.settings("likelihood") or old.settings("protocol") != new.settings("protocol"):
        names = [name for name in names if name != "elbo"]
        reasons.append("ELBO: the likelihood or protocol differs, so the numbers don't mean the same.")
    if old.settings("device") == new.settings("device") and old.settings("threads") == new.settings("threads"):
        names.append("train_images_per_s")
    else:
        reasons.append("Throughput: device or threads differ.")
    return [METRICS[name] for name in names], reasons


def _failing(old: Report, new: Report, shared: list[Cell]) -> list[tuple[str, str, int]]:
    """Cells with more failed runs in B than in A."""
    counts = [
        report.runs[report.runs["status"] != "finished"].groupby(["arch", "task"]).size().to_dict()
        for report in (old, new)
    ]
    return [(*cell, int(counts[1][cell])) for cell in shared if counts[1].get(cell, 0) > counts[0].get(cell, 0)]


def _family(old: Report, new: Report, shared: list[Cell], metric: Metric) -> list[Moved]:
    """Every shared cell on one metric, Holm-adjusted together."""
    found: dict[Hashable, Moved] = {}
    for arch, task in shared:
        if metric.name not in (PRIMARY.get(task), "train_images_per_s"):
            continue
        values = [_values(report, arch, task, metric) for report in (old, new)]
        if all(values):
            found[(arch, task)] = _cell(arch, task, metric, values[0], values[1])
    adjusted = holm([one.p for one in found.values()])
    return [_judged(one, p) for one, p in zip(found.values(), adjusted, strict=True)]


def _values(report: Report, arch: str, task: str, metric: Metric) -> dict[int, float]:
    runs = report.runs[(report.runs["arch"] == arch) & (report.runs["task"] == task)]
    if metric.name not in runs:
        return {}
    values = {seed: value for seed, value in seed_values(runs, metric.name).items() if math.isfinite(value)}
    return {s: math.log(v) for s, v in values.items() if v > 0} if metric.name == "train_images_per_s" else values


def _cell(arch: str, task: str, metric: Metric, a: dict[int, float], b: dict[int, float]) -> Moved:
    means = (mean_interval(a.values()).mean, mean_interval(b.values()).mean)
    n, paired = (len(a), len(b)), set(a) == set(b)
    if paired:
        row = compare_paired(b, a)  # B minus A
        ends, p = (row.difference, row.low, row.high), row.p_holm
    else:
        ends, p = welch(list(b.values()), list(a.values()))
    return Moved(arch, task, metric, *means, *ends, p, n, paired, "")


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
    verdict = "unresolved"
    if one.paired and one.difference == 0 and one.low == one.high:
        verdict = "same"
    elif one.metric.margin is not None and -one.metric.margin <= one.low and one.high <= one.metric.margin:
        verdict = "equivalent"  # as in `bench.statistics.paired`: a shift said not to matter fails no check
    elif p < ALPHA:
        verdict = "better" if (one.difference > 0) == (one.metric.higher_is_better is not False) else "worse"
    return Moved(**{**vars(one), "p": p, "verdict": verdict})
