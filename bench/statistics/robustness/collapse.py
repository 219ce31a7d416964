"""Finds runs that collapsed: their code says nothing of the image, or they learned little of what others learn."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import pandas as pd

NOTHING_LEARNED = {"elbo": -784 * math.log(2), "accuracy": 0.1}
"""Metric → what a model that never looks at an image reaches: even odds for every pixel, one class of ten for all."""
SOMETHING = {"elbo": 50.0, "accuracy": 0.1}
"""Metric → what the median must have gained over that, else none of the seeds learned enough to fall short of."""
ACTIVE = ("kl_units", "active_units")
"""Metrics that count the active dimensions of a code; where a run has both, the last one tells."""
SHARE = 0.5
"""A run collapsed if it gained less than this share of what the median of the same architecture's seeds gained."""


def collapsed_seeds(runs: pd.DataFrame, metric: str) -> tuple[int, ...]:
    """Return the seeds whose run collapsed, in rising order.

    A run collapsed if no dimension of its code is active, by the variance of its posterior mean (or, in older records
    without that, by its KL); or if its metric is less than half as far above `NOTHING_LEARNED` as the median of these
    runs is, if that learned anything. So this is about a failure that a test of means drowns in, not about the worse
    one of some good runs.

    Args:
        runs: the finished runs of one architecture on one task, in the columns of records.csv.
        metric: what the task is judged by; one that is not in `NOTHING_LEARNED` is not looked at.
    """
    found = np.zeros(len(runs), dtype=bool)
    for name in ACTIVE:
        if name in runs:
            count = _numbers(runs[name])
            found = np.where(np.isnan(count), found, count == 0)
    if metric in NOTHING_LEARNED and metric in runs:
        gained = _numbers(runs[metric]) - NOTHING_LEARNED[metric]
        known = gained[~np.isnan(gained)]
        if len(known) and (usual := np.median(known)) >= SOMETHING[metric]:
            found |= gained < SHARE * usual
    return tuple(sorted(int(seed) for seed in runs["seed"].to_numpy()[found]))


def collapsed_by_arch(runs: pd.DataFrame, metric: str) -> dict[Hashable, tuple[int, ...]]:
    """Return architecture → what `collapsed_seeds` says of it, in the order of the runs.

    Args:
        runs: the finished runs of one task, in the columns of records.csv.
        metric: what the task is judged by.
    """
    needed = dict.fromkeys(name for name in ("arch", "seed", *ACTIVE, metric) if name in runs)  # of sixty columns
    return {arch: collapsed_seeds(own, metric) for arch, own in runs[[*needed]].groupby("arch", sort=False)}


def _numbers(values: pd.Series) -> np.ndarray:
    """Return values as floats, NaN for what is no number."""
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=math.nan)
