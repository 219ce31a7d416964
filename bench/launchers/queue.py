"""What a job has still to start, in the order in which it is to be started: pure bookkeeping, without torch.

Every operation takes about the same time, whether ten runs wait or ten thousand. The launchers (bench.launchers.local,
bench.launchers.ray_cluster) ask it at each event.
"""

from __future__ import annotations

import heapq
import itertools
import operator
from collections.abc import Hashable, Iterable
from dataclasses import fields

from bench.spec.run import RunSpec, Work

OF_EACH = ("seed", "lr")
"""What may differ between runs that are trained as one stack."""

group_of = operator.attrgetter(*(field.name for field in fields(RunSpec) if field.name not in OF_EACH))
"""Maps a run to what it shares with all runs that can be trained in one stack with it."""


class Queue:
    """Work that waits to be started. A piece of it waits, then is out (somebody has it), and at last has ended.

    A piece is ready once none of the runs that it needs waits or is out.
    """

    def __init__(self, specs: Iterable[Work] = ()):
        self._waiting: dict[int, Work] = {}  # by place: the lower comes first
        self._places = itertools.count()
        self._candidates: list[int] = []  # a heap of places; some may have been taken with others since
        self._blocked: dict[str, list[int]] = {}  # run id → places of what was found to need it
        self._unfinished: set[str] = set()  # ids of what waits or is out
        self._groups: dict[Hashable, dict[int, RunSpec]] = {}  # runs that wait, by group and place
        self._evaluations = 0  # that wait
        specs = list(specs)
        self._unfinished.update(spec.run_id for spec in specs)
        self.put_back(specs)

    def __len__(self) -> int:
        """Return how many pieces wait."""
        return len(self._waiting)

    def put_back(self, specs: Iterable[Work]) -> None:
        """Let work that is out wait again, behind all other."""
        for spec in specs:
            place = next(self._places)
            self._waiting[place] = spec
            heapq.heappush(self._candidates, place)
            if isinstance(spec, RunSpec):
                self._groups.setdefault(group_of(spec), {})[place] = spec
            else:
                self._evaluations += 1

    def take(self) -> Work | None:
        """Take out the first piece that is ready; None if there is none."""
        while self._candidates:
            place = heapq.heappop(self._candidates)
            if place not in self._waiting:
                continue
            missing = next((run_id for run_id in self._waiting[place].needs if run_id in self._unfinished), None)
            if missing is None:
                return self._take_out(place)
            self._blocked.setdefault(missing, []).append(place)  # looked at again when that has ended
        return None

    def take_alike(self, spec: RunSpec, most: int) -> list[RunSpec]:
        """Take out the first `most` runs that are `spec` but for the seed and the learning rate."""
        found = list(itertools.islice(self._groups.get(group_of(spec), {}).items(), most))
        for place, _ in found:
            self._take_out(place)
        return [run for _, run in found]

    def mark_ended(self, spec: Work) -> None:
        """Take note that a piece that was out has ended, well or not: what needs it waits for it no longer."""
        self._unfinished.discard(spec.run_id)
        for place in self._blocked.pop(spec.run_id, ()):
            heapq.heappush(self._candidates, place)

    def count_alike(self, spec: RunSpec) -> int:
        """Return how many runs wait that are `spec` but for the seed and the learning rate."""
        return len(self._groups.get(group_of(spec), ()))

    def groups(self) -> int:
        """Return how many groups wait; an evaluation is one by itself."""
        return len(self._groups) + self._evaluations

    def groups_of_runs(self) -> int:
        """Return how many groups of runs wait."""
        return len(self._groups)

    def _take_out(self, place: int) -> Work:
        spec = self._waiting.pop(place)
        if isinstance(spec, RunSpec):
            group = self._groups[group_of(spec)]
            del group[place]
            if not group:
                del self._groups[group_of(spec)]
        else:
            self._evaluations -= 1
        return spec
