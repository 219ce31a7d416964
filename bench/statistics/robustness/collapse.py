"""Finds runs that collapsed: their code says nothing of the image, or they learned little of what others learn."""

from __future__ import annotations

import math

import pandas as pd

NOTHING_LEARNED = {"elbo": -784 * math.log(2), "accuracy": 0.1}
"""Metric → what a model that never looks at an image reaches: even odds for every pixel, one class of ten for all."""
SOMETHING = {"elbo": 50.0, "accuracy": 0.1}
"""Metric → what the median must have gained over that, else none of the seeds learned enough to fall short of."""
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
    found = pd.Series(False, index=runs.index)
    for name in ("kl_units", "active_units"):
        if name in runs and runs[name].notna().any():
            count = pd.to_numeric(runs[name], errors="coerce")
            found = (count == 0).where(count.notna(), found)
    if metric in NOTHING_LEARNED and metric in runs:
        gained = pd.to_numeric(runs[metric], errors="coerce") - NOTHING_LEARNED[metric]
        if (usual := gained.median()) >= SOMETHING[metric]:
            found |= gained < SHARE * usual
    return tuple(sorted(int(seed) for seed in runs.loc[found, "seed"]))
