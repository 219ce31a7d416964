"""The rounds of a job: the policy is asked, what it names is done, and it is asked again with what came of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from archs.errors import UserError
from bench.job.display import Display
from bench.job.policies.policy import Policy
from bench.job.remaining.coming import Coming
from bench.job.remaining.estimate import Estimate
from bench.launchers.events import Event, EventKind
from bench.launchers.launcher import Launcher
from bench.spec.output.counts import it_or_them, plural
from bench.spec.output.lines import say_warning, terminal_line
from bench.spec.progress import stage
from bench.spec.run import RunSpec, Work
from bench.spec.signals import stopping_status
from bench.spec.status import Status
from bench.speed.expected import Expected
from bench.store.inventory import inventory
from bench.store.record import Damaged, Record
from bench.store.store import Store
from bench.trackers import Trackers
from bench.worker.site import Site

MOST_ERRORS = 5
"""Different errors of earlier failures that are named."""

MOST_CHARACTERS = 200
"""Of such an error that are shown."""


@dataclass
class Held:
    """What the store holds of a job's work."""

    runs_dir: str

    retry_failed: bool
    """Whether runs that had failed before the job count as not done."""

    records: dict[str, Record] = field(default_factory=dict)
    """Run id → the record of what has ended."""

    again: dict[str, Record] = field(default_factory=dict)
    """Run id → the record of what had failed before, and is to be tried once more."""

    seen: set[str] = field(default_factory=set)

    def look(self, work: Sequence[Work]) -> list[Work]:
        """Read, every byte verified, what wasn't looked at before; return what of it has ended."""
        new = [each for each in work if each.run_id not in self.seen]
        self.seen.update(each.run_id for each in new)
        for run_id, record in inventory(new, self.runs_dir).items():
            retried = self.retry_failed and record.status == Status.FAILED
            (self.again if retried else self.records)[run_id] = record
        return [each for each in new if each.run_id in self.records]

    def look_again(self, work: Sequence[Work]) -> None:
        """Read what has ended since."""
        for each in work:
            try:
                record = Store(each.store_folder(self.runs_dir)).find(each.run_id)
            except Damaged as error:  # since it was written
                say_warning(f"{error}; left out, and tried again by the same command")
                continue
            if record is not None:
                self.records[each.run_id] = record


@dataclass
class Rounds:
    """A job at work. `run` does all of it; the other fields say what came of it."""

    policy: Policy
    site: Site
    launcher: Launcher
    trackers: Trackers
    held: Held
    fail_fast: bool
    """Whether the first failure stops the job."""

    is_bad_trial: Callable[[Work, str | None], bool] = lambda work, error: False
    """is_bad_trial(work, error): whether that a piece of work has failed is an answer, and no failure of the job."""

    no_round_after: float | None = None
    """The moment, by `time.monotonic`, after which only the first round begins; None: there is none."""

    work: Sequence[Work] = ()
    """All that was planned when the last round began."""

    out_of_time: bool = False
    """Whether a round that the policy asked for was not begun because of `no_round_after`."""

    stopped_by: int = 0
    """The exit status that a signal asks for; 0 if none did."""

    any_failed: bool = False
    """Whether anything failed in this job; what had failed before it doesn't count."""

    said_traceback: bool = False
    """Whether it was said where the traceback of a failure is."""

    trained: bool = False
    """Whether this job trained something, finished or not."""

    coming: Coming | None = None
    """Foretells how long the job will take; None: nothing is foretold."""

    _estimate: Estimate | None = None
    """Of the last round: what it has learned holds for the next."""

    def run(self) -> None:
        """Ask the policy until it names nothing that wasn't tried. Each piece of work is tried once in a job."""
        tried: set[str] = set()
        self.work = self.policy.planned({})
        while not self.is_over:
            with stage("looking at what is done and what comes next"):
                planned, failed = self._look()
                work = [each for each in self.policy.next(self.held.records) if each.run_id not in tried]
            if failed:
                print(failed_before(failed), file=sys.stderr, flush=True)
            if work and tried and self.no_round_after is not None and time.monotonic() > self.no_round_after:
                self.no_round_after = None
                shorter = self.policy.shortened(self.held.records)
                self.out_of_time = shorter is not self.policy
                if shorter is None:
                    break
                self.policy = shorter
                continue
            self.work = planned
            if not work:
                if not tried:  # nor will there be a round, which says what is done already
                    with Display([], len(self.held.records), self.site.workers):
                        pass
                break
            already = 0 if tried else len(self.held.records)
            tried.update(each.run_id for each in work)
            self._round(work, already)
            self.held.look_again(work)

    @property
    def shown(self) -> Sequence[Work]:
        """What of all that was planned the report shows."""
        planned = {each.run_id for each in self.work}
        return [each for each in self.policy.shown(self.held.records) if each.run_id in planned]

    @property
    def is_over(self) -> bool:
        """Whether the job was stopped, by a signal or by its first failure."""
        return bool(self.stopped_by) or (self.fail_fast and self.any_failed)

    def _look(self) -> tuple[Sequence[Work], Sequence[tuple[Work, str]]]:
        """Read what had ended before; return all that is planned then, and what of it had failed, with the errors."""
        planned, failed = self.policy.planned(self.held.records), list[tuple[Work, str]]()
        while ended := self.held.look(planned):
            for each in ended:
                record = self.held.records[each.run_id]
                self.trackers.ended(each, record)
                if record.status == Status.FAILED and not self.is_bad_trial(each, record.error):
                    failed.append((each, record.error or "no error text"))
            planned = self.policy.planned(self.held.records)
        return planned, failed

    def _round(self, work: Sequence[Work], already: int) -> None:
        self.trained |= any(isinstance(each, RunSpec) for each in work)
        expected = self.coming.work(work) if self.coming else Expected()
        later = self.coming.after(self.shown, self.trained) if self.coming else 0.0
        self._estimate = Estimate(work, self.site.workers, expected, self._estimate, later)
        standing, failed = self.policy.standing(self.held.records), list[Work]()
        with (
            Display(work, already, self.site.workers, standing, self._estimate) as display,
            contextlib.closing(self.launcher.launch(work, self.site, self.held.again)) as events,
        ):
            try:
                for event in events:
                    display.show(event)
                    self._tell(event)
                    if self._is_failure(event):
                        failed += [event.spec] if event.spec else []
                        self.any_failed = True
                    if self.is_over:
                        break
            except KeyboardInterrupt as interrupt:
                self.stopped_by = stopping_status(interrupt)
        self._say_traceback(failed)

    def _say_traceback(self, failed: Sequence[Work]) -> None:
        """Where the whole traceback is of the first failure that has one, once in a job; a killed worker has none."""
        for each in failed:
            if self.said_traceback:
                return
            with contextlib.suppress(UserError):  # damaged since; the next job says so
                record = Store(each.store_folder(self.held.runs_dir)).load(each.run_id)
                if record.environment.get("traceback"):
                    where = f'{record.folder}/record.json, under "traceback"'
                    print(f"the whole traceback of {each.label}: {where}", file=sys.stderr, flush=True)
                    self.said_traceback = True

    def _is_failure(self, event: Event) -> bool:
        if event.kind is not EventKind.FAILED:
            return False
        return event.spec is None or not self.is_bad_trial(event.spec, event.error)

    def _tell(self, event: Event) -> None:
        """What happened, to the trackers."""
        if event.spec is None or not self.trackers.members:
            return
        if event.kind is EventKind.STARTED:
            self.trackers.started(event.spec)
        elif event.progress is not None:
            self.trackers.progress(event.spec, event.progress)
        elif event.kind in (EventKind.FINISHED, EventKind.FAILED):
            with contextlib.suppress(UserError):  # damaged since; the next job says so
                store = Store(event.spec.store_folder(self.held.runs_dir))
                self.trackers.ended(event.spec, store.load(event.spec.run_id))


def failed_before(failed: Sequence[tuple[Work, str]]) -> str:
    """Say how much had failed before this job, with which errors, and how it is done again.

    Args:
        failed: pieces of work, each with its error.
    """
    runs = sum(isinstance(each, RunSpec) for each, _ in failed)
    counted = [plural(runs, "run")] if runs else []
    counted += [plural(len(failed) - runs, "evaluation")] if len(failed) > runs else []
    again = it_or_them(len(failed))
    errors = Counter(first_line(error) for _, error in failed).most_common()
    lines = [f"  {count} × {error}" for error, count in errors[:MOST_ERRORS]]
    if others := errors[MOST_ERRORS:]:
        lines.append(f"  {sum(count for _, count in others)} × {plural(len(others), 'other error')}")
    return "\n".join([f"{' and '.join(counted)} failed before; --retry-failed tries {again} again:", *lines])


def first_line(error: str) -> str:
    """Return the first line of an error, without what a terminal would obey."""
    return terminal_line(next((line.strip() for line in error.splitlines() if line.strip()), "")[:MOST_CHARACTERS])
