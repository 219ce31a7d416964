"""How a process uses a GPU: which one, with what precision; and what a record says of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

from bench.machine import environment
from bench.spec.device import Device

PRECISION = "IEEE float32"
"""Of matrix products and convolutions on a GPU. torch's own default rounds the inputs of convolutions to ten bits
(TF32): then the same seed scores differently alone, in a stack and as a classifier's samples, and for layers this small
it is no faster (docs/gpu.md)."""

DRIVER = Path("/sys/module/nvidia/version")


def use(device: Device) -> None:
    """Makes "cuda:n" the current device of this process, for graphs and streams are made on that, and sets the
    precision.

    Does nothing for a CPU.
    """
    if device.is_gpu:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.cuda.set_device(torch.device(device))


@functools.cache
def described(device: Device) -> dict[str, Any]:
    """Of "cuda:n": CUDA, cuDNN, driver, precision, compute capability and memory; of a CPU nothing."""
    if not device.is_gpu:
        return {}
    properties = torch.cuda.get_device_properties(torch.device(device))
    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": DRIVER.read_text(encoding="utf-8").strip() if DRIVER.is_file() else None,
        "precision": PRECISION,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "device_bytes": properties.total_memory,
    }


def is_lost(error: BaseException) -> bool:
    """Whether a GPU is of no use to this process any more: a failed assertion, say, stays until it ends."""
    return isinstance(error, torch.AcceleratorError) and not isinstance(error, torch.OutOfMemoryError)


def device_name(device: Device) -> str:
    """What a device, "cpu" or "cuda:n", is sold as."""
    return torch.cuda.get_device_name(torch.device(device)) if device.is_gpu else environment.processor()
