"""Progress of a job: runs done of total, the runs in flight, and a remaining time that converges.

The remaining time is what is left to train divided by how fast it goes. Runs differ: seconds per full run are learned
per (architecture, task) from finished runs and from those in flight, and a kind not met yet is taken for the average.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from bench.launchers.events import Event, EventKind
from bench.spec.run import RunSpec, Work

DRAW_SECONDS = 0.5
"""Between two pictures on a terminal."""

PLAIN_SECONDS = 15.0
"""Between two plain lines about runs in flight, where the output is not a terminal."""


@dataclass
class Tally:
    """What is known of the runs of one kind."""

    left: int = 0  # not ended, those in flight included
    timed: int = 0  # ended here
    seconds: float = 0.0  # of those, together


class Estimate:
    """What is left of a job, in seconds; pure arithmetic on the events.

    An event costs about the same whether ten runs are left or ten thousand, and so does the answer: it looks at the
    kinds and at what is in flight.
    """

    def __init__(self, specs: Iterable[Work], workers: int):
        self.workers = workers
        self.kinds: dict[tuple[str, ...], Tally] = {}
        for spec in specs:
            self.kinds.setdefault(spec.kind, Tally()).left += 1
        self.ended: set[str] = set()  # run ids
        self.failed = 0
        self.flying: dict[str, Work] = {}  # by run id
        self.done: dict[str, tuple[float, float]] = {}  # in flight: run id → (share, seconds)
        self.first: dict[str, tuple[float, float]] = {}  # the same at its first sign of progress

    def update(self, event: Event) -> None:
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
        """Seconds to go; None while nothing is known."""
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
    """`95` → "1:35"; a dash if unknown."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display:
    """Shows a job: a live bar on a terminal, plain lines elsewhere. Everything goes to stderr."""

    def __init__(self, specs: Sequence[Work], already: int, workers: int):
        self.console = Console(file=sys.stderr)
        self.estimate = Estimate(specs, workers)
        self.total = len(specs)
        self.already = already
        self.flying: dict[str, Event] = {}
        self.elsewhere: dict[str, Event] = {}
        self.begun = self.said = time.monotonic()
        self.drawn = 0.0
        columns = (
            TextColumn("{task.fields[ended]}/{task.total} runs"),
            BarColumn(None),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = Progress(*columns, console=self.console)
        self.task = self.bar.add_task("runs", total=self.total, ended=0, left="")
        self.live = Live(console=self.console, refresh_per_second=1 / DRAW_SECONDS, transient=True)

    def __enter__(self) -> Display:
        if self.already:
            of = self.already + self.total
            self.console.print(f"{self.already} of {of} runs are done already, {self.total} to train", highlight=False)
        if self.console.is_terminal and self.total:
            self.live.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self.live.is_started:
            self.live.stop()

    def show(self, event: Event) -> None:
        self.estimate.update(event)
        if event.spec is not None:
            if event.kind.is_end:
                self.flying.pop(event.spec.run_id, None)
                self.elsewhere.pop(event.spec.run_id, None)
                self._say_ended(event)
            elif event.kind is EventKind.ELSEWHERE:
                self.elsewhere[event.spec.run_id] = event
            else:
                self.elsewhere.pop(event.spec.run_id, None)
                self.flying[event.spec.run_id] = event
        if self.live.is_started:
            if time.monotonic() - self.drawn > DRAW_SECONDS:  # a stack alone has an event for each of its seeds at once
                self.drawn = time.monotonic()
                self.live.update(self._picture())
        elif time.monotonic() - self.said > PLAIN_SECONDS:
            self._say_flying()

    def _say_ended(self, event: Event) -> None:
        assert event.spec is not None
        count = f"[{len(self.estimate.ended)}/{self.total}]"
        text = f"{count} {event.spec.label} {event.kind}"
        if event.by_another:
            text += " in another job"
        elif event.kind is not EventKind.SKIPPED:
            text += f" in {duration(event.seconds)}"
        if event.kind is EventKind.FAILED:
            text += f": {event.error}"
        elif not self.live.is_started:
            text += f", about {duration(self.estimate.remaining())} left"
        if event.kind is EventKind.FAILED or not self.live.is_started:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self.said = time.monotonic()

    def _say_flying(self) -> None:
        self.said = time.monotonic()
        flying = "; ".join(f"{e.spec.label} {at(e)}" for e in self.flying.values() if e.spec and e.progress)
        left = duration(self.estimate.remaining())
        text = (
            f"[{len(self.estimate.ended)}/{self.total}] {flying or self._elsewhere() or 'starting'}, about {left} left"
        )
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _elsewhere(self) -> str:
        """What other jobs have of this one's runs."""
        if not self.elsewhere:
            return ""
        event = next(iter(self.elsewhere.values()))
        return f"waiting for {len(self.elsewhere)} that another job has ({event.error})"

    def _picture(self) -> Table:
        shares = sum(share for share, _ in self.estimate.done.values())
        left, spent = duration(self.estimate.remaining()), duration(time.monotonic() - self.begun)
        failed = f", {self.estimate.failed} failed" if self.estimate.failed else ""
        finished = len(self.estimate.ended)
        words = f"{spent} spent, about {left} left{failed}"
        self.bar.update(self.task, completed=finished + shares, ended=finished, left=words)
        picture = Table.grid(padding=(0, 2))
        picture.add_row(self.bar)
        runs = Table.grid(padding=(0, 2))
        for event in itertools.islice(self.flying.values(), self.console.height):  # the terminal cuts off the rest
            assert event.spec is not None
            is_training = event.progress is not None and isinstance(event.spec, RunSpec)
            runs.add_row(
                f"  {event.spec.label}",
                at(event),
                f"loss {event.progress.loss:.4g}" if event.progress and is_training else "",
                f"{event.progress.done:.0%}" if event.progress else "",
            )
        if self.elsewhere:
            runs.add_row(f"  {self._elsewhere()}")
        picture.add_row(runs)
        return picture


def at(event: Event) -> str:
    """Where a piece of work in flight is."""
    if event.progress is None:
        return "starting"
    if isinstance(event.spec, RunSpec):
        return f"epoch {event.progress.epoch}/{event.spec.epochs}"
    return f"{event.progress.done:.0%}"
