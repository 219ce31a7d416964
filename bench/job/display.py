"""Progress of a job: runs done of total, the runs in flight, and a remaining time that converges.

The remaining time is what is left to train divided by how fast it goes. Runs differ: seconds per full run are learned
per (architecture, task) from finished runs and from those in flight, and a kind not met yet is taken for the average.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from bench.launchers.events import Event
from bench.spec.run import RunSpec, Work

DRAW_SECONDS = 0.2
"""Between two pictures on a terminal."""

PLAIN_SECONDS = 15.0
"""Between two plain lines about runs in flight, where the output is not a terminal."""


@dataclass
class Estimate:
    """What is left of a job, in seconds; pure arithmetic on the events."""

    specs: Sequence[Work]
    workers: int
    finished: dict[str, float] = field(default_factory=dict)  # run id → its seconds
    done: dict[str, tuple[float, float]] = field(default_factory=dict)  # in flight: run id → (share, seconds)
    first: dict[str, tuple[float, float]] = field(default_factory=dict)  # the same at its first sign of progress
    failed: int = 0
    untimed: set[str] = field(default_factory=set)  # skipped, or done by another job

    def update(self, event: Event) -> None:
        if event.spec is None:
            return
        run_id = event.spec.run_id
        if event.kind in ("finished", "failed", "skipped"):
            self.done.pop(run_id, None)
            self.finished[run_id] = event.seconds
            self.failed += event.kind == "failed"
            if event.kind == "skipped" or event.by_another:
                self.untimed.add(run_id)
        elif event.kind == "started":
            self.done[run_id] = (0.0, 0.0)
        elif event.progress is not None:
            self.done[run_id] = (event.progress.done, event.seconds)
            self.first.setdefault(run_id, self.done[run_id])

    def remaining(self) -> float | None:
        """Seconds to go; None while nothing is known."""
        known: dict[tuple[str, ...], list[float]] = {}
        for spec in self.specs:
            share, seconds = self.done.get(spec.run_id, (0.0, 0.0))
            share_before, before = self.first.get(spec.run_id, (share, seconds))
            if spec.run_id in self.untimed:
                continue
            if spec.run_id in self.finished:
                known.setdefault(spec.kind, []).append(self.finished[spec.run_id])
            elif share > share_before:  # since the first progress, so that starting up isn't taken for slowness
                known.setdefault(spec.kind, []).append((seconds - before) / (share - share_before))
        if not known:
            return None
        means = {kind: fmean(values) for kind, values in known.items()}
        typical = fmean(means.values())
        left = [
            means.get(spec.kind, typical) * (1 - self.done.get(spec.run_id, (0.0, 0.0))[0])
            for spec in self.specs
            if spec.run_id not in self.finished
        ]
        if not left:
            return 0.0
        return max(sum(left) / min(self.workers, len(left)), max(left) if len(left) <= self.workers else 0.0)


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
        self.live = Live(console=self.console, refresh_per_second=4, transient=True)

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
            if event.kind in ("finished", "failed", "skipped"):
                self.flying.pop(event.spec.run_id, None)
                self.elsewhere.pop(event.spec.run_id, None)
                self._say_ended(event)
            elif event.kind == "elsewhere":
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
        count = f"[{len(self.estimate.finished)}/{self.total}]"
        text = f"{count} {event.spec.label} {event.kind}"
        if event.by_another:
            text += " in another job"
        elif event.kind != "skipped":
            text += f" in {duration(event.seconds)}"
        if event.kind == "failed":
            text += f": {event.error}"
        elif not self.live.is_started:
            text += f", about {duration(self.estimate.remaining())} left"
        if event.kind == "failed" or not self.live.is_started:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self.said = time.monotonic()

    def _say_flying(self) -> None:
        self.said = time.monotonic()
        flying = "; ".join(f"{e.spec.label} {at(e)}" for e in self.flying.values() if e.spec and e.progress)
        left = duration(self.estimate.remaining())
        text = f"[{len(self.estimate.finished)}/{self.total}] {flying or self._elsewhere() or 'starting'}, about {left} left"
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
        finished = len(self.estimate.finished)
        words = f"{spent} spent, about {left} left{failed}"
        self.bar.update(self.task, completed=finished + shares, ended=finished, left=words)
        picture = Table.grid(padding=(0, 2))
        picture.add_row(self.bar)
        runs = Table.grid(padding=(0, 2))
        for event in self.flying.values():
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
