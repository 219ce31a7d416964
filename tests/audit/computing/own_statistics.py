"""Statistics of small samples, with scipy.stats and by definition: no rule of the project's code is read from it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

ALPHA, POWER, MOST = 0.05, 0.8, 10_000


def sd(values: np.ndarray) -> float:
    """The sample standard deviation; exactly 0 of values that differ by rounding only."""
    if len(values) < 2:
        return math.nan
    return 0.0 if np.ptp(values) <= 1e-12 * np.abs(values).max() else float(np.std(values, ddof=1))


@cache
def t_quantile(p: float, degrees: int) -> float:
    return float(stats.t.ppf(p, degrees))


class Sample(NamedTuple):
    """Differences by seed, or anything else whose mean is asked for."""

    n: int
    mean: float
    sd: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        half = t_quantile((1 + level) / 2, self.n - 1) * self.sd / math.sqrt(self.n) if self.n > 1 else math.nan
        return self.mean - half, self.mean + half


def sample(values: np.ndarray, size: float | None = None) -> Sample:
    """Summarise values; rounding is judged against numbers of this size."""
    values = values[np.isfinite(values)]
    size = float(np.abs(values).max(initial=0)) if size is None else size
    flat = len(values) > 1 and np.ptp(values) <= 1e-12 * size
    mean = float(values.mean()) if len(values) else math.nan
    return Sample(len(values), mean, 0.0 if flat else sd(values))


def p_value(values: np.ndarray, summary: Sample) -> float:
    """By the t test; of values without a spread by all of their sign flips."""
    if summary.n < 2:
        return math.nan
    if summary.sd > 0:
        return float(stats.ttest_1samp(values[np.isfinite(values)], 0.0).pvalue)
    sums = [abs(sum(s * summary.mean for s in signs)) for signs in itertools.product((1, -1), repeat=summary.n)]
    return float(np.mean([value >= summary.n * abs(summary.mean) - 1e-12 for value in sums]))


def holm(p: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return Holm's adjusted p, and the level that each was held to at its step."""
    order = sorted((i for i in range(len(p)) if math.isfinite(p[i])), key=lambda i: p[i])
    adjusted, levels = [math.nan] * len(p), [math.nan] * len(p)
    running, stopped_at = 0.0, 0
    for rank, i in enumerate(order):
        left = stopped_at or len(order) - rank
        running = max(running, min(1.0, (len(order) - rank) * p[i]))
        adjusted[i], levels[i] = running, ALPHA / left
        if not stopped_at and p[i] >= ALPHA / left:
            stopped_at = left
    return adjusted, levels


def fisher(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Return Pearson's correlation and its 95 % interval; of the same numbers twice, whose z is infinite, none."""
    found = stats.pearsonr(a, b)
    if found.statistic > 1 - 1e-12:
        return 1.0, math.nan, math.nan
    low, high = found.confidence_interval(0.95)
    return float(found.statistic), float(low), float(high)


@cache
def seeds_needed(differences: Sample, margin: float, alpha: float) -> int | None:
    """Return the fewest seeds with 80 % power if the observed difference and spread are true."""
    return _settle(differences.mean / differences.sd, margin / differences.sd, alpha) if differences.sd > 0 else None


@cache
def seeds_range(differences: Sample, margin: float, alpha: float) -> tuple[int | None, int | None]:
    """Return the fewest and the most over the 95 % intervals of the standardised difference and of the spread."""
    n, root = differences.n, math.sqrt(differences.n)
    t = abs(differences.mean) / differences.sd * root
    low, high = (float(special.nctdtrinc(n - 1, tail, t)) / root for tail in (0.975, 0.025))
    least, largest = (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    narrow, wide = (
        margin / differences.sd * math.sqrt(stats.chi2.ppf(q, n - 1) / (n - 1)) for q in (0.025, 0.975)
    )  # fmt: skip
    fewest = [x for x in (_apart(largest, alpha), _inside(least, wide, alpha)) if x is not None]
    most = _most(least, largest, narrow, alpha)
    return (max(min(fewest), n + 1) if fewest else None), most


def _most(low: float, high: float, margin: float, alpha: float) -> int | None:
    """Return the most seeds that an effect from `low` to `high` takes: where both ways to settle it meet, or at an end.

    Telling it from 0 takes fewer the larger it is, showing it to be inside the margin more.
    """
    ends = [_settle(low, margin, alpha), _settle(high, margin, alpha)]

    def apart_is_quicker(effect: float) -> float:
        apart, inside = _apart(effect, alpha), _inside(effect, margin, alpha)
        return 1.0 if (apart or MOST + 1) <= (inside or MOST + 1) else -1.0

    if apart_is_quicker(low) < 0 < apart_is_quicker(high):
        meeting = float(optimize.bisect(apart_is_quicker, low, high, xtol=1e-12))
        ends += [_settle(meeting - 1e-9, margin, alpha), _settle(meeting + 1e-9, margin, alpha)]
    return None if None in ends else max(x for x in ends if x is not None)


def _settle(effect: float, margin: float, alpha: float) -> int | None:
    answers = [x for x in (_apart(effect, alpha), _inside(effect, margin, alpha)) if x is not None]
    return min(answers, default=None)


def _apart(effect: float, alpha: float) -> int | None:
    def power(n: int) -> float:
        critical, shift = stats.t.ppf(1 - alpha / 2, n - 1), abs(effect) * math.sqrt(n)
        below, above = special.nctdtr(n - 1, shift, -critical), special.nctdtr(n - 1, shift, critical)
        return float(np.nan_to_num(below) + 1 - np.nan_to_num(above))

    return _fewest(power)


def _inside(effect: float, margin: float, alpha: float) -> int | None:
    """By the two one-sided tests, each at alpha / 2: the chance that the interval lies inside the margin."""
    if abs(effect) >= margin:
        return None

    def power(n: int) -> float:
        critical = stats.t.ppf(1 - alpha / 2, n - 1)
        misses = (special.nctdtr(n - 1, (margin + side * effect) * math.sqrt(n), critical) for side in (1, -1))
        return 1 - float(sum(np.nan_to_num(miss) for miss in misses))

    return _fewest(power)


def _fewest(power: Callable[[int], float]) -> int | None:
    if power(MOST) < POWER:
        return None
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high
