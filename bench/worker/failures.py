"""What a record says of a run that failed."""

from __future__ import annotations

import math

import torch

from bench.store.record import Record
from bench.training.loop import Diverged

WAY_OUT = "use a smaller --batch-size or fewer --workers: neither is changed unasked"


def reason(error: BaseException) -> str:
    """The kind of the error and the first line of its message; where memory was short, what to do."""
    message = next(iter(str(error).splitlines()), "")
    text = f"{type(error).__name__}: {message}"[:500]
    return f"out of memory ({text[:400]}); {WAY_OUT}" if out_of_memory(error) else text


def out_of_memory(error: BaseException) -> bool:
    """Of the GPU or of the machine; torch says the latter with a plain RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def check_finite(record: Record) -> None:
    """Raises `Diverged` if a metric is not a number: the loss was finite to the end, and the network still is no use."""
    for name, value in record.metrics.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} after the last step")
