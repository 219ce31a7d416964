"""What else the machine did while something was timed: recorded beside the number, for a reader to judge it by."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from bench.machine.nvml import Gpu

STAT = Path("/proc/stat")


def processor_seconds() -> tuple[float, float, float] | None:
    """Of all processors since the machine started: (busy, stolen by other virtual machines, all); None if not Linux."""
    try:
        first = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
        user, nice, system, idle, waiting, irq, soft_irq, stolen = (int(word) for word in first[1:9])
    except (OSError, ValueError):
        return None
    busy, tick = user + nice + system + irq + soft_irq, os.sysconf("SC_CLK_TCK")
    return busy / tick, stolen / tick, (busy + idle + waiting + stolen) / tick


def own_seconds() -> float:
    """Processor time of this process, all its threads together."""
    times = os.times()
    return times.user + times.system


class Watch:
    """Watches from its creation until `ended`. `look` takes a reading of the GPU; call it between timings."""

    def __init__(self, gpu: Gpu | None):
        self.gpu = gpu
        self.begun, self.own, self.all = time.monotonic(), own_seconds(), processor_seconds()
        self.clocks: list[int] = []
        self.throttling: set[str] = set()
        self.foreign: list[int] = []

    def look(self) -> None:
        if self.gpu is None:
            return
        clock, foreign = self.gpu.clock_mhz(), self.gpu.foreign_processes()
        self.clocks += [] if clock is None else [clock]
        self.foreign += [] if foreign is None else [foreign]
        self.throttling |= self.gpu.throttling()

    def ended(self) -> dict[str, Any]:
        """foreign_cores: processors that other processes kept busy, on average. stolen: share of all processor time."""
        seconds = time.monotonic() - self.begun
        found: dict[str, Any] = {"seconds": seconds, "cores": os.cpu_count(), "foreign_cores": None, "stolen": None}
        found["load_average"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        now = processor_seconds()
        if self.all is not None and now is not None and seconds > 0 and now[2] > self.all[2]:
            foreign = (now[0] - self.all[0]) - (own_seconds() - self.own)
            found["foreign_cores"] = max(0.0, foreign / seconds)
            found["stolen"] = (now[1] - self.all[1]) / (now[2] - self.all[2])
        found["gpu"] = None
        if self.gpu is not None:
            found["gpu"] = {
                "clock_mhz": [min(self.clocks), max(self.clocks)] if self.clocks else None,
                "most_mhz": self.gpu.most_mhz(),
                "throttling": sorted(self.throttling),
                "foreign_processes": max(self.foreign, default=None),
            }
        return found
