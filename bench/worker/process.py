"""The life of a worker process: it takes groups of runs, does them, and says how each went.

A group is one piece of work, or several runs that differ in nothing but their seed. On a GPU several groups are trained
side by side, each on a stream of its own: a step of nets this small leaves most of a GPU idle. What they compute does
not depend on each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from bench.machine.child import leave_signals_to_the_parent
from bench.spec.progress import Progress
from bench.spec.run import Work
from bench.worker.site import Site

if TYPE_CHECKING:
    from bench.store.store import Record

PROGRESS_SECONDS = 0.25
"""Between two words about a group in flight."""


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do. key: names the group in its answers. graph: whether steps may be CUDA graphs."""

    key: int
    specs: Sequence[Work]
    graph: bool


class AnswerKind(StrEnum):
    PROGRESS = "progress"
    """The content is a `Progress`."""
    DONE = "done"
    """The content is a status and an error for each piece of work."""
    CROWDED = "crowded"
    """Memory was too small for it beside the others."""
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

    without_graph: bool = False
    """Of one that leaves: whether the group is fit to be tried once more, but not as a CUDA graph."""


class ParentGone(BaseException):
    """Nobody is there to report to. Not an Exception: the run did not fail, and must not be recorded as if it had."""


class Shares:
    """A clock for groups side by side: while n of them are in flight, each second is a n-th of one."""

    def __init__(self) -> None:
        self.passed, self.looked, self.in_flight = 0.0, time.perf_counter(), 1

    def now_with(self, in_flight: int) -> None:
        """From now on so many are in flight."""
        self.passed, self.looked, self.in_flight = self(), time.perf_counter(), max(1, in_flight)

    def __call__(self) -> float:
        return self.passed + (time.perf_counter() - self.looked) / self.in_flight


@dataclass
class Turns:
    """A group that is being done. turns: does it, a little more each time; context: its stream."""

    order: Order
    turns: Generator[None, None, list[Record]]
    context: Any


def work(pipe: Connection, site: Site) -> None:
    """Takes orders until the parent is gone."""
    from bench.machine import cuda  # here and below: they load torch, which the server has and the parent need not
    from bench.store.store import Unwritable
    from bench.training.cuda_graph import Broken
    from bench.worker.execute import Beside, Crowded, group, stream_contexts

    leave_signals_to_the_parent()
    cuda.use_device(site.device)
    going: dict[int, Turns] = {}
    shares, free = Shares(), stream_contexts(site)
    beside = Beside(shares if site.beside > 1 else time.perf_counter, lambda: len(going) - 1)
    try:
        while True:
            while not going or pipe.poll():
                order = pipe.recv()
                turns = group(order.specs, site, order.graph, reporter(pipe, order.key), beside)
                going[order.key] = Turns(order, turns, free.pop())
                shares.now_with(len(going))
            for key, one in list(going.items()):
                try:
                    with one.context:
                        next(one.turns)
                    continue
                except StopIteration as end:
                    answer = Answer(key, AnswerKind.DONE, [(record.status, record.error) for record in end.value])
                except Unwritable as error:
                    answer = Answer(key, AnswerKind.UNWRITABLE, str(error))
                except Crowded:
                    answer = Answer(key, AnswerKind.CROWDED)
                except Exception as error:
                    if not isinstance(error, Broken) and not cuda.is_lost(error):
                        raise
                    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                    by_graph = isinstance(error, Broken) and one.order.graph
                    pipe.send(Answer(key, AnswerKind.LEAVING, reason, without_graph=by_graph))
                    return
                free.append(going.pop(key).context)
                shares.now_with(len(going))
                pipe.send(answer)
    except (EOFError, OSError, ParentGone):
        return


def reporter(pipe: Connection, key: int) -> Callable[[Progress], None]:
    """Tells the parent where a group is, a few times a second."""
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_SECONDS or progress.done >= 1:
            last = time.monotonic()
            try:
                pipe.send(Answer(key, AnswerKind.PROGRESS, progress))
            except OSError:
                raise ParentGone from None

    return report
