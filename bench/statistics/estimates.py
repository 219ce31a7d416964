"""Estimates from one small sample of numbers: mean with interval, p values, effect size, seeds needed.

Nothing here knows of architectures; `bench.statistics.comparisons` and `bench.statistics.factors` are built on it. It
uses `scipy.special`, since `scipy.stats` is slow to import and has the same t distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

ALPHA = 0.05
POWER = 0.80

MAX_SEEDS = 10_000
"""More seeds than this are not worth recommending."""

EXACT_SIGNFLIP_N = 16
"""The most values for which the sign-flip p is exact, from all 2**n sums; beyond, it is a Monte Carlo estimate."""

MONTE_CARLO_FLIPS = 100_000

HALVINGS = 30
"""Of the effects among which the one is sought that takes most seeds: a thousandth of them is 5 % of the seeds."""

NORMAL_ASSUMPTION_BELOW = 6
"""With fewer pairs a verdict rests on the t test's assumption: a sign-flip p of five pairs is at least 2 / 2**5."""


@dataclass(frozen=True)
class Interval:
    """A mean with its t interval, in the unit of the values; a number that is undefined is NaN."""

    mean: float
    std: float
    """The sample standard deviation (ddof = 1)."""

    n: int
    """How many values there are."""

    low: float
    """The lower end of the interval."""

    high: float
    """The upper end of the interval."""


def mean_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Return the mean and the two-sided t interval of finite `values`; both are NaN as far as there are too few.

    Values that are equal but for rounding have a std of exactly 0, and their interval is a point.
    """
    x = np.asarray(list(values), dtype=float)
    n = len(x)
    if n == 0:
        return Interval(np.nan, np.nan, 0, np.nan, np.nan)
    mean = float(x.mean())
    if n == 1:
        return Interval(mean, np.nan, 1, np.nan, np.nan)
    std = 0.0 if all_equal(x) else float(x.std(ddof=1))
    half = float(special.stdtrit(n - 1, (1 + level) / 2) * std / np.sqrt(n))
    return Interval(mean, std, n, mean - half, mean + half)


def all_equal(x: Floats, scale: float | None = None) -> bool:
    """Return whether values differ by no more than rounding: 1e-12 of `scale`, by default the largest of them."""
    size = float(np.abs(x).max(initial=0.0)) if scale is None else scale
    return len(x) < 2 or float(np.ptp(x)) <= 1e-12 * size


def without_rounding(differences: Floats, size: float) -> Floats:
    """Return differences of numbers as large as `size`, made exactly equal (or 0) if they are so but for rounding.

    Otherwise 0.3 - 0.2 and 0.4 - 0.3 would have a tiny std, and a gigantic t.
    """
    if len(differences) == 0 or not all_equal(differences, size):
        return differences
    mean = float(differences.mean())
    return np.full(len(differences), 0.0 if abs(mean) <= 1e-12 * size else mean)


def t_test_p(interval: Interval) -> float:
    """Return the two-sided p of "the mean is 0" by the t test; NaN without a spread to judge by (n < 2 or std = 0)."""
    if interval.n < 2 or not interval.std > 0:
        return np.nan
    t = interval.mean / (interval.std / np.sqrt(interval.n))
    return float(2 * special.stdtr(interval.n - 1, -abs(t)))


@lru_cache(maxsize=2)
def _signs(n: int) -> Floats:
    """Return random signs [MONTE_CARLO_FLIPS, n], the same in every call, so that a p is the same in every report."""
    rng = np.random.default_rng(np.random.SeedSequence([20_171_001, n]))
    return np.where(rng.integers(0, 2, size=(MONTE_CARLO_FLIPS, n), dtype=np.int8) == 0, -1.0, 1.0)


def sign_flip_p(differences: Iterable[float]) -> float:
    """Return the two-sided sign-flip p of the mean, which assumes only that under the null differences are symmetric.

    It is taken over all 2**n sign patterns for n <= 16, else over 100,000 random ones and the observed one, so that
    p > 0. The smallest possible p is 2 / 2**n; for n = 0 it is NaN.
    """
    d = np.asarray(list(differences), dtype=float)
    if len(d) == 0:
        return np.nan
    observed = abs(float(d.sum())) - 1e-9 * float(np.abs(d).sum())  # so that rounding loses no tie
    if len(d) > EXACT_SIGNFLIP_N:
        hits = int((np.abs(_signs(len(d)) @ d) >= observed).sum())
        return (hits + 1) / (MONTE_CARLO_FLIPS + 1)
    sums = d[:1]  # mirror images have the same |sum|, so that the first sign can stay +
    for value in d[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return float((np.abs(sums) >= observed).mean())


def decision_p(differences: Iterable[float], interval: Interval) -> float:
    """Return the p that a verdict rests on: the t test's, or the sign-flip test's if all differences are equal.

    With equal differences t would be infinite. A metric that moves in steps, such as accuracy on few images, repeats
    itself by chance often enough for that to be a false call at n = 2
    (docs/decisions.md#differences-without-a-spread). NaN for n < 2.
    """
    if interval.n < 2:
        return np.nan
    return t_test_p(interval) if interval.std > 0 else sign_flip_p(differences)


def hedges_g(interval: Interval) -> float:
    """Return the standardised paired difference: mean / std of the differences, times Hedges' small-sample correction.

    The exact factor is J(m) = gamma(m/2) / (sqrt(m/2) gamma((m-1)/2)), m = n - 1 (Hedges 1981, about 1 - 3/(4m-1)).
    The unit is the std of the *differences* (d_z), not of one arm. NaN for n < 3, where J is 0, and for std = 0.
    """
    m = interval.n - 1
    if m < 2 or not interval.std > 0:
        return np.nan
    j = np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / np.sqrt(m / 2)
    return float(j * interval.mean / interval.std)


def t_power(effect: float, n: int, alpha: float = ALPHA) -> float:
    """Return the power of the two-sided paired t test for a true difference of `effect` stds of the differences."""
    critical, shift = float(special.stdtrit(n - 1, 1 - alpha / 2)), abs(effect) * float(np.sqrt(n))
    return 1 - _t_below(critical, n - 1, shift) + _t_below(-critical, n - 1, shift)


def equivalence_power(effect: float, margin: float, n: int, alpha: float = ALPHA) -> float:
    """Return the chance that the 1 - alpha interval lies inside ±margin if the true difference is `effect`, in stds.

    From the two one-sided tests it is, by Bonferroni's inequality, a lower bound, which is tight above one half.
    """
    critical, root = float(special.stdtrit(n - 1, 1 - alpha / 2)), float(np.sqrt(n))
    miss = sum(_t_below(critical, n - 1, (margin + side * effect) * root) for side in (1.0, -1.0))
    return max(0.0, 1 - miss)


def _t_below(t: float, df: int, shift: float) -> float:
    """Return the noncentral t distribution function at `t`; scipy gives NaN where it underflows to 0."""
    value = float(special.nctdtr(df, shift, t))
    return 0.0 if np.isnan(value) else value


def effect_interval(interval: Interval, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the standardised difference, mean / std, from the noncentral t distribution.

    Its ends are the true effects under which a t as large, or as small, as the observed one has the chance
    (1 - level) / 2. Both are NaN without a spread to judge by.
    """
    if interval.n < 2 or not interval.std > 0:
        return np.nan, np.nan
    root = float(np.sqrt(interval.n))
    t, tail = abs(interval.mean) / interval.std * root, (1 - level) / 2
    ends = [float(special.nctdtrinc(interval.n - 1, chance, t)) / root for chance in (1 - tail, tail)]
    return (ends[0], ends[1]) if interval.mean >= 0 else (-ends[1], -ends[0])


def seeds_needed(interval: Interval, *, margin: float | None = None, alpha: float = ALPHA) -> int | None:
    """Return the smallest n with 80 % power for a settled verdict, if the observed difference and std are true.

    Settled means better or worse by the paired t test at `alpha` or, if the observed difference is inside a stated
    margin, equivalent at that level: whichever needs fewer seeds. Equal nonzero differences need the n at which a
    sign-flip p can fall below `alpha`. None if nothing can be said (n < 2, no difference) or the answer is above
    10,000. How rough a guide it is, `seeds_range` tells.
    """
    if interval.n < 2 or (interval.mean == 0 and (margin is None or interval.std == 0)):
        return None
    if interval.std == 0:
        return int(np.floor(1 - np.log2(alpha))) + 1  # smallest n with 2 / 2**n < alpha
    return _settling(interval.mean / interval.std, None if margin is None else margin / interval.std, alpha)


def seeds_range(
    interval: Interval, *, margin: float | None = None, alpha: float = ALPHA, level: float = 0.95
) -> tuple[int | None, int | None]:
    """Return the fewest and the most seeds needed over what the seeds at hand leave open; None: none, or above 10,000.

    Open are the standardised difference, within its noncentral t interval, and the std that the margin is measured
    with, within its chi-square interval, each at `level`. An unresolved difference may be 0 and then is never resolved:
    without a margin the most is None.
    """
    low, high = effect_interval(interval, level)
    if np.isnan(low):
        return None, None
    least, largest = (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    if margin is None:
        return _settling(largest, None, alpha), _settling(least, None, alpha)
    df, tails = interval.n - 1, ((1 + level) / 2, (1 - level) / 2)
    # in stds, if the true std is as large as it may be, and if it is as small
    narrow, wide = (margin / interval.std * float(np.sqrt(special.chdtri(df, tail) / df)) for tail in tails)
    fewest = [_settling(largest, None, alpha), _settling(least, wide, alpha)]
    return min((n for n in fewest if n is not None), default=None), _hardest(least, largest, narrow, alpha)


def _hardest(least: float, largest: float, margin: float, alpha: float) -> int | None:
    """Return the seeds for the true effect from `least` to `largest`, all in stds, that is settled last.

    A larger one is told from 0 sooner and shown to be inside the margin later, so that the hardest is where both take
    as many seeds, or at an end.
    """
    for _ in range(HALVINGS):
        middle = (least + largest) / 2
        if (_inside(middle, margin, alpha) or np.inf) < (_apart(middle, alpha) or np.inf):
            least = middle
        else:
            largest = middle
    return _settling(largest, margin, alpha)


def _settling(effect: float, margin: float | None, alpha: float) -> int | None:
    """Return the seeds that settle a true difference of `effect`, in stds as the margin is, by the quicker way."""
    answers = (_apart(effect, alpha), None if margin is None else _inside(effect, margin, alpha))
    return min((n for n in answers if n is not None), default=None)


def _apart(effect: float, alpha: float) -> int | None:
    """Return the seeds that tell a true difference from 0."""
    return _smallest(lambda n: t_power(effect, n, alpha))


def _inside(effect: float, margin: float, alpha: float) -> int | None:
    """Return the seeds that show a true difference to be inside the margin; None if it is not."""
    return _smallest(lambda n: equivalence_power(effect, margin, n, alpha)) if abs(effect) < margin else None


def _smallest(power: Callable[[int], float]) -> int | None:
    """Return the smallest n from 2 to MAX_SEEDS with power(n) >= POWER, by bisection, since power grows with n."""
    if power(MAX_SEEDS) < POWER:
        return None
    low, high = 1, MAX_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high
