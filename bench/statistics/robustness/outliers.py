"""Finds values that stand out of a small sample, and samples that are skewed, at levels that hold for normal values.

Both tests are held to 2.5 %, so that together they remark on fewer than 5 of 100 normal samples of 4 to 30 values.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.statistics.estimates import all_equal

LEVEL = 0.025
"""Of each of the two tests."""
FEWEST_FOR_OUTLIERS = 4
"""Of three values one is far from the other two too often for that to mean anything."""
FEWEST_FOR_SKEWNESS = 8
"""From here on D'Agostino's approximation holds; fewer values can hardly be more skewed than normal ones happen to be.
"""
SAME = 1e-9
"""Values closer than this share of the largest are the same but for rounding."""


def outliers(values: NDArray[np.float64]) -> list[int]:
    """Return the positions of outliers among finite values, in rising order; at most a third of them.

    The generalised extreme Studentised deviate test of Rosner (1983): the value that is farthest from the mean is taken
    away, then the next, up to (n − 2) / 3 of them; outliers are all up to the last that was farther, in standard
    deviations of what was left, than normal values would be. So two failures don't hide each other as in Grubbs' test.

    A metric that moves in steps (accuracy) repeats itself, and then a single step would be many standard deviations.
    So these hold the variance of rounding too, of the smallest gap between different values: gap² / 12.
    """
    n = len(values)
    if n < FEWEST_FOR_OUTLIERS or all_equal(values):
        return []
    gaps = np.diff(np.sort(values))
    rounding = float(gaps[gaps > SAME * np.abs(values).max()].min(initial=np.inf)) / math.sqrt(12)
    left, found = list(range(n)), 0
    taken = list[int]()
    for step in range(1, max(1, (n - 2) // 3) + 1):
        x = values[left]
        distances = np.abs(x - x.mean()) / math.hypot(float(x.std(ddof=1)), rounding)
        farthest = int(distances.argmax())
        if distances[farthest] > _critical(len(x)):
            found = step
        taken.append(left.pop(farthest))
    return sorted(taken[:found])


@lru_cache(maxsize=256)
def _critical(n: int) -> float:
    """Return the distance from the mean, in standard deviations, that one of n normal values passes at `LEVEL`."""
    t = float(special.stdtrit(n - 2, 1 - LEVEL / (2 * n)))
    return (n - 1) * t / math.sqrt((n - 2 + t * t) * n)


def skewness(values: NDArray[np.float64]) -> float:
    """Return the moment coefficient of skewness, m₃ / m₂^1.5; NaN below n = 3, or without a spread."""
    if len(values) < 3 or all_equal(values):
        return math.nan
    centred = values - values.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def is_skewed(values: NDArray[np.float64]) -> bool:
    """Return whether finite values are more skewed than normal ones, by D'Agostino's test (1970); never below n = 8."""
    n, g = len(values), skewness(values)
    if n < FEWEST_FOR_SKEWNESS or math.isnan(g):
        return False
    y = g * math.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    kurtosis = 3 * (n * n + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w = math.sqrt(2 * (kurtosis - 1)) - 1
    z = math.asinh(y / math.sqrt(2 / (w - 1))) / math.sqrt(math.log(w) / 2)
    return float(2 * special.ndtr(-abs(z))) < LEVEL
