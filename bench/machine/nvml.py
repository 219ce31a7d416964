"""Readings of a GPU from NVML, NVIDIA's management library, where its Python package `nvidia-ml-py` is installed.

The tests use a stand-in; what it read on a real GPU is in docs/gpu.md.
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
"""NVML's names of the reasons for which a GPU runs slower than it can → our words for them."""


class Gpu:
    """One GPU, each reading of which is None if the driver does not give it."""

    def __init__(self, library: Any, handle: Any):
        self.library, self.handle = library, handle

    def read(self, function: str, *arguments: Any) -> Any:
        """Return what an NVML function says of this GPU; None if it, or the driver, doesn't know."""
        try:
            return getattr(self.library, function)(self.handle, *arguments)
        except (self.library.NVMLError, AttributeError):
            return None

    def clock_mhz(self) -> int | None:
        """Return the present clock of the streaming multiprocessors."""
        return self.read("nvmlDeviceGetClockInfo", self.library.NVML_CLOCK_SM)

    def max_clock_mhz(self) -> int | None:
        """Return the highest clock that the streaming multiprocessors can have."""
        return self.read("nvmlDeviceGetMaxClockInfo", self.library.NVML_CLOCK_SM)

    def throttling(self) -> set[str]:
        """Return why it runs slower than it can at this moment; empty if it doesn't, or if that is unknown."""
        bits = self.read("nvmlDeviceGetCurrentClocksThrottleReasons") or 0
        return {
            words
            for name, words in THROTTLING.items()
            if bits & getattr(self.library, f"nvmlClocksThrottleReason{name}", 0)
        }

    def foreign_processes(self) -> int | None:
        """Return how many other processes compute on this GPU."""
        processes = self.read("nvmlDeviceGetComputeRunningProcesses")
        return None if processes is None else sum(process.pid != os.getpid() for process in processes)

    def joules(self) -> float | None:
        """Return the energy used since the driver was loaded; the counter moves every few tens of milliseconds."""
        millijoules = self.read("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1000


def open_gpu(device: Device) -> Gpu | None:
    """Return the GPU behind "cuda:n"; None for the CPU, or without NVML.

    It is found by its UUID, since torch may number the GPUs otherwise than the driver does.
    """
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
