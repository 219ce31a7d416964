"""What a job is expected to take: its work, told before any has begun, and what it does after its last run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archs.errors import UserError
from bench.data.dataset import DataDescription
from bench.job.plan import JobPlan
from bench.job.request import Request
from bench.machine.child import call_in_child
from bench.machine.provenance import Provenance
from bench.spec.progress import stage
from bench.spec.run import RunSpec, Work
from bench.speed.expected import Expected, report_seconds
from bench.speed.phase import is_due
from bench.speed.setting import EFFORTS

WORTH_STEPS = 2_000
"""Training steps of a job from which on networks are timed beforehand: half a minute's, say."""

IMAGES_PER_STEP = 10
"""Test images of an evaluation that count as a training step there."""


@dataclass
class Coming:
    """Foretells how long the parts of a job will take."""

    request: Request
    plan: JobPlan
    data: DataDescription
    folder: Path
    """The report's."""

    code: Provenance

    expected: Expected | None = None
    """What work takes; None before the first look at it."""

    def work(self, work: Sequence[Work]) -> Expected:
        """Return what such work is expected to take, also at other seeds; found out once.

        Of so little that it would hardly begin later, nothing is timed.
        """
        if self.expected is None:
            self.expected = self._timed(work) if self._is_worth_it(work) else Expected(self.data)
        return self.expected

    def after(self, shown: Sequence[Work], anew: bool) -> float:
        """Return the seconds of what the job does after its runs: it measures speeds, unless it has, and writes a page.

        Args:
            shown: what the page is to show.
            anew: whether the job trains something.
        """
        runs = runs_in(shown)
        effort = self.request.throughput if self.plan.measurable else "off"
        where = self.plan.device, self.plan.device_name
        measures = is_due(self.folder, effort, runs, *where, self.code, anew)
        return (sum(self.speeds(shown).values()) if measures else 0.0) + report_seconds(len(self._cells(runs)))

    def speeds(self, shown: Sequence[Work]) -> Mapping[str, float]:
        """Return how long the speeds of each task will be measured, in seconds, if they are."""
        effort = EFFORTS.get((self.request.throughput, self.plan.device.kind))
        if effort is None:
            return {}
        expected = self.expected or Expected(self.data)
        return expected.speeds(self._cells(runs_in(shown)), effort, self.plan.recipe.batch_size)

    def _cells(self, runs: Sequence[RunSpec]) -> list[tuple[str, str]]:
        found = list(dict.fromkeys((run.arch, run.task) for run in runs))
        return found[:2] if self.plan.raced_for else found  # a race's page shows its winner and the baseline

    def _is_worth_it(self, work: Sequence[Work]) -> bool:
        runs = runs_in(work)
        steps = sum(
            each.steps or each.epochs * (each.train_images or self.data.train_images) // each.batch_size
            for each in runs
        )
        evaluations = len(work) - len(runs)
        return steps + evaluations * self.data.test_images // IMAGES_PER_STEP >= WORTH_STEPS

    def _timed(self, work: Sequence[Work]) -> Expected:
        try:
            with stage("timing a few training steps of each network"):
                expected: Expected = call_in_child(expect, work, self.data, self.request.plugins)
        except UserError:  # the process has died; what did that will do so in a run too, which then says why
            return Expected(self.data)
        return expected


def runs_in(work: Sequence[Work]) -> list[RunSpec]:
    return [each for each in work if isinstance(each, RunSpec)]


def expect(work: Sequence[Work], data: DataDescription, plugins: tuple[str, ...]) -> Expected:
    """Call the function of that name, which loads torch, in the child process."""
    from bench.speed import probe

    return probe.expect(work, data, plugins)
