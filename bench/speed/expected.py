"""What the work of a job is expected to take, before any of it has begun.

A network's seconds per image are those of a few calls (`bench.speed.probe`): a training step, inference, decoding. From
them follows what a run or an evaluation takes: images × seconds per image, and a little that is the same for all. The
pace at which runs really go is learned while they do (`bench.job.remaining.estimate`), so that these numbers have to be
right in proportion, not in size. Where nothing is timed, every image of a training step costs the same, and the unit is
none: then only the pace tells seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from bench.data.dataset import DataDescription
from bench.evaluation import Cost
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.speed.setting import Effort

START_SECONDS = 0.5
"""Of a run, before its first step: the model is built, tried out and scored once."""

END_SECONDS = 0.3
"""Of a run, after its test images are scored: pictures are drawn, the weights are tried once more and stored."""

REPORT_SECONDS, FIGURE_SECONDS = 1.2, 0.15
"""Of the page; and more for each architecture on each task (docs/log/performance.md#the-time-left)."""

MOST_IN_FIGURES = 60
"""Architectures × tasks from which on a page hardly takes longer, since figures show the first of many."""


class Seconds(NamedTuple):
    """Of one image in a network, at the batch size of the job."""

    step: float
    """In a training step."""

    inference: float
    """Encoded and decoded, or classified."""

    decoding: float = 0.0


UNIT = Seconds(1.0, 1 / 3, 1 / 6)
"""Of a network that was not timed: inference is a third of a training step, and half of it decodes."""

NO_DATA = DataDescription("", "", train_images=60_000, val_images=0, test_images=0)
"""Where nothing but steps is to count."""

NO_TIME = Seconds(0.0, 0.0, 0.0)
BUILD_SECONDS = 0.1
"""Of a network whose speeds are measured, its layers being counted."""

UNTIMED_CALLS = 7
"""To warm up, and for the memory of one."""

Network = tuple[str, str]
"""(Architecture, task)."""


@dataclass(frozen=True)
class Expected:
    """What the work of a job is expected to take."""

    data: DataDescription = NO_DATA

    timed: Mapping[Network, Seconds] = field(default_factory=dict)
    """Empty: nothing was timed, and what is returned is no number of seconds, but in proportion to it."""

    parts: Mapping[tuple[str, ...], Cost] = field(default_factory=dict)
    """What evaluations do, by `EvaluationSpec.what`."""

    @property
    def is_in_seconds(self) -> bool:
        return bool(self.timed)

    def of(self, spec: Work) -> float:
        """Return what a piece of work takes altogether."""
        if isinstance(spec, EvaluationSpec):
            return self._evaluation(spec)
        scored = (self.data.val_images + self.data.test_images) * self._seconds(spec).inference
        return self.until(spec, 1.0) + scored + (END_SECONDS if self.is_in_seconds else 0.0)

    def until(self, spec: Work, share: float) -> float:
        """Return what it takes until a share of its steps is done; validation after earlier epochs too."""
        if isinstance(spec, EvaluationSpec):
            return share * self._evaluation(spec)
        own = self._seconds(spec)
        images = spec.train_images or self.data.train_images
        batch = min(spec.batch_size, images)
        per_epoch = images // batch
        steps = spec.steps or per_epoch * spec.epochs
        validated = max(0, math.ceil(share * steps / per_epoch - 1e-6) - 1) * self.data.val_images
        start = START_SECONDS if self.is_in_seconds else 0.0
        return start + share * steps * batch * own.step + validated * own.inference

    def speeds(self, cells: Iterable[Network], effort: Effort, batch: int) -> dict[str, float]:
        """Return for each task how long its speeds are measured, as `bench.speed.measure` does it.

        Args:
            batch: images of a call.
        """
        by_task: dict[str, list[Seconds]] = {}
        for arch, task in cells:
            by_task.setdefault(task, []).append(self._by_name(arch, task) if self.is_in_seconds else NO_TIME)
        return {task: self._speeds(each, effort, batch) for task, each in by_task.items()}

    def _speeds(self, networks: Sequence[Seconds], effort: Effort, batch: int) -> float:
        total = BUILD_SECONDS * len(networks)
        for work in zip(*networks, strict=True):
            calls = [batch * seconds for seconds in work]
            if self.is_in_seconds and not any(calls):
                continue  # a classifier draws no samples
            things = [*calls, 0.0]  # the matrix product, too
            a_round = sum(max(effort.block_seconds, call) + call for call in things)
            timed = max(effort.seconds * len(things), effort.min_rounds * a_round)
            total += min(timed, effort.max_rounds * a_round) + UNTIMED_CALLS * sum(calls)
        return total

    def _evaluation(self, spec: EvaluationSpec) -> float:
        own = self._seconds(spec.run)
        done = self.parts.get(spec.what) or Cost(encoded=self.data.test_images, decoded=self.data.test_images)
        fixed = done.seconds if self.is_in_seconds else 0.0
        return done.encoded * max(own.inference - own.decoding, 0.0) + done.decoded * own.decoding + fixed

    def _seconds(self, run: RunSpec) -> Seconds:
        return self._by_name(run.arch, run.task)

    def _by_name(self, arch: str, task: str) -> Seconds:
        """Return what was timed; of a network that wasn't, the mean of its task, or of all."""
        if not self.timed:
            return UNIT
        if (arch, task) in self.timed:
            return self.timed[arch, task]
        alike = [each for (_, name), each in self.timed.items() if name == task] or list(self.timed.values())
        return Seconds(*(fmean(values) for values in zip(*alike, strict=True)))


def report_seconds(cells: int) -> float:
    """Return how long it takes to write the page of so many architectures × tasks."""
    return REPORT_SECONDS + FIGURE_SECONDS * min(cells, MOST_IN_FIGURES)
