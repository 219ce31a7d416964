"""How fast the architectures train on a task, and how that compares with the baseline.

Speeds that were measured after training are used where there are any. Otherwise it is what the runs noted while they
trained, and the ratio comes from the paired test on logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bench.statistics.comparisons import compare_paired, holm_family, seed_values
from reports.findings.experiment import Experiment


@dataclass(frozen=True)
class SpeedRatio:
    """Images/s of an architecture over the baseline's."""

    value: float
    """Above 1: the architecture is faster."""

    low: float
    """Lower end of the 95 % interval; NaN for n = 1."""

    high: float
    """Upper end of the 95 % interval; NaN for n = 1."""

    n: int
    """Seeds in common with the baseline, or rounds of a measurement after training."""

    resolved: bool
    """Whether it is faster or slower, also after correction for the number of architectures."""


def training_speed(experiment: Experiment, task: str) -> dict[str, float]:
    """Return architecture → training images/s."""
    measured = experiment.measured_speeds
    if measured is not None and task in measured.tasks:
        return dict(measured.of(task, "train")["images_per_s"])
    rows = experiment.summary
    rows = rows[(rows["task"] == task) & (rows["metric"] == "train_images_per_s")]
    return dict(zip(rows["arch"], rows["mean"], strict=True))


def training_ratios(experiment: Experiment, task: str) -> dict[str, SpeedRatio]:
    """Return architecture → its training speed over the baseline's, for those that can be compared with it."""
    measured = experiment.measured_speeds
    if measured is not None and task in measured.tasks:
        rows = measured.of(task, "train")
        return {
            row.arch: SpeedRatio(row.ratio, row.ratio_low, row.ratio_high, row.rounds, row.resolved)
            for row in rows[rows["ratio"].notna()].itertuples(index=False)
        }
    return ratios_while_training(experiment.runs, task, experiment.baseline)


def ratios_while_training(runs: pd.DataFrame, task: str, baseline: str) -> dict[str, SpeedRatio]:
    """Return architecture → its speed ratio on one task, for those that share a finished seed with the baseline.

    The test is paired by seed, on logarithms of the images/s that the runs noted while they trained.
    """
    logs = {}
    for arch, group in runs[runs["task"] == task].groupby("arch", sort=False):
        speeds = seed_values(group, "train_images_per_s")
        logs[str(arch)] = {seed: math.log(speed) for seed, speed in speeds.items() if speed > 0}
    of_baseline = logs.pop(baseline, {})
    compared = {arch: compare_paired(values, of_baseline) for arch, values in logs.items()}
    family = dict(holm_family({arch: row for arch, row in compared.items() if row.n}))
    return {
        str(arch): SpeedRatio(
            value=math.exp(row.difference),
            low=math.exp(row.low),
            high=math.exp(row.high),
            n=row.n,
            resolved=row.verdict in ("better", "worse"),
        )
        for arch, row in family.items()
    }
