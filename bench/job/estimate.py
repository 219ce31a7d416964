"""How long a job will still take: arithmetic on its events.

What is left to train, divided by how fast it goes. Runs differ: seconds per full run are learned for each kind
(architecture and task) from runs that have ended and from those in flight; a kind that wasn't met yet is taken for the
average.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from bench.launchers.events import Event, EventKind
from bench.spec.run import Work


@dataclass
class Tally:
    """What is known of the runs of one kind."""

    left: int = 0
    """Runs that have not ended, those in flight included."""

    timed: int = 0
    """Runs whose time is known."""

    seconds: float = 0.0
    """What those took together."""


class Estimate:
    """Estimates what is left of a job, in seconds, from its events.

    An event costs about the same whether ten runs are left or ten thousand, and so does the answer: it looks at the
    kinds and at what is in flight.
    """

    def __init__(self, specs: Iterable[Work], workers: int, before: Estimate | None = None):
        """Estimate.

        Args:
            specs: what is to be done.
            workers: how many of them are at work at once.
            before: the estimate of work that has ended, from which is known how long each kind takes.
        """
        self.workers = workers
        known = before.kinds if before else {}
        self.kinds: dict[tuple[str, ...], Tally] = {
            kind: replace(tally, left=0) for kind, tally in known.items() if tally.timed
        }
        for spec in specs:
            self.kinds.setdefault(spec.kind, Tally()).left += 1
        self.ended: set[str] = set()  # run ids
        self.failed = 0
        self.flying: dict[str, Work] = {}  # by run id
        self.done: dict[str, tuple[float, float]] = {}  # in flight: run id → (share, seconds)
        self.first: dict[str, tuple[float, float]] = {}  # the same at its first sign of progress

    def update(self, event: Event) -> None:
        """Learn from something that happened."""
        if event.spec is None:
            return
        run_id = event.spec.run_id
        if event.kind.is_end:
            for known in (self.flying, self.done, self.first):
                known.pop(run_id, None)
            self.ended.add(run_id)
            self.failed += event.kind is EventKind.FAILED
            tally = self.kinds[event.spec.kind]
            tally.left -= 1
            if event.kind is not EventKind.SKIPPED and not event.by_another:
                tally.timed += 1
                tally.seconds += event.seconds
        elif event.kind is EventKind.STARTED:
            self.flying[run_id] = event.spec
            self.done[run_id] = (0.0, 0.0)
        elif event.progress is not None:
            self.flying[run_id] = event.spec
            self.done[run_id] = (event.progress.done, event.seconds)
            self.first.setdefault(run_id, self.done[run_id])

    def remaining(self) -> float | None:
        """Return the seconds to go; None while nothing is known."""
        known = {kind: replace(tally) for kind, tally in self.kinds.items()}
        flying: dict[tuple[str, ...], list[float]] = {}  # kind → what is left of each that is in flight, as a share
        for run_id, (share, seconds) in self.done.items():
            kind = self.flying[run_id].kind
            flying.setdefault(kind, []).append(1 - share)
            share_before, before = self.first.get(run_id, (share, seconds))
            if share > share_before:  # since the first progress, so that starting up isn't taken for slowness
                known[kind].timed += 1
                known[kind].seconds += (seconds - before) / (share - share_before)
        means = {kind: tally.seconds / tally.timed for kind, tally in known.items() if tally.timed}
        if not means:
            return None
        typical = fmean(means.values())
        count, total, longest = 0, 0.0, 0.0
        for kind, tally in known.items():
            if tally.left:
                shares, mean = flying.get(kind, []), means.get(kind, typical)
                not_begun = tally.left - len(shares)
                count += tally.left
                total += mean * (not_begun + sum(shares))
                longest = max(longest, mean * max([*shares, 1.0 if not_begun else 0.0]))
        if not count:
            return 0.0
        return max(total / min(self.workers, count), longest if count <= self.workers else 0.0)


def duration(seconds: float | None) -> str:
    """Return 95 as "1:35"; a dash if it is unknown."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
