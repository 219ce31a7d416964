"""What a job shows while it runs: a live bar on a terminal, plain lines elsewhere. All of it goes to stderr."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from bench.job.remaining.estimate import Estimate
from bench.launchers.events import Event, EventKind
from bench.spec.output.counts import of_all, plural
from bench.spec.output.lines import terminal_line
from bench.spec.progress import duration
from bench.spec.run import RunSpec, Work
from bench.speed.expected import Expected

DRAW_SECONDS = 0.5
"""Between two pictures on a terminal."""

PLAIN_SECONDS = 15.0
"""Between two plain lines about runs in flight, where the output is not a terminal."""


class Display:
    """Shows a job, or one round of it.

    Args:
        specs: what is to be done.
        already: how many pieces of work were done before.
        workers: how many of them are at work at once.
        standing: where the question stands that rounds of work are to answer; empty if this is no such round.
        estimate: of how long it takes; its `later` is what the job does after its last round.
    """

    def __init__(
        self,
        specs: Sequence[Work],
        already: int,
        workers: int,
        standing: str = "",
        estimate: Estimate | None = None,
    ):
        self.console = Console(file=sys.stderr)
        self.estimate = estimate or Estimate(specs, workers, Expected())
        self.standing = standing
        self.total = len(specs)
        self.already = already
        self.workers = workers
        self.flying: dict[str, Event] = {}
        self.elsewhere: dict[str, Event] = {}
        self.begun = self.said = time.monotonic()
        self.drawn = 0.0
        columns = (
            TextColumn("{task.fields[ended]}/{task.fields[of]}"),
            BarColumn(None),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = Progress(*columns, console=self.console)
        self.task = self.bar.add_task("runs", total=self.total, of=plural(self.total, "run"), ended=0, left="")
        self.live = Live(console=self.console, refresh_per_second=1 / DRAW_SECONDS, transient=True)

    def __enter__(self) -> Display:
        if self.already:
            of = self.already + self.total
            self.console.print(
                f"{of_all(self.already, of, 'run')} done already, {self.total} to train", highlight=False
            )
        first = self.standing
        if self.total and self.console.is_terminal:
            self.live.start()
            self.live.update(self._picture(), refresh=True)
        elif self.total and not first:
            first = f"[0/{self.total}] starting {plural(min(self.workers, self.total), 'worker')}"
        if first:
            self.console.print(f"{first}{self._left()}", markup=False, highlight=False, soft_wrap=True)
        return self

    def __exit__(self, *unused: object) -> None:
        if self.live.is_started:
            self.live.stop()

    def show(self, event: Event) -> None:
        """Show something that happened, or that time passes."""
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
            text += f": {terminal_line(event.error)}"
        elif not self.live.is_started:
            text += self._left()
        if event.kind is EventKind.FAILED or not self.live.is_started:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self.said = time.monotonic()

    def _say_flying(self) -> None:
        self.said = time.monotonic()
        flying = "; ".join(f"{e.spec.label} {place_of(e)}" for e in self.flying.values() if e.spec and e.progress)
        what = flying or self._waiting() or "starting"
        text = f"[{len(self.estimate.ended)}/{self.total}] {what}{self._left()}"
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        """Say how long it will still take: the whole command, or a round, and what comes after the last one."""
        seconds, whole = self.estimate.remaining(), self.estimate.whole()
        if seconds is None or whole is None:
            return ""
        if not self.standing:
            return f", about {duration(whole)} left"
        after = f", {duration(self.estimate.later)} after the last" if round(self.estimate.later) else ""
        return f", about {duration(seconds)} left in this round{after}"

    def _waiting(self) -> str:
        """Say what other jobs have of this one's runs."""
        if not self.elsewhere:
            return ""
        event = next(iter(self.elsewhere.values()))
        return f"waiting for {len(self.elsewhere)} that another job has ({event.error})"

    def _picture(self) -> Table:
        spent = duration(time.monotonic() - self.begun)
        failed = f", {self.estimate.failed} failed" if self.estimate.failed else ""
        finished = len(self.estimate.ended)
        words = f"{spent} spent{self._left()}{failed}"
        self.bar.update(self.task, completed=finished + self.estimate.done, ended=finished, left=words)
        picture = Table.grid(padding=(0, 2))
        picture.add_row(self.bar)
        runs = Table.grid(padding=(0, 2))
        for event in itertools.islice(self.flying.values(), self.console.height):  # the terminal cuts off the rest
            assert event.spec is not None
            is_training = event.progress is not None and isinstance(event.spec, RunSpec)
            runs.add_row(
                Text(f"  {event.spec.label}"),
                place_of(event),
                f"loss {event.progress.loss:.4g}" if event.progress and is_training else "",
                f"{event.progress.done:.0%}" if event.progress else "",
            )
        if self.elsewhere:
            runs.add_row(Text(f"  {self._waiting()}"))
        picture.add_row(runs)
        return picture


def place_of(event: Event) -> str:
    """Say where a piece of work in flight is."""
    if event.progress is None:
        return "starting"
    if isinstance(event.spec, RunSpec):
        return f"epoch {event.progress.epoch}/{event.spec.epochs}"
    return f"{event.progress.done:.0%}"
