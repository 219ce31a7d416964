"""Training throughput against the baseline, as a ratio with an interval: the paired test on logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bench.stats import compare_paired, holm_family, seed_values


@dataclass(frozen=True)
class Ratio:
    """images/s of an architecture over the baseline's, per seed; low and high are NaN with one seed."""

    value: float
    low: float
    high: float
    n: int
    resolved: bool  # the Holm-adjusted verdict is faster or slower


def ratios(runs: pd.DataFrame, task: str, baseline: str, metric: str = "train_images_per_s") -> dict[str, Ratio]:
    """arch → its speed ratio on one task; only architectures that share a finished seed with the baseline."""
    frame = runs[runs["task"] == task]
    logs = {
        str(arch): {seed: math.log(value) for seed, value in seed_values(group, metric).items() if value > 0}
        for arch, group in frame.groupby("arch", sort=False)
    }
    base = logs.pop(baseline, {})
    compared = {arch: compare_paired(values, base) for arch, values in logs.items()}
    family = dict(holm_family({arch: found for arch, found in compared.items() if found.n}))
    return {
        str(arch): Ratio(
            math.exp(found.difference), math.exp(found.low), math.exp(found.high), found.n,
            found.verdict in ("better", "worse"),
        )
        for arch, found in family.items()
    }  # fmt: skip
