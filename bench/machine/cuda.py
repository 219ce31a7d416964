"""How a process uses a GPU, and what a record says of that GPU."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

from bench.machine import environment
from bench.spec.device import Device

PRECISION = "IEEE float32"
"""The precision of matrix products and convolutions on a GPU.

torch's default for convolutions, TF32, rounds their inputs to ten bits. The same seed would then score differently
by itself and in a stack, and layers this small are no faster with it
(docs/decisions.md#ieee-float32-everywhere-on-a-gpu).
"""

DRIVER_VERSION = Path("/sys/module/nvidia/version")


def use_device(device: Device) -> None:
    """Make "cuda:n" the current device of this process and set its precision; do nothing for the CPU.

    CUDA graphs and streams are made on the current device, whatever the device of the tensors.
    """
    if device.is_gpu:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.cuda.set_device(torch.device(device))


@functools.cache
def described(device: Device) -> dict[str, Any]:
    """Return a GPU's CUDA, cuDNN, driver, precision, compute capability and memory in bytes; nothing for the CPU."""
    if not device.is_gpu:
        return {}
    properties = torch.cuda.get_device_properties(torch.device(device))
    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": DRIVER_VERSION.read_text(encoding="utf-8").strip() if DRIVER_VERSION.is_file() else None,
        "precision": PRECISION,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "device_bytes": properties.total_memory,
    }


def is_lost(error: BaseException) -> bool:
    """Return whether `error` makes the GPU useless to this process from now on, as a failed assertion does."""
    return isinstance(error, torch.AcceleratorError) and not isinstance(error, torch.OutOfMemoryError)


def device_name(device: Device) -> str:
    """Return the name that a device is sold under."""
    return torch.cuda.get_device_name(torch.device(device)) if device.is_gpu else environment.processor()
