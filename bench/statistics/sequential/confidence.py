"""A confidence sequence for the mean of paired differences: an interval for every number of seeds at once.

The 95 % t interval holds for a number of seeds that was settled beforehand. Whoever adds seeds until it leaves out 0
is wrong in 31 of 100 comparisons of equals. A confidence sequence holds its promise at all numbers of seeds together,
so that one may look after each seed and stop when one likes.

Source: Wang and Ramdas 2025, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance"
(arXiv 2310.03722), the scale-invariant mixture with a normal prior on the effect size. Under normal differences of any
variance the evidence is a test martingale, and by Ville's inequality it ever reaches 1/α with a chance of at most α.
How far that goes for other differences: docs/calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.statistics.estimates import MAX_SEEDS, all_equal, sign_flip_p

Floats = NDArray[np.float64]

PRECISION = 0.1
"""Of the normal prior on the effect size (mean / std of the differences), whose std is 1 / sqrt(PRECISION)."""

FIRST_LOOK = 3
"""With fewer differences nothing is said: their spread tells too little."""


@dataclass(frozen=True)
class Look:
    """The interval at one number of differences, as far as those before allow too."""

    n: int
    low: float
    high: float


def evidence(differences: Floats) -> Floats:
    """Return the natural logarithm of the evidence against a mean of 0 after each difference, [n].

    It is −inf before the first look, and wherever the differences up to there have no spread.
    """
    n, mean, std = _running(differences)
    found = np.full(len(n), -np.inf)
    seen = (n >= FIRST_LOOK) & (std > 0)
    n, r = n[seen], PRECISION / (n[seen] + PRECISION)
    squared = n * (mean[seen] / std[seen]) ** 2 / (n - 1)  # t² / (n − 1)
    found[seen] = 0.5 * np.log(r) + n / 2 * (np.log1p(squared) - np.log1p(r * squared))
    return found


def anytime_p(differences: Floats) -> float:
    """Return a two-sided p of "the mean is 0" that holds at any look: one over the most evidence there was.

    Equal differences have no spread to judge by. Of symmetric ones n have the same sign with a chance of 2 / 2ⁿ, which
    holds at any look too, since that chance halves with each. NaN before the first look.
    """
    if len(differences) < FIRST_LOOK:
        return np.nan
    if all_equal(differences):
        return sign_flip_p(differences)
    return float(min(1.0, np.exp(-evidence(differences).max())))


def half_width(n: Floats, std: Floats, alpha: float) -> Floats:
    """Return half the width of the interval of `n` differences with this std, inf where nothing is left out yet.

    It is the distance of the mean from a value against which the evidence is 1/alpha, solved from `evidence`.
    """
    r = PRECISION / (n + PRECISION)
    most = np.exp(-2 / n * np.log(alpha * np.sqrt(r)))  # (1 + t²/(n−1)) / (1 + r t²/(n−1)) there
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(r * most < 1, (most - 1) / (1 - r * most), np.inf)
        return np.sqrt(squared * (n - 1) / n) * std


def confidence_sequence(differences: Floats, alpha: float) -> list[Look]:
    """Return the interval of level 1 − alpha at each look: what this number of differences and all before leave open.

    So an interval never grows, and what once was left out stays so. Looks without a spread leave nothing out, unless
    all differences are equal: then the last is the point. If nothing is left open, which in truth has a chance of at
    most alpha, the interval of that look alone is given.
    """
    if len(differences) >= FIRST_LOOK and all_equal(differences):
        return [Look(len(differences), float(differences[0]), float(differences[0]))]
    n, mean, std = _running(differences)
    seen = (n >= FIRST_LOOK) & (std > 0)
    n, mean, half = n[seen], mean[seen], half_width(n[seen], std[seen], alpha)
    low, high = np.maximum.accumulate(mean - half), np.minimum.accumulate(mean + half)
    empty = low > high
    low[empty], high[empty] = (mean - half)[empty], (mean + half)[empty]
    return [Look(int(k), float(a), float(b)) for k, a, b in zip(n, low, high, strict=True)]


def anytime_interval(differences: Floats, alpha: float) -> tuple[float, float]:
    """Return the ends of the confidence sequence by now; NaN while it leaves nothing out."""
    looks = confidence_sequence(differences, alpha)
    return (looks[-1].low, looks[-1].high) if looks and np.isfinite(looks[-1].low) else (np.nan, np.nan)


def seeds_to_settle(mean: float, std: float, *, margin: float | None, alpha: float) -> int | None:
    """Return the number of differences at which the interval leaves out 0, or lies inside ±margin, if nothing changes.

    That is with the mean and std as they are now; by luck it is sooner or later, each in about half of all cases. None
    if it never is, or only above 10,000.
    """
    if not std > 0:
        return None
    n = np.arange(FIRST_LOOK, MAX_SEEDS + 1, dtype=float)
    half = half_width(n, np.full(len(n), std), alpha)
    settled = half < abs(mean)
    if margin is not None:
        settled |= abs(mean) + half <= margin
    return int(n[settled.argmax()]) if settled.any() else None


def _running(differences: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the number of differences, their mean and their std (ddof = 1) up to each, [n]; a single one has std 0."""
    d = np.asarray(differences, dtype=float)
    n = np.arange(1, len(d) + 1, dtype=float)
    mean = np.cumsum(d) / n
    std = [0.0 if all_equal(d[:k]) else float(d[:k].std(ddof=1)) for k in range(1, len(d) + 1)]
    return n, mean, np.array(std, dtype=float)
