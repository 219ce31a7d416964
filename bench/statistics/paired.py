"""Paired comparison of two architectures over seeds: difference, interval, p values and verdict.

Seed k fixes data order, binarisation and noise for every architecture alike, so the unit of analysis is the per-seed
*difference*. An interval here covers the noise between seeds (initialisation, data order, latent noise) on one fixed
test set; `bench.statistics.image_tests` covers the test images. `docs/calibration/` shows how often the verdicts err.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

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

Key = TypeVar("Key", bound=Hashable)
Verdict = Literal["better", "worse", "equivalent", "unresolved"]


@dataclass(frozen=True)
class Comparison:
    """The result of comparing arm a with arm b; differences are a - b, in the metric's raw unit."""

    n: int
    """Pairs of runs of the same seed that were used."""

    difference: float
    """The mean over pairs."""

    low: float
    """The lower end of the 95 % paired t interval of this one difference, not widened for the family."""

    high: float
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
    """Rests on `p_holm` and the margin, as `compare_paired` says."""

    seeds_needed: int | None
    """For "unresolved": the total of seeds that would settle it with 80 % power; None if that is unknown."""

    normal_assumption: bool
    """Whether the verdict rests on roughly normal differences, since n < 6."""

    dropped: tuple[int, ...]
    """Seeds without a finite value in one arm or both."""

    p_holm: float
    """The deciding p, Holm-adjusted within its family; of a comparison by itself, the p as it is."""


def compare_paired(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
    level: float = 0.95,
) -> Comparison:
    """Compare two maps seed → value on their common seeds; a seed whose value is not finite is dropped, and named.

    The verdict, in this order:
      equivalent    a margin is stated and the interval lies inside ±margin. This comes first: a difference smaller
                    than the one said not to matter is no win, however well resolved it is.
      better/worse  the Holm-adjusted p is below 5 %.
      unresolved    otherwise, and always for n < 2.

    Degenerate data: n = 0 or 1 has no interval (NaN). If all n >= 2 differences are equal, the interval is a point and
    p_t is NaN. Without a spread the sign-flip p decides, so that equal nonzero differences are better/worse from n = 6
    on; equal differences inside a stated margin, identical results included, are equivalent.
    """
    seeds = sorted(set(a) & set(b))
    kept = [s for s in seeds if np.isfinite(a[s]) and np.isfinite(b[s])]
    dropped = tuple(sorted((set(a) | set(b)) - set(kept)))
    d = np.array([float(a[s]) - float(b[s]) for s in kept])
    size = max((abs(float(v)) for s in kept for v in (a[s], b[s])), default=0.0)
    d = without_rounding(d, size)
    interval = mean_interval(d, level)
    unjudged = Comparison(
        n=interval.n,
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        std=interval.std,
        p_t=t_test_p(interval),
        p_signflip=sign_flip_p(d),
        effect_size=hedges_g(interval),
        verdict="unresolved",
        seeds_needed=None,
        normal_assumption=interval.n < NORMAL_ASSUMPTION_BELOW,
        dropped=dropped,
        p_holm=decision_p(d, interval),
    )
    return _judged(unjudged, 1, higher_is_better, margin, level)


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


def holm_family(
    family: Mapping[Key, Comparison],
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
    level: float = 0.95,
) -> dict[Key, Comparison]:
    """Return the comparisons of one table with Holm-adjusted p values and the verdicts that follow from them.

    Verdicts use the adjusted p, intervals are not adjusted, so that the two can differ: an interval without 0 beside
    "unresolved" means that the difference is not large enough to stand out among so many comparisons. "equivalent"
    rests on its interval alone.
    """
    deciding = [c.p_t if c.std > 0 else c.p_signflip if c.n >= 2 else np.nan for c in family.values()]
    tests = int(np.isfinite(deciding).sum())
    return {
        key: _judged(replace(c, p_holm=p), tests, higher_is_better, margin, level)
        for (key, c), p in zip(family.items(), holm(deciding), strict=True)
    }


def _judged(c: Comparison, tests: int, higher_is_better: bool, margin: float | None, level: float) -> Comparison:
    """Return `c` with its verdict and, if unresolved, the seeds needed at Holm's strictest level, alpha / tests."""
    if margin is not None and -margin <= c.low and c.high <= margin:  # False for a NaN interval
        return replace(c, verdict="equivalent", seeds_needed=None)
    if c.p_holm < ALPHA:
        return replace(c, verdict="better" if (c.difference > 0) == higher_is_better else "worse", seeds_needed=None)
    interval = Interval(c.difference, c.std, c.n, c.low, c.high)
    needed = seeds_needed(interval, margin=margin, alpha=ALPHA / max(tests, 1), level=level)
    return replace(c, verdict="unresolved", seeds_needed=needed)
