"""How a job is stopped from outside: by Ctrl-C, or by SIGTERM, which does the same but for the exit status."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CTRL_C_STATUS = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: a scheduler, or a system that shuts down, wants the job to end."""

    status = 128 + signal.SIGTERM
    """The exit status of a program that SIGTERM ends."""


def raise_terminated(number: int, frame: object) -> None:
    raise Terminated


@contextmanager
def sigterm_stops() -> Iterator[None]:
    """Make SIGTERM raise `Terminated` within the block; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stopping_status(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status that an interrupt asks for: 130 after Ctrl-C, 143 after SIGTERM."""
    return interrupt.status if isinstance(interrupt, Terminated) else CTRL_C_STATUS
