"""What a record says of a run that failed."""

from __future__ import annotations

import math
import traceback
from pathlib import Path

import torch

from archs.errors import UserError, message_of
from archs.foreign import raised
from bench.store.record import Record
from bench.training.losses import Diverged

WAY_OUT = "use a smaller --batch-size or fewer --workers: neither is changed unasked"


def reason(error: BaseException) -> str:
    """Return the kind of the error and the first line of its message; where memory was short, also what to do.

    Of an error that others' code raised, it says in which line of theirs, or in which layer, and what that code is to
    do. An error without a message says in which line of code it came at least.
    """
    message = next((line.strip() for line in message_of(error).splitlines() if line.strip()), "")
    message = message or ("no message" if raised.place(error) else place(error))
    text = f"{type(error).__name__}: {message}"
    if out_of_memory(error):
        return f"out of memory ({text[:400]}); {WAY_OUT}"
    return raised.located(error, text[:500] if isinstance(error, UserError) else text[:300])


def traceback_of(error: BaseException) -> list[str]:
    """Return the whole traceback of an error, a line of text each; none of one that says all there is to say."""
    return [] if isinstance(error, UserError | Diverged) else raised.lines(error)


def place(error: BaseException) -> str:
    """Return where an error was raised, in words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"no message, at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "no message"


def out_of_memory(error: BaseException) -> bool:
    """Return whether the memory of the GPU or of the machine was too small; torch says the latter as a RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message_of(error)


def check_finite(record: Record) -> None:
    """Raise `Diverged` if a metric is not a finite number.

    A loss that was finite to the end does not rule that out, and the network is of no use either way.
    """
    for name, value in record.metrics.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} after the last step")
