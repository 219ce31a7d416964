"""How a verdict is read from an interval, and how Holm's test shares 5 % among the differences of one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from bench.statistics.estimates import ALPHA

Verdict = Literal["better", "worse", "equivalent", "unresolved", "same network"]


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

    def interval(level: float) -> tuple[float, float]:
        half = float(special.stdtrit(df, (1 + level) / 2)) * error if df > 0 else np.nan
        return difference - half, difference + half

    return read(interval, error == 0, p_holm, alpha, family, higher_is_better, margin)


def read(
    interval: Callable[[float], tuple[float, float]],
    has_no_spread: bool,
    p_holm: float,
    alpha: float,
    family: int,
    higher_is_better: bool,
    margin: float | None,
) -> Judgement:
    """Return the verdict that an interval shows, which `interval` gives for a level: as `judge` says."""
    for level in (1 - alpha, 1 - ALPHA / max(family, 1)):
        low, high = interval(level)
        inside = margin is not None and -margin <= low and high <= margin  # False for NaN
        if not inside:
            break
    if inside:
        return Judgement("equivalent", low, high, level)
    if np.isnan(low) or (has_no_spread and not p_holm < ALPHA):
        return Judgement("unresolved", np.nan, np.nan, np.nan)
    if low > 0 or high < 0:
        return Judgement("better" if (low > 0) == higher_is_better else "worse", low, high, level)
    return Judgement("unresolved", low, high, level)
