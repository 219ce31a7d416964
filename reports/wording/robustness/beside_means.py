"""Say what a verdict on means leaves open: failures that went unseen, skewed differences, seeds that stand out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bench.spec.metrics import Metric
from bench.statistics.robustness.differences import unseen_failure
from reports.findings.collapses import compared, standing_out
from reports.findings.experiment import Experiment
from reports.markup.escape import md
from reports.wording.formatting import number, signed

MOST_SEEDS = 6
"""As many seeds are named in a cell, the others are counted."""
STANDING_OUT = (
    "Seeds that stand out, and the verdicts without them: every other number is of all seeds. An outlier is a "
    "difference that the generalised ESD test takes for one at 2.5 %; in normal differences it finds one in at most 4 "
    "of 100 samples. A verdict on means is not protected against rare failures: where true means are equal and one "
    "architecture collapses by ten standard deviations in one seed of ten, 13 % of verdicts are wrong with 3 seeds, "
    "and 28 % with 6 or 10."
)
MEDIANS = (
    "Brackets of a median are free of assumptions on the distribution and of 95 % or more, from the k-th smallest to "
    "the k-th largest difference (k = 1 from 6 seeds on, 2 from 9, 3 from 12)."
)


def unseen(experiment: Experiment) -> str:
    """Say how frequent a failure may be that these seeds did not show; empty without a pair of two seeds."""
    counts = sorted({int(row.n) for ranking in experiment.rankings.values() for row in compared(ranking).values()})
    if not counts:
        return ""
    shares = " to ".join(dict.fromkeys(number(100 * unseen_failure(counts[i]), 0) for i in (0, -1)))
    seeds = " to ".join(dict.fromkeys(str(counts[i]) for i in (0, -1)))
    return (
        "A failure that none of these seeds showed is not excluded: with 95 % confidence it may happen in up to "
        f"{shares} % of all seeds ({seeds} seeds)."
    )


def skewed(experiment: Experiment) -> str:
    """Name the differences that are skewed though no seed of them stands out; empty if none are."""
    texts = [
        f"{md(arch)} − {md(ranking.baseline)} ({md(ranking.description.label)}, {signed(row.skewness, 2)} over "
        f"{int(row.n)} seeds)"
        for ranking in experiment.rankings.values()
        for arch, row in compared(ranking).items()
        if row.skewed and arch not in standing_out(ranking)
    ]
    if not texts:
        return ""
    return (
        f"More skewed than normal differences are: {'; '.join(texts)}. There a verdict on means is less sure than it "
        "says."
    )


def seeds_that_stand_out(
    metric: Metric, row: Any, differences: Mapping[int, float], collapsed: Mapping[str, Collection[int]]
) -> str:
    """Return the seeds that the verdict is also given without: why, and how far each is from the median difference.

    Args:
        metric: what is compared.
        row: of the comparisons frame.
        differences: seed → the paired difference, in the metric's raw unit.
        collapsed: architecture → the seeds in which it collapsed, of those that did not always.
    """
    reasons: dict[int, list[str]] = {}
    named = [(f"{arch} collapsed", collapsed.get(arch, ())) for arch in (row.arch, row.baseline)]
    for reason, seeds in [*named, ("outlier", row.outliers)]:
        for seed in differences.keys() & set(seeds):
            reasons.setdefault(seed, []).append(reason)
    texts = [
        f"seed {seed} ({', '.join(reasons[seed])}): "
        f"{signed((differences[seed] - row.median) * metric.scale, metric.digits)} {metric.unit_of_difference}"
        for seed in sorted(reasons)
    ]
    return "; ".join([*texts[:MOST_SEEDS], *[f"{len(texts) - MOST_SEEDS} more"] * (len(texts) > MOST_SEEDS)])
