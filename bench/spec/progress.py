"""What is told while something lasts: how far a run in flight is, how long, which stage a command is in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ERASE = "\r\x1b[2K"
"""Empties the line of a terminal that the cursor is in."""


@dataclass(frozen=True)
class Progress:
    """How far a run in flight is."""

    done: float
    """The share of its steps, 0 to 1."""

    epoch: int
    """Counted from 1."""

    loss: float
    """Mean over the steps since the last report, in nats; of a stack, the mean of its seeds; NaN if there is none."""


def duration(seconds: float) -> str:
    """Return 95 as "1:35"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name what a command is at on a terminal, for as long as the block lasts; nothing of it stays.

    A screen is not blank then while libraries are loaded, and bad input ends in one line all the same. Elsewhere, as in
    a log, nothing is written.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(f"{name} …\r")  # a line that is printed meanwhile takes its place
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(ERASE)
        sys.stderr.flush()
