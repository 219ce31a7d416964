"""Training speeds that the runs noted, and their ratios to the baseline."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from tests.audit.computing.own_statistics import holm, p_value, sample
from tests.audit.facts import Facts


class Ratio(NamedTuple):
    """Images/s over the baseline's."""

    value: float
    low: float
    high: float
    n: int
    resolved: bool


@cache
def ratios(facts: Facts, task: str) -> dict[str, Ratio]:
    """Return architecture → ratio: the paired test on logarithms, Holm's correction within the task."""
    logs = np.log(facts.values(task, "train_images_per_s"))
    others = [arch for arch in logs if arch != facts.baseline]
    differences = {arch: (logs[arch] - logs[facts.baseline]).to_numpy() for arch in others}
    samples = {arch: sample(d) for arch, d in differences.items()}
    adjusted, _ = holm([p_value(differences[arch], samples[arch]) for arch in others])
    found = {}
    for arch, p in zip(others, adjusted, strict=True):
        low, high = (math.exp(end) for end in samples[arch].interval())
        found[arch] = Ratio(math.exp(samples[arch].mean), low, high, samples[arch].n, p < 0.05)
    return found


@cache
def disturbed(facts: Facts) -> bool:
    """Tell whether other runs of the job could be in flight beside one."""
    return any((around.get("workers") or 1) > 1 for around in facts.environments)
