"""How long a job will still take: what its work is expected to take, times the pace at which it really goes.

What each piece of work takes is foretold in proportion (`bench.speed.expected`): steps, the validation after each
epoch, the evaluation of the test images. A pace is seconds over what was expected. It is learned for each kind of work
(an architecture on a task) from what has ended and from what is in flight; a kind that wasn't met yet goes at the pace
of the others, those of its own sort first. What is left is then handed out to the workers in the order in which they
will take it, so that a last long run which nobody shares is counted as long as it is. What a job does after its runs
(speeds, the page) is a number that is added.

While too little has been seen of a kind to tell its pace, the pace of its sort stands in for it: as if a fiftieth of a
run, three seconds at most, had been seen at that pace. So a first sign of progress, which is as much luck as speed,
moves little.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from bench.launchers.events import Event, EventKind
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.speed.expected import Expected

LAST = 64
"""Pieces of work that are handed out one by one; what comes before them is taken to keep all workers equally busy."""

PRIOR, MOST_PRIOR_SECONDS = 0.02, 3.0
"""Of the mean piece of work, and the most, where seconds are expected: what counts as seen at the pace of the sort."""

OVERDUE = 0.1
"""What has taken longer than it should have is expected to take this share more of the time since its last sign."""


@dataclass
class Pace:
    """What was seen of some work: the seconds that it took, and those that were expected."""

    seconds: float = 0.0
    expected: float = 0.0

    def add(self, other: Pace) -> None:
        self.seconds += other.seconds
        self.expected += other.expected

    def after(self, prior: float | None, weight: float) -> float | None:
        """Return seconds per second expected, where `weight` seconds more were expected and went at the pace `prior`.

        None if nothing is known.
        """
        seconds, expected = self.seconds, self.expected
        if prior is not None:
            seconds, expected = seconds + prior * weight, expected + weight
        return seconds / expected if expected else None


@dataclass
class Kind:
    """Work that goes at one pace."""

    sort: str
    """What it is alike to: trainings are one sort, and so is each part of an evaluation."""

    waiting: float = 0.0
    """What is expected of those that nobody has begun, together."""

    finished: Pace = field(default_factory=Pace)
    failed: Pace = field(default_factory=Pace)
    """Those count while nothing else is known, and for this kind alone."""


@dataclass(frozen=True)
class Piece:
    """A piece of work that has not ended."""

    kind: tuple[str, ...]
    spec: Work
    expected: float


@dataclass(frozen=True)
class Flight:
    """A piece of work that somebody does."""

    piece: Piece
    since: float
    """When its last sign came, by the clock."""

    done: float = 0.0
    """What is expected of the part of it that was done then."""

    seconds: float = 0.0
    """That it had taken then."""

    first: Pace | None = None
    """Seconds and what is expected of what was done at its first sign of progress: starting up is no slowness."""

    @property
    def pace(self) -> Pace:
        """Of what was seen since that first sign."""
        if self.first is None:
            return Pace()
        return Pace(self.seconds - self.first.seconds, self.done - self.first.expected)


class Estimate:
    """Estimates what is left of a job, in seconds, from its events.

    An event costs about the same whether ten runs are left or ten thousand, and so does the answer: it looks at the
    kinds, at what is in flight, and at the last pieces of work.
    """

    def __init__(
        self,
        specs: Iterable[Work],
        workers: int,
        expected: Expected,
        before: Estimate | None = None,
        later: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Estimate.

        Args:
            specs: what is to be done, in the order in which it is begun.
            workers: how many of them are at work at once.
            expected: what it is expected to take.
            before: the estimate of work that has ended, from which is known at which pace each kind goes.
            later: seconds of what the job does afterwards.
            clock: in seconds.
        """
        self.workers, self.expected, self.later, self.clock = workers, expected, later, clock
        known = before.kinds if before else {}
        self.kinds: dict[tuple[str, ...], Kind] = {name: replace(kind, waiting=0.0) for name, kind in known.items()}
        self.waiting: dict[str, Piece] = {}  # by run id, in order
        for spec in specs:
            kind = spec.kind
            if kind not in self.kinds:
                self.kinds[kind] = Kind(" ".join(spec.what) if isinstance(spec, EvaluationSpec) else "training")
            self._wait(spec.run_id, Piece(kind, spec, expected.of(spec)))
        mean = sum(each.expected for each in self.waiting.values()) / max(1, len(self.waiting))
        self.weight = min(PRIOR * mean, MOST_PRIOR_SECONDS) if expected.is_in_seconds else PRIOR * mean
        self.flying: dict[str, Flight] = {}  # by run id
        self.ended: set[str] = set()  # run ids
        self.failed = 0

    @property
    def done(self) -> float:
        """How much of what is in flight is done, in pieces of work."""
        return sum(min(1.0, each.done / each.piece.expected) for each in self.flying.values() if each.piece.expected)

    def update(self, event: Event) -> None:
        """Learn from something that happened."""
        if event.spec is None:
            return
        run_id = event.spec.run_id
        if event.kind is EventKind.ELSEWHERE:
            if flight := self.flying.pop(run_id, None):
                self._wait(run_id, flight.piece)
            return
        piece = self._take(run_id)
        if piece is None:
            return
        if event.kind.is_end:
            self.flying.pop(run_id, None)
            self.ended.add(run_id)
            self.failed += event.kind is EventKind.FAILED
            if event.kind is not EventKind.SKIPPED and not event.by_another:
                kind = self.kinds[piece.kind]
                of = kind.failed if event.kind is EventKind.FAILED else kind.finished
                of.add(Pace(event.seconds, piece.expected))
        elif event.kind is EventKind.STARTED:
            self.flying[run_id] = Flight(piece, self.clock())
        elif event.progress is not None:
            done = self.expected.until(event.spec, event.progress.done)
            first = self.flying[run_id].first if run_id in self.flying else None
            self.flying[run_id] = Flight(piece, self.clock(), done, event.seconds, first or Pace(event.seconds, done))

    def remaining(self) -> float | None:
        """Return the seconds to go, of the work alone; None while nothing is known."""
        if not self.waiting and not self.flying:
            return 0.0
        seen = {name: replace(kind.finished) for name, kind in self.kinds.items()}
        for flight in self.flying.values():
            seen[flight.piece.kind].add(flight.pace)
        paces = self._paces(seen)
        if paces is None:
            return None
        crowd = max(1.0, len(self.flying) / self.workers)  # each in flight gets a share of a worker's time
        free = [0.0] * self.workers  # when each worker has done what it was given so far
        left = [self._left_of(flight, paces[flight.piece.kind], crowd) for flight in self.flying.values()]
        for seconds in sorted(left, reverse=True):
            heapq.heapreplace(free, free[0] + seconds)
        last = list(itertools.islice(reversed(self.waiting.values()), LAST))[::-1]
        if len(last) < len(self.waiting):
            before = sum(paces[name] * kind.waiting for name, kind in self.kinds.items())
            before -= sum(paces[piece.kind] * piece.expected for piece in last)
            free = [max(sum(free) + before, 0.0) / self.workers] * self.workers
        for piece in last:
            heapq.heapreplace(free, free[0] + paces[piece.kind] * piece.expected)
        return max(free)

    def whole(self) -> float | None:
        """Return the seconds to go, of what comes after the work too; None while nothing is known."""
        remaining = self.remaining()
        return None if remaining is None else remaining + self.later

    def _paces(self, seen: Mapping[tuple[str, ...], Pace]) -> Mapping[tuple[str, ...], float] | None:
        """Return the pace of each kind; None if nothing is known of any."""
        sorts: dict[str, Pace] = {}
        everything = Pace()
        for name, pace in seen.items():
            sorts.setdefault(self.kinds[name].sort, Pace()).add(pace)
            everything.add(pace)
        prior = 1.0 if self.expected.is_in_seconds else None
        if not everything.expected:
            for kind in self.kinds.values():
                everything.add(kind.failed)
        of_all = everything.after(prior, self.weight)
        if of_all is None:
            return None
        of_sorts = {name: pace.after(of_all, self.weight) or of_all for name, pace in sorts.items()}
        found = {}
        for name, pace in seen.items():
            kind = self.kinds[name]
            of_kind = pace if pace.expected else kind.failed
            found[name] = of_kind.after(of_sorts[kind.sort], self.weight) or of_sorts[kind.sort]
        return found

    def _left_of(self, flight: Flight, pace: float, crowd: float) -> float:
        """Return the seconds that something in flight will still take, where none has more than a share of a worker.

        A run gives signs all the time but when it starts and when it has ended its steps. So in between silence is
        none of its own time: it starts more slowly than expected, as on a busy machine the first runs do.
        """
        spec, silent = flight.piece.spec, (self.clock() - flight.since) / crowd
        if isinstance(spec, RunSpec) and flight.done < self.expected.until(spec, 1.0):
            silent = min(silent, pace * self.expected.until(spec, 0.0))
        return max(pace * (flight.piece.expected - flight.done) - silent, OVERDUE * silent)

    def _wait(self, run_id: str, piece: Piece) -> None:
        self.waiting[run_id] = piece
        self.kinds[piece.kind].waiting += piece.expected

    def _take(self, run_id: str) -> Piece | None:
        """Take a piece out of those that wait; return it, or the one that is in flight already."""
        piece = self.waiting.pop(run_id, None)
        if piece is None:
            flight = self.flying.get(run_id)
            return flight.piece if flight else None
        self.kinds[piece.kind].waiting -= piece.expected
        return piece
