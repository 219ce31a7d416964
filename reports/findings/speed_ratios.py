"""Training speed of the architectures on a task, and against the baseline as a ratio with an interval.

Where speeds were measured apart from training those are used. Otherwise it is what the runs noted while they trained,
and the ratio is the paired test on logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bench.statistics.comparisons import compare_paired, holm_family, seed_values
from reports.findings.experiment import Experiment


@dataclass(frozen=True)
class Ratio:
    """images/s of an architecture over the baseline's; n: seeds, or rounds of a measurement apart. low and high are NaN
    for n = 1."""

    value: float
    low: float
    high: float
    n: int
    resolved: bool  # faster or slower, also after correction for the number of architectures


def training_speed(experiment: Experiment, task: str) -> dict[str, float]:
    """arch → training images/s."""
    apart = experiment.apart
    if apart is not None and task in apart.tasks:
        return dict(apart.of(task, "train")["images_per_s"])
    rows = experiment.summary
    rows = rows[(rows["task"] == task) & (rows["metric"] == "train_images_per_s")]
    return dict(zip(rows["arch"], rows["mean"], strict=True))


def training_ratios(experiment: Experiment, task: str) -> dict[str, Ratio]:
    """arch → its training speed over the baseline's; only architectures that can be compared with it."""
    apart = experiment.apart
    if apart is not None and task in apart.tasks:
        rows = apart.of(task, "train")
        return {
            row.arch: Ratio(row.ratio, row.ratio_low, row.ratio_high, row.rounds, row.resolved)
            for row in rows[rows["ratio"].notna()].itertuples(index=False)
        }
    return ratios(experiment.runs, task, experiment.baseline)


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
