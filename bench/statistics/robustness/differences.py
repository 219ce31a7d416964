"""Describes paired differences without a test of means: median, seeds won, what n seeds can't exclude."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.statistics.estimates import ALPHA, without_rounding
from bench.statistics.robustness.outliers import is_skewed, outliers, skewness

TIE = 1e-12
"""Differences of no more than this share of the largest value are ties: they are rounding."""


@dataclass(frozen=True)
class Description:
    """What n paired differences look like, in the metric's raw unit; NaN where a number is not defined."""

    median: float
    """Of the differences; NaN for n = 0."""

    median_low: float
    """The lower end of the median's distribution-free interval, as `median_interval` says; NaN below n = 6."""

    median_high: float
    """The upper end of that interval."""

    won: int
    """Seeds in which the first arm is better."""

    lost: int
    """Seeds in which the second is."""

    tied: int
    """Seeds in which both are equal."""

    unseen_failure: float
    """The rate up to which a failure that none of n seeds showed can't be excluded; NaN for n = 0."""

    skewness: float
    """The moment coefficient of skewness; NaN below n = 3, or without a spread."""

    skewed: bool
    """Whether that is more than normal differences show: see `is_skewed`."""

    outliers: tuple[int, ...]
    """The seeds whose differences are outliers: see `outliers`."""


def paired_differences(a: Mapping[int, float], b: Mapping[int, float]) -> dict[int, float]:
    """Return seed → a − b of the seeds of which both have a finite value, in their order; a tie is exactly 0."""
    seeds = [seed for seed in sorted(set(a) & set(b)) if math.isfinite(a[seed]) and math.isfinite(b[seed])]
    arms = np.array([[float(a[seed]), float(b[seed])] for seed in seeds]).reshape(-1, 2)  # [n, 2]
    size = float(np.abs(arms).max(initial=0.0))
    d = without_rounding(arms[:, 0] - arms[:, 1], size)
    d[np.abs(d) <= TIE * size] = 0.0
    return dict(zip(seeds, map(float, d), strict=True))


def describe(differences: Mapping[int, float], *, higher_is_better: bool = True) -> Description:
    """Describe finite differences by seed, of which there may be none."""
    d = np.array(list(differences.values()), dtype=float)
    low, high = median_interval(d)
    above, below = int((d > 0).sum()), int((d < 0).sum())
    seeds = list(differences)
    return Description(
        median=float(np.median(d)) if len(d) else math.nan,
        median_low=low,
        median_high=high,
        won=above if higher_is_better else below,
        lost=below if higher_is_better else above,
        tied=len(d) - above - below,
        unseen_failure=unseen_failure(len(d)),
        skewness=skewness(d),
        skewed=is_skewed(d),
        outliers=tuple(seeds[i] for i in outliers(d)),
    )


def median_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the distribution-free interval of the median, of at least 95 % confidence; NaN below n = 6.

    Its ends are the k-th smallest and the k-th largest value, with the largest k for which P(Bin(n, ½) < k) ≤ 2.5 %:
    the extremes up to n = 8, the second ones from 9, the third from 12 on. It assumes that values are independent.
    """
    n = len(values)
    k = order_of_median(n)
    if k == 0:
        return math.nan, math.nan
    in_order = np.sort(values)
    return float(in_order[k - 1]), float(in_order[n - k])


def order_of_median(n: int) -> int:
    """Return which smallest and which largest of n values bound the median: 1 for the extremes, 0 if none do."""
    k = 0
    while special.bdtr(k, n, 0.5) <= ALPHA / 2:  # the chance that at most k of n are below the median
        k += 1
    return k


def unseen_failure(n: int) -> float:
    """Return the rate up to which a failure that none of n seeds showed can't be excluded with 95 % confidence.

    With a higher rate than 1 − 0.05^(1/n), n seeds without a failure would have had less than a 5 % chance: the exact
    one-sided bound of Clopper & Pearson (1934). 0.63 at n = 3, 0.39 at 6, 0.26 at 10, 0.10 at 30; NaN for n = 0.
    """
    return 1 - ALPHA ** (1 / n) if n else math.nan


def rate_interval(count: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate, of which `count` of n > 0 seeds are seen (Clopper & Pearson 1934)."""
    low = float(special.betaincinv(count, n - count + 1, ALPHA / 2)) if count else 0.0
    high = float(special.betaincinv(count + 1, n - count, 1 - ALPHA / 2)) if count < n else 1.0
    return low, high
