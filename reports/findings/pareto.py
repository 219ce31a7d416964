"""Quality against cost: which architectures no other one beats on both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from reports.findings.experiment import Experiment
from reports.findings.speed_ratios import training_speed


@dataclass(frozen=True)
class Cost:
    """lower_is_better is False for throughput."""

    metric: str
    label: str
    short: str
    lower_is_better: bool


COSTS = (
    Cost("params_total", "parameters", "parameters", True),
    Cost("macs", "multiply-accumulates per image", "MACs", True),
    Cost("train_images_per_s", "training (images/s)", "throughput", False),
)


def points(experiment: Experiment, task: str, cost: Cost) -> dict[str, tuple[float, float]]:
    """arch → (mean cost, mean quality in display units) of one task; only architectures that have both."""
    ranking = experiment.rankings[task]
    if cost.metric == "train_images_per_s":
        costs = training_speed(experiment, task)
    else:
        rows = experiment.summary
        rows = rows[(rows["task"] == task) & (rows["metric"] == cost.metric)]
        costs = dict(zip(rows["arch"], rows["mean"], strict=True))
    found = {
        arch: (float(costs[arch]), float(ranking.cells[arch].mean) * ranking.metric.scale)
        for arch in ranking.order
        if arch in costs
    }
    return {arch: point for arch, point in found.items() if all(map(math.isfinite, point))}


def front(
    found: Mapping[str, tuple[float, float]], *, lower_is_better: bool, higher_is_better: bool = True
) -> list[str]:
    """The architectures that no other one dominates (at least as good on both, better on one), cheapest first."""
    sign_x, sign_y = (1 if lower_is_better else -1), (1 if higher_is_better else -1)
    signed = {arch: (sign_x * x, -sign_y * y) for arch, (x, y) in found.items()}  # both: smaller is better
    kept: list[str] = []
    best = math.inf
    for arch, (x, y) in sorted(signed.items(), key=lambda item: item[1]):
        if y < best or (y == best and kept and signed[kept[-1]] == (x, y)):
            kept.append(arch)
            best = y
    return kept
