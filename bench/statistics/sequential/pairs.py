"""What the seeds of a race say of the mean difference of each two arms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.statistics.sequential.confidence import FIRST_LOOK, equal_tell
from bench.statistics.sequential.one_sided import log_evidence_below, reach

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

NEVER = np.iinfo(np.int64).max
"""In place of a number of seeds."""

LARGEST_LOG = 700.0
"""Of evidence: a float holds no more than e to the power of 709."""

ROUNDING = 1e-12
"""Differences that differ by no more, as a part of the values they are taken of, are equal, as everywhere here."""


def evidence_of(table: Floats, margin: float, level: float) -> tuple[Floats, Counts]:
    """Return what seeds say of the mean difference of each two arms, row less column.

    Args:
        table: [..., m, seeds], higher is better; NaN where a run failed, which leaves that seed out of its pairs.
        margin: in the unit of the values.
        level: of the bounds that are compared with the margin.

    Returns:
        The evidence that the mean is below 0 after 0, 1, … seeds, [..., m, m, seeds + 1], 1 before the first look; and
        at how many seeds it is first shown to be at most the margin, at level 1 − `level` on that side, [..., m, m],
        NEVER where it is not.
    """
    *shape, m, seeds = table.shape
    reaches = reach(np.arange(seeds + 1), level)
    n = np.zeros((*shape, m, m), dtype=int)
    mean, squares, size = (np.zeros(n.shape) for _ in range(3))
    low, high = np.full(n.shape, np.inf), np.full(n.shape, -np.inf)
    worse, close_at = np.ones((*n.shape, seeds + 1)), np.full(n.shape, NEVER)
    for seed in range(seeds):
        one, other = table[..., :, None, seed], table[..., None, :, seed]
        d = one - other
        there = np.isfinite(d)
        worse[..., seed + 1] = worse[..., seed]
        if not there.any():
            continue
        n += there
        step = np.where(there, d - mean, 0.0)
        mean += step / np.maximum(n, 1)
        squares += step * np.where(there, d - mean, 0.0)  # Welford's sum, which loses nothing beside a large mean
        low, high = np.fmin(low, d), np.fmax(high, d)
        size = np.fmax(size, np.maximum(np.abs(one), np.abs(other)))
        std = np.sqrt(squares / np.maximum(n - 1, 1))
        with np.errstate(invalid="ignore"):  # inf times 0, where there is no spread
            bound = mean + reaches[n] * std
        same = np.where(np.abs(mean) > ROUNDING * size, mean, 0.0)
        varies = high - low > ROUNDING * size
        bound = np.where(varies, bound, np.where(equal_tell(n, level, sides=1), same, np.inf))
        close_at[there & (bound <= margin) & (close_at == NEVER)] = seed + 1
        looked = there & (n >= FIRST_LOOK)
        of_normal, of_equal = looked & varies, looked & ~varies
        log_evidence = log_evidence_below(n[of_normal].astype(float), mean[of_normal] / std[of_normal])
        worse[..., seed + 1][of_normal] = np.exp(np.minimum(log_evidence, LARGEST_LOG))
        # of symmetric differences n on one side are evidence of 2ⁿ
        worse[..., seed + 1][of_equal] = np.where(same[of_equal] < 0, np.exp2(n[of_equal]), 0.0)
    return worse, close_at
