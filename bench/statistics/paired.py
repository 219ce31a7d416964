"""Paired comparison of two architectures over seeds: difference, interval, p values and verdict.

Seed k fixes split, data order, coins and noise for every architecture alike, so the unit of analysis is the per-seed
*difference*. An interval here covers the noise between seeds (those and the initial weights) on one fixed test set;
`bench.statistics.image_tests` covers the test images. `docs/calibration/` shows how often the verdicts err.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from scipy import special

from bench.statistics.estimates import (
    ALPHA,
    NORMAL_ASSUMPTION_BELOW,
    Interval,
    decision_p,
    hedges_g,
    mean_interval,
    seeds_needed,
    sign_flip_p,
    t_test_p,
    without_rounding,
)
from bench.statistics.pairing import pairing

Key = TypeVar("Key", bound=Hashable)
Verdict = Literal["better", "worse", "equivalent", "unresolved", "same network"]


@dataclass(frozen=True)
class Comparison:
    """The result of comparing arm a with arm b; differences are a - b, in the metric's raw unit."""

    n: int
    """Pairs of runs of the same seed that were used."""

    difference: float
    """The mean over pairs."""

    low: float
    """The lower end of the paired t interval that the verdict is read from, whose confidence is `level`."""

    high: float
    """The upper end of that interval."""

    level: float
    """0.95 of a comparison by itself, more in a family: see `holm_family`. NaN where there is no interval."""

    low_95: float
    """The lower end of the 95 % paired t interval of this one difference, whatever it is compared beside."""

    high_95: float
    """The upper end of that interval."""

    std: float
    """Of the differences (ddof = 1)."""

    p_t: float
    """Of the paired t test, two-sided; NaN if the differences have no spread."""

    p_signflip: float
    """Of the sign-flip test, two-sided."""

    effect_size: float
    """The difference over the std, with Hedges' correction; NaN below n = 3."""

    verdict: Verdict
    """As `compare_paired` says."""

    seeds_needed: int | None
    """For "unresolved": the total of seeds that would settle it with 80 % power if the observed difference and std were
    the true ones; None if that is unknown."""

    correlation: float
    """Pearson's, of the two arms over the pairs; NaN below n = 3, or if an arm has no spread."""

    correlation_low: float
    """The lower end of its 95 % interval by Fisher's z; NaN below n = 4."""

    correlation_high: float
    """The upper end of that interval."""

    spread_ratio: float
    """What pairing gained: the std of the differences over that of unpaired ones, sqrt(std_a² + std_b²)."""

    normal_assumption: bool
    """Whether the verdict rests on roughly normal differences, since n < 6."""

    dropped: tuple[int, ...]
    """Seeds without a finite value in one arm or both."""

    p_holm: float
    """The deciding p, Holm-adjusted within its family; of a comparison by itself, the p as it is."""

    family: int
    """How many comparisons of its family could be tested, this one included."""


def compare_paired(
    a: Mapping[int, float], b: Mapping[int, float], *, higher_is_better: bool = True, margin: float | None = None
) -> Comparison:
    """Compare two maps seed → value on their common seeds; a seed whose value is not finite is dropped, and named.

    The verdict, in this order:
      equivalent    a margin is stated and the interval lies inside ±margin. This comes first: a difference smaller
                    than the one said not to matter is no win, however well resolved it is.
      better/worse  0 is outside the interval, which is so if p is below 5 % (in a family, the Holm-adjusted p).
      unresolved    otherwise, and always for n < 2.

    Degenerate data: n = 0 or 1 has no interval (NaN). If all n >= 2 differences are equal, p_t is NaN and the 95 %
    interval is a point. Without a spread the sign-flip p decides, so that equal nonzero differences are better/worse
    from n = 6 on; until then `low` and `high` are NaN, since a point would claim what the test does not. Equal
    differences inside a stated margin, identical results included, are equivalent.
    """
    seeds = sorted(set(a) & set(b))
    kept = [s for s in seeds if np.isfinite(a[s]) and np.isfinite(b[s])]
    dropped = tuple(sorted((set(a) | set(b)) - set(kept)))
    arms = np.array([[float(a[s]), float(b[s])] for s in kept]).reshape(-1, 2)  # [n, 2]
    d = without_rounding(arms[:, 0] - arms[:, 1], float(np.abs(arms).max(initial=0.0)))
    interval, shared = mean_interval(d), pairing(arms[:, 0], arms[:, 1])
    p = decision_p(d, interval)
    unjudged = Comparison(
        n=interval.n,
        difference=interval.mean,
        low=np.nan,
        high=np.nan,
        level=np.nan,
        low_95=interval.low,
        high_95=interval.high,
        std=interval.std,
        p_t=t_test_p(interval),
        p_signflip=sign_flip_p(d),
        effect_size=hedges_g(interval),
        verdict="unresolved",
        seeds_needed=None,
        correlation=shared.correlation,
        correlation_low=shared.low,
        correlation_high=shared.high,
        spread_ratio=shared.spread_ratio,
        normal_assumption=interval.n < NORMAL_ASSUMPTION_BELOW,
        dropped=dropped,
        p_holm=p,
        family=int(np.isfinite(p)),
    )
    return _judged(unjudged, ALPHA, higher_is_better, margin)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm-adjusted p values (Holm 1979); NaN (no test was possible) stays NaN and is not counted.

    The k-th smallest of m is multiplied by m − k + 1; none is then smaller than one before it, or above 1.
    """
    p = np.array(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(p))
    rising = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[rising] * np.arange(len(rising), 0, -1)
    p[rising] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(value) for value in p]


def holm_steps(p_values: Sequence[float]) -> list[float]:
    """Return the level that Holm's test at 5 % holds each p to: 5 % over the hypotheses that are left at its step.

    The k-th smallest of m is held to 5 % / (m − k + 1) and rejected if it is below; the first that is not ends the
    test, and all after it are held to the same. So a p is below its level exactly if its hypothesis is rejected. NaN,
    which is not counted, stays NaN.
    """
    p = np.array(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(p))
    rising = tested[np.argsort(p[tested], kind="stable")]
    steps = ALPHA / np.arange(len(rising), 0, -1)
    failed = np.flatnonzero(p[rising] >= steps)
    if len(failed):
        steps[failed[0] :] = steps[failed[0]]
    p[rising] = steps
    return [float(value) for value in p]


def holm_family(
    family: Mapping[Key, Comparison], *, higher_is_better: bool = True, margin: float | None = None
) -> dict[Key, Comparison]:
    """Return the comparisons of one table with the intervals and verdicts that hold among so many (of normal data).

    Each interval is as wide as the step of Holm's test at which its difference was decided (`holm_steps`), so that it
    leaves out 0 exactly if Holm's test rejects. If it would fit inside the margin, it is widened to 1 − 5 % / m, and
    what it says then counts, since Holm's steps protect only the hypothesis of no difference. What is claimed:
      - each interval by itself holds its true difference with at least 95 % confidence;
      - the chance that any of the table leaves out a true difference of 0 is at most 5 %;
      - the chance that any lies inside the margin while the true difference does not is at most 2.5 %.
    That all of them hold at once is not: intervals that promise it and agree with Holm's test have no ends where it
    rejects (Strassburger & Bretz 2008, Guilbaud 2008).
    """
    deciding = [c.p_t if c.std > 0 else c.p_signflip if c.n >= 2 else np.nan for c in family.values()]
    tests = int(np.isfinite(deciding).sum())
    return {
        key: _judged(replace(c, p_holm=p, family=tests), alpha, higher_is_better, margin)
        for (key, c), p, alpha in zip(family.items(), holm(deciding), holm_steps(deciding), strict=True)
    }


def same_network(c: Comparison) -> Comparison:
    """Return `c` without a test: its arms are one network under two names, or one of them stands for a."""
    c = replace(c, low=np.nan, high=np.nan, level=np.nan, p_holm=np.nan, family=0)
    return replace(c, verdict="same network", seeds_needed=None, normal_assumption=False)


@dataclass(frozen=True)
class Judgement:
    """A verdict and the interval that it is read from."""

    verdict: Verdict
    low: float
    """The lower end of the interval; NaN where there is none."""

    high: float
    """The upper end of the interval."""

    level: float
    """Its confidence."""


def judge(
    difference: float,
    error: float,
    df: float,
    p_holm: float,
    alpha: float,
    family: int,
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
) -> Judgement:
    """Return the verdict on a difference among others, and the t interval that shows it: see `holm_family`.

    Args:
        difference: the estimate, in the metric's raw unit.
        error: its standard error, 0 without a spread, NaN where nothing can be said.
        df: degrees of freedom of the t distribution.
        p_holm: decides where there is no spread.
        alpha: the step of Holm's test at which it was decided (`holm_steps`); NaN if it was not tested.
        family: how many were tested.
        higher_is_better: who wins.
        margin: what is still equivalent.
    """
    for level in (1 - alpha, 1 - ALPHA / max(family, 1)):
        half = float(special.stdtrit(df, (1 + level) / 2)) * error if df > 0 else np.nan
        low, high = difference - half, difference + half
        inside = margin is not None and -margin <= low and high <= margin  # False for NaN
        if not inside:
            break
    if inside:
        return Judgement("equivalent", low, high, level)
    if np.isnan(low) or (error == 0 and not p_holm < ALPHA):
        return Judgement("unresolved", np.nan, np.nan, np.nan)
    if low > 0 or high < 0:
        return Judgement("better" if (low > 0) == higher_is_better else "worse", low, high, level)
    return Judgement("unresolved", low, high, level)


def _judged(c: Comparison, alpha: float, higher_is_better: bool, margin: float | None) -> Comparison:
    """Return `c` with its interval and verdict and, if unresolved, the seeds needed."""
    error = c.std / math.sqrt(max(c.n, 1))
    found = judge(
        c.difference, error, c.n - 1, c.p_holm, alpha, c.family, higher_is_better=higher_is_better, margin=margin
    )
    interval = Interval(c.difference, c.std, c.n, c.low_95, c.high_95)
    needed = None
    if found.verdict == "unresolved":
        needed = seeds_needed(interval, margin=margin, alpha=ALPHA / max(c.family, 1))
    return replace(c, low=found.low, high=found.high, level=found.level, verdict=found.verdict, seeds_needed=needed)
