"""What else could be done with as many runs as a race takes: the plain grid, and successive halving."""

from __future__ import annotations

import numpy as np

from bench.studies.racing.scenarios import Scenario, draw

VALUES_AT_ONCE = 4_000_000


def grid(rng: np.random.Generator, scenario: Scenario, runs: float) -> float:
    """Return the share of tables with equally many seeds for each arm in which the best arm has the best mean."""
    seeds = max(1, int(runs / scenario.arms))
    return _share(rng, scenario, [(scenario.arms, seeds)])


def halving(rng: np.random.Generator, scenario: Scenario, runs: float) -> float:
    """Return the share of successive halvings that end with the best arm.

    Each of ⌈log2 m⌉ rounds has an equal part of the runs, in equal numbers of further seeds for the arms that are left,
    at least one; then the better half by the mean of all seeds so far stays (Karnin, Koren and Somekh 2013, there the
    mean of the round's).
    """
    rounds = int(np.ceil(np.log2(scenario.arms)))
    left, seeds, plan = scenario.arms, 0, []
    for _ in range(rounds):
        seeds += max(1, int(runs / rounds / left))
        plan.append((left, seeds))
        left = (left + 1) // 2
    return _share(rng, scenario, plan)


def _share(rng: np.random.Generator, scenario: Scenario, plan: list[tuple[int, int]]) -> float:
    """Return how often the best arm is ahead at the end, if at each step of a plan as many arms are left, and seeds."""
    most, hits, done = plan[-1][1], 0, 0
    while done < scenario.races:
        races = min(scenario.races - done, max(1, VALUES_AT_ONCE // (scenario.arms * most)))
        means = np.cumsum(draw(rng, scenario, races, most), axis=-1)
        left = np.ones((races, scenario.arms), dtype=bool)
        for (_, seeds), (keep, _) in zip(plan, [*plan[1:], (1, 0)], strict=True):
            score = np.where(left, means[..., seeds - 1], -np.inf)
            left = score >= np.sort(score, axis=1)[:, -keep, None]
        hits += int(left[:, 0].sum())
        done += races
    return hits / scenario.races
