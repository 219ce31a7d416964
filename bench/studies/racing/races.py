"""Many races at once, on whole arrays, by the evidence of `bench.statistics.sequential.race`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.statistics.estimates import ALPHA
from bench.statistics.sequential.confidence import FIRST_LOOK
from bench.statistics.sequential.pairs import evidence_of
from bench.statistics.sequential.race import standing

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass
class Races:
    """How races stand after some number of seeds; no run of theirs fails."""

    seeds: Counts
    """That each arm has had, [races, arms]."""

    left: Flags
    """The arms that are not out, [races, arms]."""

    racing: Flags
    """Those of them that don't rest, the leader among them, [races, arms]."""

    leader: Counts
    """[races]."""

    @property
    def over(self) -> Flags:
        """Whether nothing is open, [races]: one arm is left, or the leader alone doesn't rest."""
        return np.asarray((self.left.sum(axis=1) == 1) | (self.racing.sum(axis=1) == 1))

    def open(self) -> Flags:
        """Return which arms may be better than the leader by more than the margin, [races, arms]."""
        found = self.racing.copy()
        found[np.arange(len(found)), self.leader] = False
        return found


def run(values: Floats, margin: float, looks: tuple[int, ...]) -> Iterator[Races]:
    """Race to the last of `looks`, in rising order; yield how all races stand at each as if it were the most seeds.

    Args:
        values: [races, arms, seeds], higher is better.
        margin: in the unit of the values.
    """
    races, arms, _ = values.shape
    worse, close_at = evidence_of(values[..., : looks[-1]], margin, ALPHA / (arms - 1))
    itself = np.arange(arms)
    worse[:, itself, itself] = 0.0  # no arm is evidence against itself
    means = np.cumsum(values, axis=-1) / np.arange(1, values.shape[-1] + 1)
    each = np.arange(races)
    state = Races(
        seeds=np.zeros((races, arms), dtype=np.int64),
        left=np.ones((races, arms), dtype=bool),
        racing=np.ones((races, arms), dtype=bool),
        leader=np.zeros(races, dtype=np.int64),
    )
    over = np.zeros(races, dtype=bool)
    for n in range(FIRST_LOOK, looks[-1] + 1):
        goes_on = ~over[:, None]
        state.seeds = np.where(state.racing & goes_on, n, state.seeds)
        leads = np.where(state.racing, means[..., n - 1], -np.inf).argmax(axis=1)
        state.leader = np.where(over, state.leader, leads)
        is_leader = np.arange(arms) == state.leader[:, None]
        common = np.minimum(state.seeds[:, :, None], state.seeds[:, None, :])
        evidence = np.take_along_axis(worse, common[..., None], axis=-1)[..., 0].sum(axis=-1) / (arms - 1)
        beaten = (evidence >= 1 / ALPHA) & ~is_leader
        rests = np.take_along_axis(close_at, state.leader[:, None, None], axis=2)[..., 0] <= np.minimum(
            state.seeds, state.seeds[each, state.leader][:, None]
        )
        state.left = np.where(goes_on, state.left & ~beaten, state.left)
        state.racing = np.where(goes_on, state.left & (is_leader | ~rests), state.racing)
        over = state.over
        if n in looks:
            yield Races(state.seeds.copy(), state.left.copy(), state.racing.copy(), state.leader.copy())


def disagreements(values: Floats, margin: float, most: int, found: Races, count: int) -> int:
    """Return how many of the first `count` races the shipped code ends otherwise than `found`."""
    wrong = 0
    for race in range(count):
        arms = {arm: dict(enumerate(map(float, row))) for arm, row in enumerate(values[race])}
        shipped = standing(arms, most=most, margin=margin)
        wrong += not (
            shipped.ended is not None
            and shipped.winner == found.leader[race]
            and set(shipped.survivors) == set(np.flatnonzero(found.left[race]))
            and set(shipped.open) == set(np.flatnonzero(found.open()[race]))
            and list(shipped.seeds.values()) == list(found.seeds[race])
        )
    return wrong
