"""The policy of `--until-sure`: one more seed at a time for whatever is not settled yet.

The first round is a few seeds of everything. After each round the verdicts are read as the page reads them, by the
same functions from the same records; they hold at any look (`bench.statistics.sequential`). What is unresolved gets
the next seed, and so does the baseline on that task; what is settled gets no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from bench.job.policies.ordinals import ordinal, ordinals
from bench.job.policies.policy import Policy, Records
from bench.spec.declared import Declared
from bench.spec.output.counts import plural
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from bench.statistics.judging import Verdict

SETTLED, MOST_SEEDS = "settled", "most seeds"
"""Why no more seeds are planned."""

MOST_NAMED = 8
"""Verdicts up to which a line names each."""

Group = tuple[str, int | None]
"""(Task, number of labels): what is compared by itself, as on the page."""


class Found(NamedTuple):
    """What a look says of an architecture against the baseline."""

    verdict: Verdict

    settled_at: int | None
    """The number of pairs of runs that settled it."""

    expected: int | None
    """The number that would settle it if nothing changed."""

    is_open: bool
    """Whether more seeds can settle it: it is unresolved, and of neither arm has every run failed."""


class Standing(NamedTuple):
    """Where a task stands, for one number of labels."""

    counts: Mapping[str, int]
    """Architecture → how many seeds of it are planned, from seed 0 on."""

    before: int
    """The most seeds that any had at the last look."""

    seeds: int
    """The most that any has."""

    found: Mapping[str, Found]
    """Architecture → what the last look says; empty before the first, and where nothing can be compared."""

    is_waiting: bool
    """Whether some planned run has not ended."""

    @property
    def open(self) -> list[str]:
        return [arch for arch, one in self.found.items() if one.is_open]


@dataclass(frozen=True)
class UntilSure(Policy):
    """Adds seeds until each primary metric of each comparison is better, worse or equivalent, or there are enough.

    Each architecture has the seeds from 0 on without a gap, since a verdict rests on all looks up to its last. So
    records of further seeds, which another job may have left, count only when the rule has come to them. A seed that
    failed is dropped, and the next goes on. Trials, and evaluations with the runs that they read, come with the seeds
    of their run; no verdict waits for them.
    """

    runs: tuple[RunSpec, ...]
    """All that may be planned with the common recipe, seed by seed."""

    trials: tuple[RunSpec, ...]
    """Their further trials, seed by seed."""

    evaluations: tuple[EvaluationSpec, ...]
    baseline: str
    declared: Declared
    first_seeds: int
    """Of the first round."""

    max_seeds: int

    seeds_at_once: int
    """Of each later round."""

    _looks: dict[tuple[tuple[object, ...], ...], dict[str, Found]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was found in results that were looked at before: it takes a second or so, and every round asks again."""

    def next(self, records: Records) -> Sequence[Work]:
        return [each for each in self.planned(records) if each.run_id not in records]

    def planned(self, records: Records) -> Sequence[Work]:
        standings = self._standings(records)

        def is_planned(run: RunSpec) -> bool:
            return run.seed < standings[group_of(run)].counts[run.arch]

        evaluations = [each for each in self.evaluations if is_planned(each.run)]
        read = {run_id for each in evaluations for run_id in each.others}
        runs = [run for run in self.runs if is_planned(run) or run.run_id in read]
        return [*dict.fromkeys([*runs, *filter(is_planned, self.trials)]), *evaluations]

    def possible(self) -> Sequence[Work]:
        return [*dict.fromkeys([*self.runs, *self.trials]), *self.evaluations]

    def standing(self, records: Records) -> str:
        standings = self._compared(records)
        waiting = [one for one in standings.values() if one.is_waiting]
        if not waiting:
            return ""
        open_ones = sum(len(one.open) if one.before else len(one.counts) - 1 for one in standings.values())
        text = f"{open_ones} of {plural(sum(map(_verdicts, standings.values())), 'verdict')} open"
        first, last = min(one.before for one in waiting) + 1, max(one.seeds for one in waiting)
        if first == 1:
            return f"{text}, first {last} of at most {self.max_seeds} seeds"
        return f"{text}, {ordinals(first, last)} of at most {self.max_seeds} seeds{self._expectation(waiting)}"

    def conclusion(self, records: Records) -> str:
        settled, still_open, given_up = [], [], []
        for group, standing in self._compared(records).items():
            for arch, one in standing.found.items():
                name = " ".join([arch, group[0], *([] if group[1] is None else [f"{group[1]} labels"])])
                if one.is_open:
                    still_open.append(name)
                elif one.verdict == "unresolved":
                    given_up.append(name)
                elif one.verdict != "same network":
                    settled.append(f"{name} {one.verdict} at {one.settled_at} seeds")
        seeds = max((one.before for one in self._compared(records).values()), default=0)
        said = [
            *([f"settled: {_named(settled)}"] if settled else []),
            *([f"open after {seeds} seeds: {_named(still_open)}"] if still_open else []),
            *([f"not compared, since every run of one side failed: {_named(given_up)}"] if given_up else []),
        ]
        return "; ".join(said)

    def ended(self, records: Records) -> str | None:
        standings = self._standings(records).values()
        if any(one.is_waiting for one in standings):
            return None
        return MOST_SEEDS if any(one.open for one in standings) else SETTLED

    @cached_property
    def _arms(self) -> dict[Group, dict[str, list[RunSpec]]]:
        """Group → architecture → its runs by seed."""
        found: dict[Group, dict[str, list[RunSpec]]] = {}
        for run in self.runs:
            found.setdefault(group_of(run), {}).setdefault(run.arch, []).append(run)
        return found

    def _standings(self, records: Records) -> dict[Group, Standing]:
        return {group: self._standing_of(arms, records) for group, arms in self._arms.items()}

    def _compared(self, records: Records) -> dict[Group, Standing]:
        """The same of those that have something to compare with the baseline."""
        standings = self._standings(records)
        return {group: one for group, one in standings.items() if self.baseline in one.counts and len(one.counts) > 1}

    def _standing_of(self, arms: Mapping[str, Sequence[RunSpec]], records: Records) -> Standing:
        """Go through the rounds from the first on, as far as the records go."""
        before, seeds, found = 0, self.first_seeds, dict[str, Found]()
        counts = dict.fromkeys(arms, seeds)
        while True:
            runs = [own[seed] for seed in range(seeds) for arch, own in arms.items() if seed < counts[arch]]
            if any(run.run_id not in records for run in runs):
                return Standing(counts, before, seeds, found, is_waiting=True)
            before, found = seeds, self._look(runs, records)
            going_on = [arch for arch, one in found.items() if one.is_open]
            if not going_on or seeds >= self.max_seeds:
                return Standing(counts, before, seeds, found, is_waiting=False)
            seeds = min(seeds + self.seeds_at_once, self.max_seeds)
            counts |= dict.fromkeys([self.baseline, *going_on], seeds)

    def _look(self, runs: Sequence[RunSpec], records: Records) -> dict[str, Found]:
        """Return architecture → what its runs of one task say."""
        known = [records[run.run_id] for run in runs]
        metric = self.declared.primary(runs[0].task).name
        key = tuple((one.run_id, one.status, one.metrics.get(metric)) for one in known)
        if key not in self._looks:
            from bench.statistics.frames import records_frame  # here: a plan is made without pandas

            self._looks[key] = self._judge(records_frame(known), metric)
        return self._looks[key]

    def _judge(self, frame: pd.DataFrame, metric: str) -> dict[str, Found]:
        import pandas as pd

        from bench.statistics.comparisons import comparisons_frame, values_by_arch

        if self.baseline not in set(frame["arch"]):
            return {}
        table = comparisons_frame(frame, self.baseline, declared=self.declared, anytime=True)
        arms = values_by_arch(frame[frame["status"] == Status.FINISHED], metric)
        has_result = {arch for arch, arm in arms.items() if any(value == value for value in arm.values())}
        return {
            row.arch: Found(
                row.verdict,
                None if pd.isna(row.settled_at) else int(row.settled_at),
                None if pd.isna(row.seeds_needed) else int(row.seeds_needed),
                row.verdict == "unresolved" and {row.arch, self.baseline} <= has_result,
            )
            for row in table.itertuples()
        }

    def _expectation(self, waiting: Sequence[Standing]) -> str:
        """Say when the open verdicts would be settled if every difference and spread stayed as it is."""
        expected = [one.found[arch].expected for one in waiting for arch in one.open]
        if not expected:
            return ""
        known = [seeds for seeds in expected if seeds is not None and seeds <= self.max_seeds]
        if len(known) < len(expected):
            return f", not all expected to be settled by the {ordinal(self.max_seeds)}"
        return f", expected to be settled by the {ordinal(max(known))}"


def group_of(run: RunSpec) -> Group:
    """Return what a run is compared within."""
    return run.task, run.labels


def _verdicts(standing: Standing) -> int:
    """Return how many verdicts there are to reach, as far as that is known: one network may have two names."""
    if not standing.before:
        return len(standing.counts) - 1
    return sum(one.verdict != "same network" for one in standing.found.values())


def _named(names: Sequence[str]) -> str:
    """Return a list of names that is no longer than a line or two."""
    rest = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return ", ".join([*names[:MOST_NAMED], *rest])
