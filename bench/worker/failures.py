"""What a record says of a run that failed."""

from __future__ import annotations

import math
import traceback
from pathlib import Path

import torch

from bench.store.record import Record
from bench.training.losses import Diverged

WAY_OUT = "use a smaller --batch-size or fewer --workers: neither is changed unasked"


def reason(error: BaseException) -> str:
    """Return the kind of the error and the first line of its message; where memory was short, also what to do.

    An error without a message says in which line of code it came instead.
    """
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), "") or place(error)
    text = f"{type(error).__name__}: {message}"[:500]
    return f"out of memory ({text[:400]}); {WAY_OUT}" if out_of_memory(error) else text


def place(error: BaseException) -> str:
    """Return where an error was raised, in words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"no message, at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "no message"


def out_of_memory(error: BaseException) -> bool:
    """Return whether the memory of the GPU or of the machine was too small; torch says the latter as a RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def check_finite(record: Record) -> None:
    """Raise `Diverged` if a metric is not a finite number.

    A loss that was finite to the end does not rule that out, and the network is of no use either way.
    """
    for name, value in record.metrics.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} after the last step")
