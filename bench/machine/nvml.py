"""What NVIDIA's management library says about a GPU; nothing where it or its Python package (`nvidia-ml-py`) is absent.

Written against NVML's documentation and tested with a stand-in; it ran on an H200 (docs/gpu.md).
"""

from __future__ import annotations

import os
from typing import Any

import torch

from bench.spec.device import Device

THROTTLING = {
    "SwPowerCap": "power cap",
    "HwSlowdown": "hardware slowdown",
    "SwThermalSlowdown": "heat (software)",
    "HwThermalSlowdown": "heat (hardware)",
    "HwPowerBrakeSlowdown": "power brake",
}
"""The reasons that mean a GPU ran slower than it can, as NVML calls them and as we do."""


class Gpu:
    """One GPU. Every reading is None where the driver does not give it."""

    def __init__(self, library: Any, handle: Any):
        self.library, self.handle = library, handle

    def read(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self.library, function)(self.handle, *arguments)
        except (self.library.NVMLError, AttributeError):
            return None

    def clock_mhz(self) -> int | None:
        """Of the streaming multiprocessors, at this moment."""
        return self.read("nvmlDeviceGetClockInfo", self.library.NVML_CLOCK_SM)

    def most_mhz(self) -> int | None:
        return self.read("nvmlDeviceGetMaxClockInfo", self.library.NVML_CLOCK_SM)

    def throttling(self) -> set[str]:
        """Why it runs slower than it can at this moment; empty if it doesn't, or if that is unknown."""
        bits = self.read("nvmlDeviceGetCurrentClocksThrottleReasons") or 0
        return {
            words
            for name, words in THROTTLING.items()
            if bits & getattr(self.library, f"nvmlClocksThrottleReason{name}", 0)
        }

    def foreign_processes(self) -> int | None:
        """Compute processes on this GPU that are not this one."""
        processes = self.read("nvmlDeviceGetComputeRunningProcesses")
        return None if processes is None else sum(process.pid != os.getpid() for process in processes)

    def joules(self) -> float | None:
        """Used since the driver was loaded; the counter moves every few tens of milliseconds."""
        millijoules = self.read("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1000


def open_gpu(device: Device) -> Gpu | None:
    """The GPU behind "cuda:n", found by its UUID because torch may number fewer GPUs than the driver; None for a CPU."""
    if not device.is_gpu:
        return None
    try:
        import pynvml  # type: ignore[import-not-found]
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(torch.device(device)).uuid
        return Gpu(pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}"))
    except (pynvml.NVMLError, AttributeError):
        return None
