"""The policy of a race: seeds are added to who may still be the best, and the winner is confirmed at fresh ones.

Who is out, who rests and when it is over is decided by `bench.statistics.sequential.race`, from the primary metric on
validation images, so that test images choose nothing. What won is reported from runs that had no part in that: a race
favours whoever was lucky at its seeds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.job.policies.ordinals import ordinals
from bench.job.policies.policy import Policy, Records
from bench.spec.declared import Declared
from bench.spec.output.counts import plural
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.store.record import Record

if TYPE_CHECKING:
    from bench.statistics.sequential.race import Ending, Race

STOPPED = "stopped"
"""In place of the ending of a race that is not over."""

BUDGET: Ending = "budget"
"""The ending of a race that was cut short."""


@dataclass(frozen=True)
class Racing(Policy):
    """Races all architectures on one task, and then trains the winner and the baseline at seeds above the race's most.

    The baseline takes part like any other. Records of seeds that the race has not come to, which another job may have
    left, do not count. Evaluations are of the confirmation alone.
    """

    runs: tuple[RunSpec, ...]
    """All that may be raced, seed by seed."""

    confirmations: tuple[RunSpec, ...]
    """Those of each architecture by which it would be confirmed, seed by seed; none if nothing is to be."""

    evaluations: tuple[EvaluationSpec, ...]
    """Of those."""

    baseline: str
    declared: Declared
    first_seeds: int
    """Of the first round."""

    max_seeds: int

    seeds_at_once: int
    """Of each later round."""

    cut_after: int | None = None
    """After how many seeds the race is over, whatever they say, since its time was up; None: it is not cut short."""

    _races: dict[tuple[object, ...], Race[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What became of results that were looked at before."""

    def next(self, records: Records) -> Sequence[Work]:
        return [each for each in self.planned(records) if each.run_id not in records]

    def planned(self, records: Records) -> Sequence[Work]:
        race = self._race(records)
        return [*self._raced(race), *self._confirmation(race)]

    def possible(self) -> Sequence[Work]:
        return [*self.runs, *self.confirmations, *self.evaluations]

    def shown(self, records: Records) -> Sequence[Work]:
        """The confirmation, as soon as it has begun; before that what the race has of the winner and the baseline."""
        race = self._race(records)
        if self._is_confirmed(race, records):
            return self._confirmation(race)
        archs = set(self.archs) if race.winner is None else {self.baseline, race.winner}
        return [run for run in self._raced(race) if run.arch in archs]

    def shortened(self, records: Records) -> Racing | None:
        """The same race, over with its last whole round; a race that is over is left as it is. None without a round."""
        race = self._race(records)
        if race.ended:
            return self
        return dataclasses.replace(self, cut_after=race.rounds[-1].seeds) if race.rounds else None

    def resumed(self, entry: Mapping[str, Any]) -> Racing:
        """The race as a report of it left it: if it was cut short there, it stays so, and its winner with it.

        Who has seen the confirmation could else race on for another winner until a confirmation pleases.
        """
        ours = {run.run_id for run in self.runs}
        is_ours = (
            entry.get("ended") == BUDGET
            and entry.get("archs") == list(self.archs)
            and (entry.get("first_seeds"), entry.get("max_seeds")) == (self.first_seeds, self.max_seeds)
            and ours.issuperset(map(str, entry.get("run_ids") or ()))
        )
        at_once, seeds = entry.get("at_once"), entry.get("seeds")
        if not is_ours or not isinstance(at_once, int) or not isinstance(seeds, int):
            return self
        if at_once < 1 or not self.first_seeds <= seeds < self.max_seeds:
            return self
        return dataclasses.replace(self, seeds_at_once=at_once, cut_after=seeds)

    def standing(self, records: Records) -> str:
        race = self._race(records)
        if race.ended is None:
            most = f"of at most {self.max_seeds}"
            if not race.rounds:
                return f"race: {len(self.archs)} architectures, first {self._goal(race)} {most} seeds"
            seeds = race.rounds[-1].seeds
            return f"race: {_left(race)} after {seeds} seeds, {ordinals(seeds + 1, self._goal(race))} {most}"
        confirmation = self._confirmation(race)
        if all(each.run_id in records for each in confirmation):
            return ""
        names = " and ".join(dict.fromkeys(each.arch for each in confirmation if isinstance(each, RunSpec)))
        return f"confirming {names} at {plural(self._fresh, 'fresh seed')}"

    def conclusion(self, records: Records) -> str:
        race = self._race(records)
        if not race.rounds:
            return ""
        seeds = race.rounds[-1].seeds
        if race.ended is None:
            return f"race: {_left(race)} after {seeds} seeds, {race.winner} ahead"
        if race.winner is None:
            return f"race: every run of all {len(self.archs)} failed"
        used = f"{race.runs} runs of the full grid's {len(self.archs) * self.max_seeds}"
        won = "won" if race.ended in ("one left", "close") else "is ahead"
        return f"race: {race.winner} {won} after {seeds} seeds, {used}: {self._why(race)}"

    def ended(self, records: Records) -> str | None:
        return None if self.next(records) else self._race(records).ended

    def entry(self, records: Records) -> dict[str, Any]:
        """What a manifest keeps of the race; its runs are not those that the report shows, once it is confirmed."""
        race = self._race(records)
        raced = self._raced(race)
        return {
            "task": self.runs[0].task,
            "labels": self.runs[0].labels,
            "epochs": self.runs[0].epochs,
            "first_seeds": self.first_seeds,
            "max_seeds": self.max_seeds,
            "at_once": self.seeds_at_once,
            "archs": list(self.archs),
            "run_ids": [run.run_id for run in raced if run.run_id in records],
            "planned": len(raced),
            "seeds": race.rounds[-1].seeds if race.rounds else 0,
            "ended": race.ended or STOPPED,
            "winner": race.winner,
            "full_grid": len(self.runs),
            "confirmed": self._fresh if self._is_confirmed(race, records) else 0,
        }

    @cached_property
    def archs(self) -> tuple[str, ...]:
        """All that race, in order."""
        return tuple(dict.fromkeys(run.arch for run in self.runs))

    @property
    def _fresh(self) -> int:
        """Seeds of the confirmation."""
        return len({run.seed for run in self.confirmations})

    @property
    def _most(self) -> int:
        """Seeds after which the race ends, whatever is open."""
        return self.max_seeds if self.cut_after is None else self.cut_after

    def _race(self, records: Records) -> Race[str]:
        from bench.statistics.sequential.race import standing  # here: a plan is made without scipy

        metric = self.declared.primary(self.runs[0].task)
        seen = [run for run in self.runs if run.seed < self._most]
        found = [_value(records.get(run.run_id), metric.name) for run in seen]
        key = tuple("failed" if value != value else value for value in found)
        if key not in self._races:
            values: dict[str, dict[int, float]] = {arch: {} for arch in self.archs}
            for run, value in zip(seen, found, strict=True):
                if value is not None:
                    values[run.arch][run.seed] = value
            race = standing(
                values,
                first=self.first_seeds,
                most=self._most,
                at_once=self.seeds_at_once,
                margin=metric.margin or 0.0,
                higher_is_better=bool(metric.higher_is_better),
            )
            is_cut = race.ended == "most seeds" and self._most < self.max_seeds
            self._races[key] = dataclasses.replace(race, ended=BUDGET) if is_cut else race
        return self._races[key]

    def _goal(self, race: Race[str]) -> int:
        """Return how many seeds everyone in the race has when its next round has ended."""
        return min(race.rounds[-1].seeds + self.seeds_at_once if race.rounds else self.first_seeds, self._most)

    def _raced(self, race: Race[str]) -> list[RunSpec]:
        """Return the runs that the race has looked at, and those of the round that it is in."""
        counts = dict(race.seeds)
        if race.ended is None:
            counts |= dict.fromkeys(race.open if race.winner is None else [*race.open, race.winner], self._goal(race))
        return [run for run in self.runs if run.seed < counts[run.arch]]

    def _confirmation(self, race: Race[str]) -> list[Work]:
        """Return the runs by which the winner is confirmed, and their evaluations; nothing while there is none."""
        if race.ended is None or race.winner is None:
            return []
        archs = {self.baseline, race.winner}
        runs = [run for run in self.confirmations if run.arch in archs]
        return [*runs, *(each for each in self.evaluations if each.run.arch in archs)]

    def _is_confirmed(self, race: Race[str], records: Records) -> bool:
        """Whether there is something of the confirmation to show."""
        return any(each.run_id in records for each in self._confirmation(race) if isinstance(each, RunSpec))

    def _why(self, race: Race[str]) -> str:
        """Say why the race ended."""
        others = len(race.survivors) - 1
        if race.ended == "one left":
            return "every other was shown to be worse than the best"
        if race.ended == "close":
            return f"nothing that is left beside it ({others}) is better by more than the margin"
        when = "when its time was up" if race.ended == BUDGET else "at the most seeds"
        return f"left beside it {when}: {others}, of which {len(race.open)} may be better by more than the margin"


def _value(record: Record | None, metric: str) -> float | None:
    """Return what a run scored on validation images; NaN if it failed, None if it has not ended."""
    return None if record is None else record.validation_score(metric)


def _left(race: Race[str]) -> str:
    return f"{len(race.survivors)} of {len(race.seeds)} left"
