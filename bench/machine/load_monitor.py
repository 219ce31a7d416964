"""Watches what else the machine does while something is timed, for a reader to judge the timings by."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.machine.nvml import Gpu

STAT = Path("/proc/stat")


class CpuTimes(NamedTuple):
    """Time of all processors together since the machine started, in seconds."""

    busy: float
    stolen: float
    """Taken by other virtual machines."""

    total: float


def cpu_times() -> CpuTimes | None:
    """Return the times of all processors; None if the system is not Linux."""
    try:
        first = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
        user, nice, system, idle, waiting, irq, soft_irq, stolen = (int(word) for word in first[1:9])
    except (OSError, ValueError):
        return None
    busy, tick = user + nice + system + irq + soft_irq, os.sysconf("SC_CLK_TCK")
    return CpuTimes(busy / tick, stolen / tick, (busy + idle + waiting + stolen) / tick)


def process_cpu_seconds() -> float:
    """Return the processor time of this process, all its threads together."""
    times = os.times()
    return times.user + times.system


class LoadMonitor:
    """Watches the machine from its creation until `summary`; call `sample_gpu` between timings."""

    def __init__(self, gpu: Gpu | None):
        self.gpu = gpu
        self.begun = time.monotonic()
        self.process_seconds_then, self.cpu_then = process_cpu_seconds(), cpu_times()
        self.clocks: list[int] = []
        self.throttling: set[str] = set()
        self.foreign_processes: list[int] = []

    def sample_gpu(self) -> None:
        """Take a reading of the GPU, if there is one."""
        if self.gpu is None:
            return
        clock, foreign = self.gpu.clock_mhz(), self.gpu.foreign_processes()
        self.clocks += [] if clock is None else [clock]
        self.foreign_processes += [] if foreign is None else [foreign]
        self.throttling |= self.gpu.throttling()

    def summary(self) -> dict[str, Any]:
        """Return what a timing's record says of the machine; a value that is unknown is None.

        `foreign_cores` is how many processors other processes kept busy, on average; `stolen` is the share of all
        processor time that other virtual machines took.
        """
        seconds = time.monotonic() - self.begun
        found: dict[str, Any] = {"seconds": seconds, "cores": os.cpu_count(), "foreign_cores": None, "stolen": None}
        found["load_average"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        then, now = self.cpu_then, cpu_times()
        if then is not None and now is not None and seconds > 0 and now.total > then.total:
            foreign_seconds = (now.busy - then.busy) - (process_cpu_seconds() - self.process_seconds_then)
            found["foreign_cores"] = max(0.0, foreign_seconds / seconds)
            found["stolen"] = (now.stolen - then.stolen) / (now.total - then.total)
        found["gpu"] = None
        if self.gpu is not None:
            found["gpu"] = {
                "clock_mhz": [min(self.clocks), max(self.clocks)] if self.clocks else None,
                "most_mhz": self.gpu.max_clock_mhz(),
                "throttling": sorted(self.throttling),
                "foreign_processes": max(self.foreign_processes, default=None),
            }
        return found
