"""A reference workload that is timed in turns with something else, for their ratio to be judged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.spec.device import Device
from bench.speed.measure import time_block, warm_up
from bench.speed.workloads import reference, synchroniser

TURNS = 4
"""How often a session times each of its benchmarks, with all the others in between: a machine is disturbed for half a
minute at a time, and a benchmark that was timed in one go would then be disturbed as a whole."""

BLOCK_SECONDS = 0.004
"""Of the reference and of what is timed in turns with it: long against the reading of a clock, short against the slice
of a scheduler."""


def clock(device: Device) -> Callable[[], float]:
    """Return the clock to time with: on a CPU processor time, which leaves out what others get; on a GPU wall time."""
    return time.perf_counter if device.is_gpu else time.process_time


@dataclass
class ReferenceTimer:
    """The reference workload on one device, and its timings so far."""

    device: Device

    seconds: list[float] = field(default_factory=list)
    """Per call, as another session may put another number of calls in a block."""

    def __post_init__(self) -> None:
        self.wait = synchroniser(self.device)
        self.item = warm_up(reference(self.device), self.wait, BLOCK_SECONDS)

    def time(self) -> None:
        """Time one block; to be called before each block of what is timed with it, and after the last."""
        taken = time_block(self.item.call, self.item.calls, self.wait, clock(self.device))
        self.seconds.append(taken / self.item.calls)


@dataclass(frozen=True)
class Blocks:
    """Something to be timed in blocks of calls."""

    run_block: Callable[[], None]
    """Does the calls of one block, and waits for the device to end them."""

    calls: int
    """In a block."""

    rounds: int
    """How many blocks, with the reference in between, fill the time."""


def fit_blocks(call: Callable[[], Any], timer: ReferenceTimer, seconds: float, least: int = 10) -> Blocks:
    """Divide `call` into blocks, as many as `seconds` hold together with those of the reference.

    Args:
        least: how many there are at least.
    """
    wait = timer.wait
    calls = warm_up(call, wait, BLOCK_SECONDS).calls
    own = min(time_block(call, calls, wait) for _ in range(3))
    other = min(time_block(timer.item.call, timer.item.calls, wait) for _ in range(3))

    def run_block() -> None:
        for _ in range(calls):
            call()
        wait()

    return Blocks(run_block, calls, max(least, math.ceil(seconds / (own + other))))
