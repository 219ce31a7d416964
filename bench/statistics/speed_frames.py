"""Turns throughput.json into tidy frames: images/s, ratios to the baseline, MFU. Pure functions, no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.statistics.bootstrap import median_interval

KEYS = ["arch", "task", "work"]
ROUND_COLUMNS = [*KEYS, "round", "images_per_s", "mfu"]
SPEED_COLUMNS = [
    *KEYS, "rounds", "images_per_s", "low_quartile", "high_quartile", "ratio", "ratio_low", "ratio_high", "resolved",
    "mfu", "flops_per_image", "peak_bytes", "joules_per_image",
]  # fmt: skip


def rounds_frame(document: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row per architecture, task, work and round.

    mfu is the model's FLOP/s over those of the matrix product timed in the same round; NaN if its FLOPs are unknown.
    """
    rates = {
        (one["task"], one["work"]): one["flops"] * one["calls"] / np.asarray(one["seconds"])
        for one in document["matmul"]
    }
    rows = []
    for one in document["works"]:
        speed = one["images"] * one["calls"] / np.asarray(one["seconds"])
        flops = math.nan if one["flops_per_image"] is None else one["flops_per_image"]
        used = flops * speed / rates[one["task"], one["work"]]
        key = [one[name] for name in KEYS]
        rows += [[*key, number, s, u] for number, (s, u) in enumerate(zip(speed, used, strict=True))]
    return pd.DataFrame(rows, columns=ROUND_COLUMNS)


def speeds_frame(document: Mapping[str, Any], baseline: str) -> pd.DataFrame:
    """Return a row per architecture, task and work: medians over rounds, quartiles, and the ratio to the baseline.

    ratio is the median over rounds of the architecture's images/s over the baseline's in the same round, with its 95 %
    bootstrap interval; NaN for the baseline. resolved says whether the interval, after Bonferroni's correction for the
    number of architectures compared, leaves out 1. joules_per_image is NaN if it was not measured.
    """
    rounds = rounds_frame(document)
    known = {tuple(one[name] for name in KEYS): one for one in document["works"]}
    rows = []
    for (task, work), group in rounds.groupby(["task", "work"], sort=False):
        wide = group.pivot(index="round", columns="arch", values="images_per_s")
        others = max(1, wide.shape[1] - 1)
        for arch, own in group.groupby("arch", sort=False):
            speed = own["images_per_s"].to_numpy()
            one = known[arch, task, work]
            against = wide[arch] / wide[baseline] if baseline in wide and arch != baseline else None
            low, middle, high = np.quantile(speed, [0.25, 0.5, 0.75])
            rows.append(
                [arch, task, work, len(speed), middle, low, high, *_ratio(against, others), own["mfu"].median()]
                + [math.nan if one[name] is None else one[name] for name in SPEED_COLUMNS[-3:]]
            )
    return pd.DataFrame(rows, columns=SPEED_COLUMNS)


def _ratio(against: pd.Series | None, others: int) -> tuple[float, float, float, bool]:
    """Return the median of per-round ratios, its interval, and whether it is resolved among `others` comparisons."""
    if against is None:
        return math.nan, math.nan, math.nan, False
    logs = np.log(against.to_numpy())
    low, high = median_interval(logs)
    strict_low, strict_high = median_interval(logs, 1 - 0.05 / others)
    resolved = bool(strict_low > 0 or strict_high < 0)  # False for NaN
    return float(np.exp(np.median(logs))), float(np.exp(low)), float(np.exp(high)), resolved
