"""Paired comparison of two architectures over seeds: difference, interval, p values and verdict.

Seed k fixes split, data order, coins and noise for every architecture alike, so the unit of analysis is the per-seed
*difference*. An interval here covers the noise between seeds (those and the initial weights) on one fixed test set;
`bench.statistics.image_tests` covers the test images. `docs/calibration/` shows how often the verdicts err.

Of both kinds of interval the same verdicts are read: the paired t interval, for a number of seeds settled beforehand,
and the confidence sequence (`bench.statistics.sequential`), which may be looked at after each seed ("anytime").
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

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
from bench.statistics.judging import Judgement, Verdict, holm, holm_steps, judge, read
from bench.statistics.pairing import pairing
from bench.statistics.sequential.confidence import anytime_interval, anytime_p, confidence_sequence, seeds_to_settle

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Comparison:
    """The result of comparing arm a with arm b; differences are a - b, in the metric's raw unit."""

    n: int
    """Pairs of runs of the same seed that were used."""

    difference: float
    """The mean over pairs."""

    low: float
    """The lower end of the interval that the verdict is read from, whose confidence is `level`."""

    high: float
    """The upper end of that interval."""

    level: float
    """0.95 of a comparison by itself, more in a family: see `holm_family`. NaN where there is no interval."""

    low_95: float
    """The lower end of the 95 % interval of this one difference, whatever it is compared beside."""

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

    anytime: bool = False
    """Whether intervals and verdict hold at any look: they are a confidence sequence's, not paired t intervals."""

    p_anytime: float = math.nan
    """Of "no difference", at any look: see `bench.statistics.sequential.confidence.anytime_p`. NaN unless `anytime`."""

    settled_at: int | None = None
    """The fewest pairs whose interval, at the level that decided, says what the verdict says; None unless `anytime` and
    settled."""

    differences: tuple[float, ...] = ()
    """Of the pairs, by rising seed."""


def compare_paired(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
    anytime: bool = False,
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

    With `anytime` the interval is one of a confidence sequence over the seeds in rising order; below n = 3 there is
    none. Equal differences, identical results too, say nothing before 2 / 2ⁿ is below 5 % (n = 6): where a metric moves
    in coarse steps, three ties at 0 are chance too often to stop there. More seeds may take any verdict back: "better"
    becomes "equivalent" where the interval shrinks into the margin, and "unresolved" where a later seed contradicts.
    """
    seeds = sorted(set(a) & set(b))
    kept = [s for s in seeds if np.isfinite(a[s]) and np.isfinite(b[s])]
    dropped = tuple(sorted((set(a) | set(b)) - set(kept)))
    arms = np.array([[float(a[s]), float(b[s])] for s in kept]).reshape(-1, 2)  # [n, 2]
    d = without_rounding(arms[:, 0] - arms[:, 1], float(np.abs(arms).max(initial=0.0)))
    interval, shared = mean_interval(d), pairing(arms[:, 0], arms[:, 1])
    p = anytime_p(d) if anytime else decision_p(d, interval)
    low, high = anytime_interval(d, ALPHA) if anytime else (interval.low, interval.high)
    unjudged = Comparison(
        n=interval.n,
        difference=interval.mean,
        low=np.nan,
        high=np.nan,
        level=np.nan,
        low_95=low,
        high_95=high,
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
        anytime=anytime,
        p_anytime=p if anytime else np.nan,
        differences=tuple(map(float, d)),
    )
    return _judged(unjudged, ALPHA, higher_is_better, margin)


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
    deciding = [_deciding_p(c) for c in family.values()]
    tests = int(np.isfinite(deciding).sum())
    return {
        key: _judged(replace(c, p_holm=p, family=tests), alpha, higher_is_better, margin)
        for (key, c), p, alpha in zip(family.items(), holm(deciding), holm_steps(deciding), strict=True)
    }


def _deciding_p(c: Comparison) -> float:
    """Return the p that a verdict rests on, NaN where nothing can be tested."""
    if c.anytime:
        return c.p_anytime
    return c.p_t if c.std > 0 else c.p_signflip if c.n >= 2 else np.nan


def same_network(c: Comparison) -> Comparison:
    """Return `c` without a test: its arms are one network under two names, or one of them stands for a."""
    c = replace(c, low=np.nan, high=np.nan, level=np.nan, p_holm=np.nan, family=0)
    return replace(c, verdict="same network", seeds_needed=None, normal_assumption=False, settled_at=None)


def _judged(c: Comparison, alpha: float, higher_is_better: bool, margin: float | None) -> Comparison:
    """Return `c` with its interval and verdict and, if unresolved, the seeds needed."""
    each = ALPHA / max(c.family, 1)
    if c.anytime:
        d = np.array(c.differences)
        found = read(
            lambda level: anytime_interval(d, 1 - level),
            c.std == 0,
            c.p_holm,
            alpha,
            c.family,
            higher_is_better,
            margin,
        )
    else:
        error = c.std / math.sqrt(max(c.n, 1))
        found = judge(
            c.difference, error, c.n - 1, c.p_holm, alpha, c.family, higher_is_better=higher_is_better, margin=margin
        )
    needed = settled_at = None
    if found.verdict != "unresolved":
        settled_at = _settled_at(c, found, margin) if c.anytime else None
    elif c.anytime:
        needed = seeds_to_settle(c.difference, c.std, margin=margin, alpha=each)
    else:
        interval = Interval(c.difference, c.std, c.n, c.low_95, c.high_95)
        needed = seeds_needed(interval, margin=margin, alpha=each)
    return replace(
        c, low=found.low, high=found.high, level=found.level, verdict=found.verdict, seeds_needed=needed,
        settled_at=settled_at,
    )  # fmt: skip


def _settled_at(c: Comparison, found: Judgement, margin: float | None) -> int:
    """Return the fewest pairs, by rising seed, whose interval at the level that decided says what it says of all."""
    for look in confidence_sequence(np.array(c.differences), 1 - found.level):
        inside = margin is not None and -margin <= look.low and look.high <= margin
        apart = look.low > 0 if found.low > 0 else look.high < 0
        if inside if found.verdict == "equivalent" else apart and not inside:
            return look.n
    return c.n
