"""What pairing by seed gained: how the results of two architectures go together over the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.statistics.estimates import all_equal

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


@dataclass(frozen=True)
class Pairing:
    """The correlation of two arms over their pairs, and what it does to the spread of differences."""

    correlation: float
    """Pearson's; NaN below n = 3, or if an arm has no spread."""

    low: float
    """The lower end of its 95 % interval by Fisher's z; NaN below n = 4, or if the correlation is ±1."""

    high: float
    """The upper end of that interval."""

    spread_ratio: float
    """The std of the differences over sqrt(std_a² + std_b²), that of unpaired ones: 1 where pairing gains nothing, and
    above it where it costs; NaN below n = 2, or if neither arm has a spread."""


def pairing(a: NDArray[np.float64], b: NDArray[np.float64]) -> Pairing:
    """Return what the pairs (a[i], b[i]), [n] each, have in common.

    The interval is tanh(atanh r ± 1.96 / sqrt(n − 3)) (Fisher 1921), of pairs that are roughly normal.
    """
    n = len(a)
    spreads = [0.0 if n < 2 or all_equal(arm) else float(arm.std(ddof=1)) for arm in (a, b)]
    unpaired = float(np.hypot(spreads[0], spreads[1]))
    ratio = float((a - b).std(ddof=1)) / unpaired if unpaired > 0 else np.nan
    if n < 3 or not min(spreads) > 0:
        return Pairing(np.nan, np.nan, np.nan, ratio)
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    if n < 4 or abs(r) > 1 - 1e-12:
        return Pairing(r, np.nan, np.nan, ratio)
    centre, half = np.arctanh(r), Z / np.sqrt(n - 3)
    return Pairing(r, float(np.tanh(centre - half)), float(np.tanh(centre + half)), ratio)
