"""Puts what a mean hides beside a table of verdicts: columns of comparisons.csv."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

from bench.statistics.paired import Comparison
from bench.statistics.robustness.collapse import collapsed_by_arch
from bench.statistics.robustness.differences import describe, paired_differences

Values = Mapping[Hashable, Mapping[int, float]]
"""Architecture → seed → value."""
COLUMNS = ["median", "median_low", "median_high", "won", "lost", "tied", "unseen_failure", "skewness", "skewed"]
COLUMNS += ["outliers", "collapsed", "collapsed_baseline"]
COLUMNS += ["n_without", "difference_without", "low_without", "high_without", "verdict_without"]
"""Those of `bench.statistics.robustness.differences.Description`, and:

collapsed            the seeds in which the architecture collapsed, as `collapsed_seeds` says,
collapsed_baseline   and those in which the baseline did.
n_without            pairs that are left without outliers and without the runs that collapsed, of an architecture that
                     did not always; none is left out of any other number. NaN where nothing is to be left out.
difference_without   their mean difference,
low_without          the interval that its verdict is read from, among the same comparisons: its lower end,
high_without         and its upper end,
verdict_without      and that verdict; None where nothing is to be left out.
"""


def robustness_columns(
    runs: pd.DataFrame,
    values: Values,
    baseline: str,
    metric: str,
    judge: Callable[[Values], Mapping[Hashable, Comparison]],
    *,
    higher_is_better: bool = True,
) -> dict[Hashable, dict[str, Any]]:
    """Return architecture → column → value, for every architecture but the baseline.

    Args:
        runs: all runs of one task.
        values: of the metric, the baseline's too; NaN for a run that did not finish.
        baseline: the architecture that others are compared with.
        metric: its name.
        judge: makes the table of comparisons from such values.
        higher_is_better: who wins a seed.
    """
    finished = runs[runs["status"] == "finished"]
    collapsed = collapsed_by_arch(finished, metric)
    found: dict[Hashable, dict[str, Any]] = {}
    for arch in values:
        if arch == baseline:
            continue
        differences = paired_differences(values[arch], values[baseline])
        about = describe(differences, higher_is_better=higher_is_better)
        left_out = set(about.outliers)
        for one in (arch, baseline):
            own = set(collapsed.get(one, ()))
            if len(own) < sum(map(math.isfinite, values[one].values())):
                left_out |= own & set(differences)
        kept = {seed: value for seed, value in values[arch].items() if seed not in left_out}
        without = judge({**values, arch: kept})[arch] if left_out else None
        found[arch] = {
            **dataclasses.asdict(about),
            "collapsed": collapsed.get(arch, ()),
            "collapsed_baseline": collapsed.get(baseline, ()),
            "n_without": without.n if without else math.nan,
            "difference_without": without.difference if without else math.nan,
            "low_without": without.low if without else math.nan,
            "high_without": without.high if without else math.nan,
            "verdict_without": without.verdict if without else None,
        }
    return found
