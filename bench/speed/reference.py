"""A reference workload that is timed in turns with something else, for their ratio to be judged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.spec.device import Device
from bench.speed.measure import block, warmed
from bench.speed.workloads import reference, synchroniser

TURNS = 4
"""A session times each of its benchmarks this often, all of them in between: a machine is disturbed for half a minute at a
time, and a benchmark that was timed in one go would then be disturbed as a whole."""

BLOCK_SECONDS = 0.004
"""Of the reference and of what it is timed beside: long against a clock's reading, short against a scheduler's slice."""


def clock(device: Device) -> Callable[[], float]:
    """On a CPU, processor time: what the scheduler gives to others is not counted. On a GPU, wall time."""
    return time.perf_counter if device.is_gpu else time.process_time


@dataclass
class Neighbour:
    """The reference on one device. `time` takes one timing; call it before each of the others and after the last."""

    device: Device
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wait = synchroniser(self.device)
        self.item = warmed(reference(self.device), self.wait, BLOCK_SECONDS)

    def time(self) -> None:
        taken = block(self.item.call, self.item.calls, self.wait, clock(self.device))
        self.seconds.append(taken / self.item.calls)  # per call: another session may put another number in a block


@dataclass(frozen=True)
class Timed:
    """once(): the calls of a block, to the end. rounds: how many blocks, with the reference between, fill the time."""

    once: Callable[[], None]
    calls: int
    rounds: int


def fitted(call: Callable[[], Any], neighbour: Neighbour, seconds: float, least: int = 10) -> Timed:
    """`call` in blocks, as many as `seconds` hold together with the reference, but at least `least`."""
    wait = neighbour.wait
    calls = warmed(call, wait, BLOCK_SECONDS).calls
    own = min(block(call, calls, wait) for _ in range(3))
    other = min(block(neighbour.item.call, neighbour.item.calls, wait) for _ in range(3))

    def once() -> None:
        for _ in range(calls):
            call()
        wait()

    return Timed(once, calls, max(least, math.ceil(seconds / (own + other))))
