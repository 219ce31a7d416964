"""A race for the best of many arms: who is out, who needs a further seed, and when it is over.

All arms begin with a few seeds and get one more in each round. An arm is *out* when it is shown not to be the best:
when the evidence that it is worse than another (`one_sided.py`), averaged over all m − 1 others, comes to 1 / alpha. If
the arm is the best each of these is a test martingale, from the first seed to the last that both of a pair have. So is
their mean, whatever the arms have to do with each other, and it ever comes to 1 / alpha with a chance of at most alpha
(Ville's inequality; Vovk and Wang 2021 on means of evidence). That one pair alone has (m − 1) / alpha, as Bonferroni
would have it, implies that and takes more seeds: three of a pair are never evidence of more than 62.

What is promised, of m arms with normal differences, at all looks together:

- the truly best arm is thrown out with a chance of at most alpha, whichever it is;
- within the same alpha, at the end no arm is better than the winner by more than the margin, unless it is listed as
  open. That one is not is shown by a one-sided bound at alpha / (m − 1) for its difference from the leader. If it is,
  the evidence behind that bound is a martingale too and no less than that in the mean above, in whose place it may
  stand.

An arm that is shown to be better than the leader by no more than the margin has nothing to win: it *rests*, without
being out, for as long as this leader leads. If another takes the lead it may have to go on, and first gets the seeds
that it missed. So nobody rests because of an arm that itself falls back, and margins do not add up.

A race is a function of its values alone. It is run again from its first round each time, and looks at no value that it
would not have asked for: the order in which values came, and seeds that another job had run, change nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np

from bench.statistics.estimates import ALPHA
from bench.statistics.sequential.confidence import FIRST_LOOK
from bench.statistics.sequential.pairs import Counts, Floats, evidence_of

Key = TypeVar("Key", bound=Hashable)
Ending = Literal["one left", "close", "most seeds", "budget", "all failed"]
"""Why a race ended. "close": whoever is left beside the leader is better than it by no more than the margin."""


@dataclass(frozen=True)
class Elimination(Generic[Key]):
    """An arm that is out."""

    arm: Key

    seeds: int
    """How many it had had, failed ones too."""

    by: Key | None
    """Of those that were left the one that is furthest ahead; None if none of its seeds finished."""


@dataclass(frozen=True)
class Round(Generic[Key]):
    """What was seen at one number of seeds."""

    seeds: int
    """That every arm that is racing had had."""

    racing: tuple[Key, ...]
    """The arms that had a new seed in it."""

    out: tuple[Elimination[Key], ...]

    survivors: tuple[Key, ...]
    """The arms that are left after it, those that rest too."""

    leader: Key | None
    """The best of those that were racing; None if none of them ever finished."""


@dataclass(frozen=True)
class Race(Generic[Key]):
    """A race by now."""

    rounds: tuple[Round[Key], ...]
    """Those of which all values are there."""

    seeds: Mapping[Key, int]
    """Arm → how many seeds it had had after the last of them; seed k is the (k + 1)-th."""

    wanted: tuple[tuple[Key, int], ...]
    """(arm, seed) that the next round lacks, seed by seed; empty if the race is over."""

    ended: Ending | None
    """None while it goes on."""

    winner: Key | None
    """The leader at the end, or by now; None if there is none."""

    survivors: tuple[Key, ...]
    """The arms that may be the best."""

    open: tuple[Key, ...]
    """Those of them that may be better than the winner by more than the margin."""

    @property
    def out(self) -> tuple[Elimination[Key], ...]:
        """The arms that are out, in order."""
        return tuple(each for one in self.rounds for each in one.out)

    @property
    def runs(self) -> int:
        """How many values the race looked at."""
        return sum(self.seeds.values())


def standing(
    values: Mapping[Key, Mapping[int, float]],
    *,
    first: int = FIRST_LOOK,
    most: int,
    at_once: int = 1,
    margin: float = 0.0,
    higher_is_better: bool = True,
    budget_is_spent: bool = False,
    alpha: float = ALPHA,
) -> Race[Key]:
    """Return how a race stands.

    Args:
        values: arm → seed → value, for all arms of the race, in an order that decides between exact ties. The seeds are
            0, 1, …; one that isn't there has not ended, one that is not finite has failed.
        first: seeds of the first round.
        most: seeds after which the race ends, whatever is open.
        at_once: seeds of each later round.
        margin: how much better an arm may be and still not be worth a seed.
        higher_is_better: who wins.
        budget_is_spent: whether no further run may be made: it ends with the last whole round.
        alpha: the chance with which the truly best may be thrown out.
    """
    arms = list(values)
    sign = 1.0 if higher_is_better else -1.0
    table = np.array([[sign * values[arm].get(seed, np.nan) for seed in range(most)] for arm in arms], dtype=float)
    table = np.where(np.isfinite(table), table, np.nan).reshape(len(arms), most)
    level = alpha / max(len(arms) - 1, 1)
    state = _State(table, *evidence_of(table, margin, level), enough=1 / alpha)
    rounds: list[Round[Key]] = []
    wanted: list[tuple[Key, int]] = []
    ended: Ending | None = "one left" if len(arms) < 2 else None
    n = min(first, most)
    while ended is None:
        lacking = [(seed, i) for i in state.racing for seed in range(state.seeds[i], n) if seed not in values[arms[i]]]
        if lacking:
            wanted = [(arms[i], seed) for seed, i in sorted(lacking)]
            ended = "budget" if budget_is_spent else None
            break
        racing = tuple(arms[i] for i in state.racing)
        out = [Elimination(arms[i], n, None if by is None else arms[by]) for i, by in state.go_to(n)]
        leader = None if state.leader is None else arms[state.leader]
        rounds.append(Round(n, racing, tuple(out), tuple(arms[i] for i in state.left), leader))
        ended = state.ending(n == most)
        n = min(n + at_once, most)
    winner = arms[0] if len(arms) == 1 else rounds[-1].leader if rounds else None
    return Race(
        rounds=tuple(rounds),
        seeds={arm: int(state.seeds[i]) for i, arm in enumerate(arms)},
        wanted=() if ended else tuple(wanted),
        ended=ended,
        winner=winner,
        survivors=tuple(arms[i] for i in state.left),
        open=tuple(arms[i] for i in state.racing if arms[i] != winner),
    )


class _State:
    """The arms of a race by their number, from round to round."""

    def __init__(self, table: Floats, worse: Floats, close_at: Counts, enough: float) -> None:
        self.table, self.worse, self.close_at, self.enough = table, worse, close_at, enough
        self.seeds = np.zeros(len(table), dtype=int)
        self.left = list(range(len(table)))
        """The arms that are not out."""

        self.racing = list(self.left)
        """Those of them that get the next seed."""

        self.leader: int | None = None

    def go_to(self, n: int) -> list[tuple[int, int | None]]:
        """Give those that are racing n seeds each; return who is out by that, and by whom."""
        self.seeds[self.racing] = n
        out: list[tuple[int, int | None]] = [
            (i, None) for i in self.left if not np.isfinite(self.table[i, : self.seeds[i]]).any()
        ]
        failed = {i for i, _ in out}
        left = [i for i in self.left if i not in failed]
        racing = [i for i in self.racing if i not in failed]
        self.leader = leading(self.table[racing, :n], racing) if racing else None
        for i in left:
            if i != self.leader and self._is_not_the_best(i):
                out.append((i, max((j for j in left if j != i), key=lambda j: self._ahead(j, i))))
        gone = {i for i, _ in out}
        self.left = [i for i in left if i not in gone]
        self.racing = [i for i in self.left if not self._rests(i)]
        return out

    def _rests(self, i: int) -> bool:
        """Return whether an arm is shown to be better than the leader by no more than the margin."""
        if self.leader is None or self.leader == i:
            return False
        return bool(self.close_at[i, self.leader] <= self._common(i, self.leader))

    def _is_not_the_best(self, i: int) -> bool:
        """Return whether an arm is worse than others by enough evidence; of who is out that stays what it was."""
        if len(self.table) < 2:
            return False
        common = np.minimum(self.seeds[i], self.seeds)
        evidence = self.worse[i, np.arange(len(self.table)), common]
        return bool(np.delete(evidence, i).mean() >= self.enough)

    def ending(self, is_last: bool) -> Ending | None:
        """Return why the race is over after this round; None if it isn't."""
        if len(self.left) < 2:
            return "one left" if self.left else "all failed"
        if len(self.racing) == 1:
            return "close"
        return "most seeds" if is_last else None

    def _ahead(self, i: int, j: int) -> float:
        """Return by how much one arm is ahead of another on average over the seeds at which both finished."""
        seeds = self._common(i, j)
        ahead = self.table[i, :seeds] - self.table[j, :seeds]
        ahead = ahead[np.isfinite(ahead)]
        return float(ahead.mean()) if len(ahead) else -np.inf

    def _common(self, i: int, j: int) -> int:
        return int(min(self.seeds[i], self.seeds[j]))


def leading(table: Floats, arms: Sequence[int]) -> int:
    """Return which of `arms` is ahead of the others, on average over them and over the seeds of each pair.

    Where no run failed it is the one with the best mean. An arm that failed at a hard seed gains nothing by that.

    Args:
        table: [arms, seeds], NaN where a run failed; every arm has a value.
    """
    ahead = table[:, None] - table[None]  # [arms, arms, seeds]
    there = np.isfinite(ahead)
    pairs = there.any(axis=-1)
    mean = np.where(there, ahead, 0.0).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    return arms[int((mean.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)).argmax())]
