"""How one metric of one architecture and task changed from report A to report B, with its interval and verdict."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.spec.metrics import Metric
from bench.statistics.comparisons import compare_paired, holm, mean_interval
from bench.statistics.judging import holm_steps, judge, read
from bench.statistics.sequential.confidence import anytime_interval

THROUGHPUT = "train_images_per_s"
"""Name of the metric that is compared in logarithms."""


@dataclass(frozen=True)
class MetricChange:
    """B minus A in the metric's raw unit; of throughput, the logarithm of B over A."""

    arch: str
    """The architecture."""

    task: str
    """Name of the task."""

    metric: Metric
    """What is compared."""

    mean_a: float
    """Mean in A over the seeds that were compared."""

    mean_b: float
    """Mean in B over the seeds that were compared."""

    difference: float
    """`mean_b` minus `mean_a`."""

    error: float
    """Standard error of the difference; NaN where there is none."""

    df: float
    """Degrees of freedom of the t interval."""

    low: float
    """Lower end of the difference's interval, which is as wide as its verdict takes; NaN where there is none."""

    high: float
    """Upper end of the difference's interval."""

    p: float
    """Holm-adjusted over the changes of the metric; NaN where nothing was tested."""

    n: tuple[int, int]
    """Seeds that have a value, in A and in B."""

    paired_seeds: tuple[int, ...]
    """Common seeds whose runs differ: the difference was taken seed by seed."""

    same_run_seeds: tuple[int, ...]
    """Common seeds whose run is one record in both reports: it can't have moved, so it is in no test."""

    unmatched_seeds: tuple[tuple[int, ...], tuple[int, ...]]
    """Seeds that only A has, and that only B has, which were left out; empty where no seed is common."""

    verdict: str
    """better, worse, equivalent (inside the metric's margin), unresolved; or, without a test, same (equal numbers),
    same runs, or same network (as another architecture, whose change counts)."""

    differences: tuple[float, ...] | None = None
    """B minus A by rising seed where the interval is a confidence sequence, for seeds that were added in sight of the
    results; None where it is a t interval."""

    @property
    def is_judged(self) -> bool:
        """Whether the numbers are equal or their difference was tested, as one of a single pair is not."""
        return self.verdict != "unresolved" or math.isfinite(self.p)

    @property
    def same_seeds(self) -> bool:
        """Whether both reports have the same seeds."""
        return bool(self.paired_seeds or self.same_run_seeds) and not any(self.unmatched_seeds)


def change_of(
    arch: str,
    task: str,
    metric: Metric,
    a: dict[int, float],
    b: dict[int, float],
    same_runs: Collection[int],
    is_repeated: bool = False,
    anytime: bool = False,
) -> MetricChange:
    """Compare the values of one metric; the verdict is left empty until `with_verdicts` gives it.

    The difference is taken seed by seed over the common seeds whose runs differ. Where no seed is common it is the
    difference of the means, by Welch's t test.

    Args:
        a: seed → value in A, of which there is at least one.
        b: seed → value in B, of which there is at least one.
        same_runs: seeds whose run is one record in both reports.
        is_repeated: whether it is the same network as another architecture: its change is then in no test.
        anytime: whether seeds were added in sight of the results, so that what is paired must hold at any look.
    """
    n, common = (len(a), len(b)), sorted(a.keys() & b.keys())
    paired = [seed for seed in common if seed not in same_runs]
    unmatched = (tuple(sorted(a.keys() - b.keys())), tuple(sorted(b.keys() - a.keys()))) if common else ((), ())
    verdict, differences = "", None
    if common:
        a, b = ({seed: values[seed] for seed in paired or common} for values in (a, b))
        row = compare_paired(b, a, anytime=anytime)
        differences = row.differences if anytime else None
        difference, error, df, p = row.difference, row.std / math.sqrt(max(row.n, 1)), row.n - 1.0, row.p_holm
    else:
        difference, error, df, p = welch(list(b.values()), list(a.values()))
    if a == b:  # the same seeds with the same numbers: there is nothing to test
        difference, error, p = 0.0, math.nan, math.nan
        verdict = "same" if paired else "same runs"
    elif is_repeated:
        error, p, verdict = math.nan, math.nan, "same network"
    return MetricChange(
        arch=arch,
        task=task,
        metric=metric,
        mean_a=mean_interval(a.values()).mean,
        mean_b=mean_interval(b.values()).mean,
        difference=difference,
        error=error,
        df=df,
        low=math.nan,
        high=math.nan,
        p=p,
        n=n,
        paired_seeds=tuple(paired),
        same_run_seeds=tuple(seed for seed in common if seed in same_runs),
        unmatched_seeds=unmatched,
        verdict=verdict,
        differences=differences,
    )


def with_verdicts(changes: Sequence[MetricChange]) -> list[MetricChange]:
    """Adjust the p of all changes of one metric together, by Holm's method, and give each its verdict."""
    p_values = [change.p for change in changes]
    family = sum(map(math.isfinite, p_values))
    steps = zip(changes, holm(p_values), holm_steps(p_values), strict=True)
    return [_with_verdict(change, p, alpha, family) for change, p, alpha in steps]


def _with_verdict(change: MetricChange, p: float, alpha: float, family: int) -> MetricChange:
    if change.verdict:
        return change
    higher, margin = change.metric.higher_is_better is not False, change.metric.margin
    if change.differences is not None:
        d = np.array(change.differences)
        flat = change.error == 0
        found = read(lambda level: anytime_interval(d, 1 - level), flat, p, alpha, family, higher, margin)
    else:
        found = judge(
            change.difference, change.error, change.df, p, alpha, family, higher_is_better=higher, margin=margin
        )
    return replace(change, p=p, low=found.low, high=found.high, verdict=found.verdict)


def welch(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float, float]:
    """Compare two means by Welch's unequal-variance t test.

    Returns:
        (mean of x - mean of y, its standard error, degrees of freedom, two-sided p); all but the first are NaN where a
        side has no spread.
    """
    from scipy.stats import ttest_ind

    difference = sum(x) / len(x) - sum(y) / len(y)
    spread = mean_interval(x).std, mean_interval(y).std
    if min(len(x), len(y)) < 2 or not max(spread) > 0:
        return difference, math.nan, math.nan, math.nan
    test = ttest_ind(x, y, equal_var=False)
    error = math.hypot(spread[0] / math.sqrt(len(x)), spread[1] / math.sqrt(len(y)))
    return difference, error, float(test.df), float(test.pvalue)
