"""Turns throughput.json into tidy frames: images/s, ratios to the baseline, MFU. Pure functions, no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.statistics.bootstrap import median_interval

KEYS = ["arch", "task", "work"]
ROUND_COLUMNS = [*KEYS, "session", "round", "images_per_s", "mfu"]
SPEED_COLUMNS = [
    *KEYS, "sessions", "rounds", "images_per_s", "low_quartile", "high_quartile", "ratio", "ratio_low", "ratio_high",
    "resolved", "mfu", "flops_per_image", "peak_bytes", "joules_per_image", "other_work", "disturbed",
]  # fmt: skip
KNOWN_BEFORE = ("flops_per_image", "peak_bytes", "joules_per_image")
"""The columns that throughput.json holds as they are."""

MOST_OTHER_WORK = 0.1
"""Share of the processors' time from which other work is taken to have disturbed a measurement.

The rounds of an undisturbed measurement scatter by a few per cent, and a median over rounds forgives a short burst. A
tenth of the machine, on average over all rounds, can move the median by more than that.
"""


def sessions(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the sessions in which a document's speeds were measured, each as a document of its own, oldest first."""
    return [*document.get("earlier", []), document]


def rounds_frame(document: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row per architecture, task, work, session and round, the sessions numbered from the oldest on.

    mfu is the model's FLOP/s over those of the matrix product timed in the same round; NaN if its FLOPs are unknown.
    """
    rows = []
    for session, measured in enumerate(sessions(document)):
        rates = {
            (one["task"], one["work"]): one["flops"] * one["calls"] / np.asarray(one["seconds"])
            for one in measured["matmul"]
        }
        for one in measured["works"]:
            speed = one["images"] * one["calls"] / np.asarray(one["seconds"])
            flops = math.nan if one["flops_per_image"] is None else one["flops_per_image"]
            used = flops * speed / rates[one["task"], one["work"]]
            key = [one[name] for name in KEYS]
            rows += [[*key, session, number, s, u] for number, (s, u) in enumerate(zip(speed, used, strict=True))]
    return pd.DataFrame(rows, columns=ROUND_COLUMNS)


def speeds_frame(document: Mapping[str, Any], baseline: str) -> pd.DataFrame:
    """Return a row per architecture, task and work: medians over rounds, quartiles, and the ratio to the baseline.

    ratio is the median over rounds of the architecture's images/s over the baseline's in the same round, with its 95 %
    bootstrap interval; NaN for the baseline. resolved says whether the interval, after Bonferroni's correction for the
    number of architectures compared, leaves out 1. joules_per_image is NaN if it was not measured. other_work and
    disturbed are as `other_work` and `is_disturbed` say.

    The rounds of one session agree more than those of two days (docs/performance.md#what-limits-it). Of
    several sessions the ratio is the geometric mean of each session's, its interval spans all of theirs, it is resolved
    if it is in each, in the same direction, and disturbed if one of them is.
    """
    rounds = rounds_frame(document)
    known = {tuple(one[name] for name in KEYS): one for each in sessions(document) for one in each["works"]}
    on_gpu = document.get("setting", {}).get("device", "cpu") != "cpu"
    rows = []
    for (task, work), group in rounds.groupby(["task", "work"], sort=False):
        wide = [
            each.pivot(index="round", columns="arch", values="images_per_s") for _, each in group.groupby("session")
        ]
        others = max(1, max(len(table.columns) for table in wide) - 1)
        around = [
            one
            for each in sessions(document)
            for one in each.get("conditions", [])
            if (one["task"], one["work"]) == (task, work)
        ]
        busy = max((share for one in around if not math.isnan(share := other_work(one))), default=math.nan)
        disturbed = any(is_disturbed(one, on_gpu) for one in around)
        for arch, own in group.groupby("arch", sort=False):
            speed, one = own["images_per_s"].to_numpy(), known[arch, task, work]
            against = [each[arch] / each[baseline] for each in wide if arch != baseline and {arch, baseline} <= {*each}]
            low, middle, high = np.quantile(speed, [0.25, 0.5, 0.75])
            rows.append(
                [arch, task, work, own["session"].nunique(), len(speed), middle, low, high]
                + [*_ratio(against, others), own["mfu"].median()]
                + [math.nan if one[name] is None else one[name] for name in KNOWN_BEFORE]
                + [busy, disturbed]
            )
    return pd.DataFrame(rows, columns=SPEED_COLUMNS)


def other_work(condition: Mapping[str, Any]) -> float:
    """Return the share of the processors' time, 0 to 1, that other processes and virtual machines took; NaN if unknown.

    Args:
        condition: an entry of the document's "conditions", which `bench.machine.load_monitor` makes.
    """
    foreign, stolen, cores = (condition.get(name) for name in ("foreign_cores", "stolen", "cores"))
    if foreign is None or not cores:
        return math.nan
    return float(foreign / cores + (stolen or 0.0))


def is_disturbed(condition: Mapping[str, Any], on_gpu: bool) -> bool:
    """Tell whether speeds were measured while the device had other work too, or was slowed down.

    A GPU does not mind busy processors, but other processes on it, and being throttled. False where nothing is known.
    """
    gpu = condition.get("gpu") or {}
    if on_gpu:
        return bool(gpu.get("throttling") or gpu.get("foreign_processes"))
    return other_work(condition) > MOST_OTHER_WORK


def _ratio(against: Sequence[pd.Series], others: int) -> tuple[float, float, float, bool]:
    """Return the ratio of all sessions, its interval, and whether it is resolved among `others` comparisons."""
    if not against:
        return math.nan, math.nan, math.nan, False
    logs = [np.log(ratios.to_numpy()) for ratios in against]
    lows, highs = zip(*(median_interval(each) for each in logs), strict=True)
    strict_lows, strict_highs = zip(*(median_interval(each, 1 - 0.05 / others) for each in logs), strict=True)
    resolved = bool(min(strict_lows) > 0 or max(strict_highs) < 0)  # False for NaN
    middle = float(np.mean([np.median(each) for each in logs]))
    return math.exp(middle), math.exp(min(lows)), math.exp(max(highs)), resolved
