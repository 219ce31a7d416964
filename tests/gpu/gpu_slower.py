"""A pytest plug-in that plants a slowdown.

`SLOWER=0.15 pytest bench -p tests.gpu.gpu_slower` makes every benchmark slower by 15 %.

A GPU is kept busy for so much longer after each call, on the stream of the work itself: a host that waits would be
hidden behind the GPU's own time. On a CPU the host is kept busy. The reference workload is left alone.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from bench.speed import workloads
from bench.speed.measure import time_block

SHARE = float(os.environ.get("SLOWER", "0"))
prepare = workloads.prepare


def slower(call: Callable[[], Any], device: str) -> Callable[[], Any]:
    wait = workloads.synchroniser(device)
    time_block(call, 5, wait)
    own = min(time_block(call, 20, wait) for _ in range(5)) / 20
    if device == "cpu":

        def called() -> Any:
            out, until = call(), time.process_time() + SHARE * own
            while time.process_time() < until:
                pass
            return out

        return called
    some = 1_000_000  # cycles
    per_cycle = min(time_block(lambda: torch.cuda._sleep(some), 5, wait) for _ in range(3)) / 5 / some
    cycles = int(SHARE * own / per_cycle)

    def slept() -> Any:
        out = call()
        torch.cuda._sleep(cycles)
        return out

    return slept


def prepare_slower(arch: Any, task: Any, setting: Any) -> workloads.PreparedCell:
    cell = prepare(arch, task, setting)
    slowed = tuple(dataclasses.replace(work, call=slower(work.call, setting.device)) for work in cell.workloads)
    return dataclasses.replace(cell, workloads=slowed)


if SHARE:
    workloads.prepare = prepare_slower
