"""The percentile bootstrap of a median. numpy alone: scipy.stats, which has one, takes longer to load than a page to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 4_000


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The interval of the median of finite `values`; (NaN, NaN) for fewer than two. Deterministic: its seed is fixed.

    A median because a moment's disturbance spoils a few rounds and not the rest.
    """
    x = np.asarray(values, dtype=float)
    if len(x) < 2 or not np.isfinite(x).all():
        return math.nan, math.nan
    chosen = np.random.default_rng(20_171_001).integers(0, len(x), size=(RESAMPLES, len(x)))
    low, high = np.quantile(np.median(x[chosen], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
