"""Quality against cost: which architectures no other one beats on both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from reports.findings.experiment import Experiment
from reports.findings.speed_ratios import machines_of_speeds, training_speed


@dataclass(frozen=True)
class Cost:
    """Something that quality may be bought with."""

    metric: str
    """Its name among the metrics."""

    label: str
    """What an axis says."""

    short: str
    """What a title or a sentence says."""

    lower_is_better: bool
    """False for throughput."""


COSTS = (
    Cost("params_total", "parameters", "parameters", True),
    Cost("macs", "multiply-accumulates per image", "MACs", True),
    Cost("train_images_per_s", "training (images/s)", "throughput", False),
)


def cost_and_quality(experiment: Experiment, task: str, cost: Cost) -> dict[str, tuple[float, float]]:
    """Return architecture → (mean cost, mean quality in display units) on one task, for those that have both.

    Empty for speeds of several machines: a front of such would be one of machines.
    """
    ranking = experiment.rankings[task]
    if cost.metric == "train_images_per_s":
        costs = {} if machines_of_speeds(experiment, task) else training_speed(experiment, task)
    else:
        rows = experiment.summary
        rows = rows[(rows["task"] == task) & (rows["metric"] == cost.metric)]
        costs = dict(zip(rows["arch"], rows["mean"], strict=True))
    found = {
        arch: (float(costs[arch]), float(ranking.cells[arch].mean) * ranking.metric.scale)
        for arch in ranking.distinct
        if arch in costs
    }
    return {arch: point for arch, point in found.items() if all(map(math.isfinite, point))}


def pareto_front(
    points: Mapping[str, tuple[float, float]], *, lower_is_better: bool, higher_is_better: bool = True
) -> list[str]:
    """Return the architectures that no other one dominates, cheapest first.

    One dominates another if it is at least as good on both, and better on one.

    Args:
        points: architecture → (cost, quality).
        lower_is_better: whether a lower cost is better.
        higher_is_better: whether a higher quality is better.
    """
    sign_cost, sign_quality = (1 if lower_is_better else -1), (-1 if higher_is_better else 1)
    both_minimised = {arch: (sign_cost * x, sign_quality * y) for arch, (x, y) in points.items()}
    front: list[str] = []
    best = math.inf
    for arch, (x, y) in sorted(both_minimised.items(), key=lambda item: item[1]):
        if y < best or (y == best and front and both_minimised[front[-1]] == (x, y)):
            front.append(arch)
            best = y
    return front
