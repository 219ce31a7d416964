"""The percentile bootstrap of a median, with numpy alone: scipy.stats, which has one, is slow to import."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 4_000
SEED = 20_171_001


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the median of finite `values`; (NaN, NaN) for fewer than two.

    The seed is fixed, so that the same values give the same interval. Speeds are medians, and so are their intervals,
    since what disturbs a machine for a moment spoils a few rounds and not the rest.
    """
    x = np.asarray(values, dtype=float)
    if len(x) < 2 or not np.isfinite(x).all():
        return math.nan, math.nan
    chosen = np.random.default_rng(SEED).integers(0, len(x), size=(RESAMPLES, len(x)))
    low, high = np.quantile(np.median(x[chosen], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
