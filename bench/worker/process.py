"""The life of a worker process: it takes groups of runs, does them, and says how each went.

A group is one piece of work, or several runs that differ in seed and learning rate alone. On a GPU several groups are
trained side by side, each on a stream of its own: a step of nets this small leaves most of a GPU idle. What they
compute does not depend on each other.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from archs.errors import one_line
from bench.machine.child import become_child
from bench.machine.descriptors import are_used_up, count_open, most_open, run_short
from bench.spec.progress import Progress
from bench.spec.run import Work
from bench.worker.site import Site

if TYPE_CHECKING:
    from bench.store.store import Record

PROGRESS_SECONDS = 0.25
"""Between two messages about the progress of a group."""


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do."""

    key: int
    """Names the group in the worker's answers."""

    specs: Sequence[Work]
    """The group."""

    graph: bool
    """Whether training steps may be CUDA graphs."""


class AnswerKind(StrEnum):
    """What has become of a group, so far."""

    PROGRESS = "progress"
    """The content is a `Progress`."""
    DONE = "done"
    """The content is a status and an error for each piece of work."""
    RETRY_ALONE = "retry alone"
    """Memory was too small for it beside the other groups."""
    UNWRITABLE = "unwritable"
    """A record can't be kept; the content says why."""
    LEAVING = "leaving"
    """The process ends, whatever it has in flight, its GPU being of no use to it any more; the content says why."""


@dataclass(frozen=True)
class Answer:
    """What a worker says of a group that it has."""

    key: int
    """That of the order."""

    kind: AnswerKind

    content: Any = None
    """What it is, the kind says."""

    without_graph: bool = False
    """Of one that leaves: whether the group is fit to be tried once more, but not as a CUDA graph."""

    is_last: bool = False
    """Whether the process ends with this answer, which has nothing else in flight."""


class SharedClock:
    """A clock for groups side by side: while n of them are in flight, each second counts as an n-th of one."""

    def __init__(self) -> None:
        self.passed, self.updated, self.in_flight = 0.0, time.perf_counter(), 1

    def set_in_flight(self, in_flight: int) -> None:
        """Count from now on for so many groups."""
        self.passed, self.updated, self.in_flight = self(), time.perf_counter(), max(1, in_flight)

    def __call__(self) -> float:
        return self.passed + (time.perf_counter() - self.updated) / self.in_flight


@dataclass
class GroupInFlight:
    """A group that is being done."""

    order: Order
    """That asked for it."""

    turns: Generator[None, None, list[Record]]
    """Does it, a little more at each turn."""

    context: AbstractContextManager[Any]
    """In which it takes its turns: its CUDA stream."""


def run_worker(pipe: Connection, site: Site) -> None:
    """Take orders and answer them until the parent is gone."""
    from bench.machine import cuda  # here and below: they load torch, which the server has and the parent need not
    from bench.worker.execute import execute_group, stream_contexts
    from bench.worker.train import Neighbours

    become_child()
    cuda.use_device(site.device)
    before = count_open()
    in_flight: dict[int, GroupInFlight] = {}
    clock, free_contexts = SharedClock(), stream_contexts(site)
    neighbours = Neighbours(clock if site.side_by_side > 1 else time.perf_counter, lambda: len(in_flight) - 1)
    try:
        while True:
            while not in_flight or pipe.poll():
                order = pipe.recv()
                turns = execute_group(order.specs, site, order.graph, reporter(pipe, order.key), neighbours)
                in_flight[order.key] = GroupInFlight(order, turns, free_contexts.pop())
                clock.set_in_flight(len(in_flight))
            for key, group in list(in_flight.items()):
                answer = take_turn(group)
                if answer is None:
                    continue
                if answer.kind is AnswerKind.LEAVING:
                    pipe.send(answer)
                    return
                free_contexts.append(in_flight.pop(key).context)
                clock.set_in_flight(len(in_flight))
                leaves = not in_flight and run_short(before)  # others' code has left files open
                pipe.send(replace(answer, is_last=leaves))
                if leaves:
                    return
    except (EOFError, OSError):
        return


def take_turn(group: GroupInFlight) -> Answer | None:
    """Let a group go on for a turn; return the answer to its order when there is one."""
    from bench.machine import cuda
    from bench.store.store import Unwritable
    from bench.training.cuda_graph import CaptureFailed
    from bench.worker.train import OutOfMemoryWithOthers

    key = group.order.key
    try:
        with group.context:
            next(group.turns)
        return None
    except StopIteration as end:
        return Answer(key, AnswerKind.DONE, [(record.status, record.error) for record in end.value])
    except OutOfMemoryWithOthers:
        return Answer(key, AnswerKind.RETRY_ALONE)
    except BaseException as error:
        if are_used_up(error) or are_used_up(error.__cause__):
            return Answer(key, AnswerKind.LEAVING, f"too many open files: the limit is {most_open():,}")
        if isinstance(error, Unwritable):
            return Answer(key, AnswerKind.UNWRITABLE, str(error))
        capture_failed = isinstance(error, CaptureFailed)
        if not capture_failed and not cuda.is_lost(error):
            traceback.print_exc()
        reason = f"{type(error).__name__}: {one_line(error)[:300]}"
        return Answer(key, AnswerKind.LEAVING, reason, without_graph=capture_failed and group.order.graph)


def reporter(pipe: Connection, key: int) -> Callable[[Progress], None]:
    """Return a function that tells the parent how far a group is, but only a few times a second."""
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS or progress.done >= 1:
            last = time.monotonic()
            try:
                pipe.send(Answer(key, AnswerKind.PROGRESS, progress))
            except OSError:  # nobody is there to report to; the run has not failed
                os._exit(1)

    return report
