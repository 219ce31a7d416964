"""A confidence sequence for the mean of paired differences: intervals that hold at every number of seeds at once.

The 95 % t interval holds for a number of seeds that was settled beforehand. Whoever adds seeds until it leaves out 0
is wrong in 31 of 100 comparisons of equals. A confidence sequence holds its promise at all numbers of seeds together,
so that one may look after each seed and stop when one likes.

Source: Wang and Ramdas 2025, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance"
(arXiv 2310.03722), the scale-invariant mixture with a normal prior on the effect size. Under normal differences of any
variance the evidence is a test martingale, and by Ville's inequality it ever reaches 1/α with a chance of at most α.
How far that goes for other differences: docs/calibration/looks.

Each interval is of its own number of seeds; it is not cut down to what all before left open. That would be as valid,
and what once was left out would stay so, but a collapse that is seen late would then be kept out of the interval
(docs/decisions.md#the-interval-after-many-looks-is-that-of-the-last).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.statistics.estimates import MAX_SEEDS, Floats, all_equal, sign_flip_p

PRECISION = 0.1
"""Of the normal prior on the effect size (mean / std of the differences), whose std is 1 / sqrt(PRECISION)."""

FIRST_LOOK = 3
"""With fewer differences nothing is said: their spread tells too little."""


@dataclass(frozen=True)
class Look:
    """The interval at one number of differences; its ends are −inf and inf where nothing is left out yet."""

    n: int
    low: float
    high: float


def log_evidence(n: Floats, mean: Floats, std: Floats, precision: float = PRECISION) -> Floats:
    """Return the natural logarithm of the evidence against a mean of 0 in `n` differences with this mean and std > 0.

    It is that of the t statistic's density, with the effect size drawn from the prior, over its density at 0.
    """
    r = precision / (n + precision)
    squared = n * (mean / std) ** 2 / (n - 1)  # t² / (n − 1)
    return 0.5 * np.log(r) + n / 2 * (np.log1p(squared) - np.log1p(r * squared))


def evidence(differences: Floats) -> Floats:
    """Return the natural logarithm of the evidence against a mean of 0 after each difference, [n].

    It is −inf before the first look, and wherever the differences up to there have no spread.
    """
    n, mean, std = running(np.asarray(differences, dtype=float))
    found = np.full(len(n), -np.inf)
    seen = (n >= FIRST_LOOK) & (std > 0)
    found[seen] = log_evidence(n[seen], mean[seen], std[seen])
    return found


def anytime_p(differences: Floats) -> float:
    """Return a two-sided p of "the mean is 0" that holds at any look: one over the evidence, at most 1.

    Equal differences have no spread to judge by. Of symmetric ones n have the same sign with a chance of 2 / 2ⁿ, which
    holds at any look too, since that chance halves with each. NaN before the first look.
    """
    if len(differences) < FIRST_LOOK:
        return np.nan
    if all_equal(differences):
        return sign_flip_p(differences)
    return float(np.exp(-max(0.0, evidence(differences)[-1])))


def half_width(n: Floats, std: Floats, alpha: float, precision: float = PRECISION) -> Floats:
    """Return half the width of the interval of `n` differences with this std, inf where nothing is left out yet.

    It is the distance of the mean from a value against which the evidence is 1/alpha, solved from `log_evidence`.
    """
    r = precision / (n + precision)
    log_most = -2 / n * (np.log(alpha) + np.log(r) / 2)  # of (1 + t²/(n−1)) / (1 + r t²/(n−1)) there
    left = 1 - r * np.exp(log_most)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.where(left > 0, np.expm1(log_most) / left, np.inf)
    return np.sqrt(squared * (n - 1) / n) * std


def equal_tell(n: Floats, alpha: float, sides: Literal[1, 2] = 2) -> NDArray[np.bool_]:
    """Return whether `n` equal differences tell anything at this level: whether so many coins rarely fall alike.

    Below that ties are chance where a metric moves in coarse steps, such as accuracy on few images. Of differences that
    are symmetric about a mean all n lie on one side of it with a chance of 2⁻ⁿ at most, which only shrinks from look to
    look.

    Args:
        sides: on how many a mistake can lie: 1 if the question is whether the mean is below something.
    """
    return np.asarray((n >= FIRST_LOOK) & (sides * 2.0**-n < alpha))


def confidence_sequence(differences: Floats, alpha: float) -> list[Look]:
    """Return the interval of level 1 − alpha at each look; that of equal differences is a point once they tell."""
    n, mean, std = (seen[FIRST_LOOK - 1 :] for seen in running(np.asarray(differences, dtype=float)))
    equal = std == 0
    half = np.where(equal, np.where(equal_tell(n, alpha), 0.0, np.inf), half_width(n, np.where(equal, 1, std), alpha))
    return [Look(int(k), float(m - h), float(m + h)) for k, m, h in zip(n, mean, half, strict=True)]


def anytime_interval(differences: Floats, alpha: float) -> tuple[float, float]:
    """Return the ends of the interval at the last look; NaN while it leaves nothing out."""
    looks = confidence_sequence(differences, alpha)
    return (looks[-1].low, looks[-1].high) if looks and np.isfinite(looks[-1].low) else (np.nan, np.nan)


def seeds_to_settle(mean: float, std: float, *, margin: float | None, alpha: float) -> int | None:
    """Return the number of differences at which the interval leaves out 0, or lies inside ±margin, if nothing changes.

    That is with the mean and std as they are now; by luck it is sooner or later, each in about half of all cases. None
    if it never is, or only above 10,000.
    """
    if np.isnan(std):
        return None
    n = np.arange(FIRST_LOOK, MAX_SEEDS + 1, dtype=float)
    half = half_width(n, np.full(len(n), std), alpha) if std > 0 else np.where(equal_tell(n, alpha), 0.0, np.inf)
    settled = half < abs(mean)
    if margin is not None:
        settled |= abs(mean) + half <= margin
    return int(n[settled.argmax()]) if settled.any() else None


def running(differences: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the numbers 1…n, [n], and the means and stds (ddof = 1) of the first so many differences, [..., n].

    A std is exactly 0 of one difference, and where all are equal but for rounding, as `all_equal` says.
    """
    d = differences
    n = np.arange(1, d.shape[-1] + 1, dtype=float)
    size = np.maximum.accumulate(np.abs(d), axis=-1)
    equal = np.maximum.accumulate(d, axis=-1) - np.minimum.accumulate(d, axis=-1) <= 1e-12 * size
    first, scale = d[..., :1], size[..., -1:]
    scale = np.where(scale > 0, scale, 1)  # so that no square overflows
    moved = (d - first) / scale  # so that a mean far from 0 costs no digits
    mean = np.cumsum(moved, axis=-1) / n
    square = np.cumsum(moved**2, axis=-1) - n * mean**2
    std = np.where(equal, 0.0, np.sqrt(np.maximum(square, 0) / np.maximum(n - 1, 1)))
    return n, first + scale * mean, scale * std
