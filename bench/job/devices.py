"""The devices that are there."""

from __future__ import annotations

import torch

from archs.errors import UserError
from bench.spec.device import CPU, FIRST_GPU, Device


def device_of(asked: str) -> Device:
    """The device that is asked for ("auto", "cpu", "cuda", "cuda:n"), checked to exist."""
    if asked == "auto":
        return FIRST_GPU if torch.cuda.is_available() else CPU
    if asked == CPU:
        return CPU
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(asked.partition(":")[2] or 0)
    if index >= count:
        valid = ", ".join([CPU, *(f"cuda:{n}" for n in range(count))])
        raise UserError(
            f"device {asked!r} is not there: torch {torch.__version__} sees {count} CUDA devices; choose from {valid}"
        )
    return Device(f"cuda:{index}")


def devices_of(asked: str, device: Device) -> tuple[Device, ...]:
    """All GPUs, where one is to be used and none was named; else the one device."""
    if not device.is_gpu or asked.startswith("cuda:"):
        return (device,)
    return tuple(Device(f"cuda:{index}") for index in range(torch.cuda.device_count()))
