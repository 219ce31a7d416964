"""How a job is stopped from outside: SIGTERM does what Ctrl-C does, and only the exit status differs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CTRL_C = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM came: a scheduler or a system that shuts down wants the job to end. status: what to exit with."""

    status = 128 + signal.SIGTERM


def raise_terminated(number: int, frame: object) -> None:
    raise Terminated


@contextmanager
def sigterm_stops() -> Iterator[None]:
    """Within it, SIGTERM raises `Terminated` in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stopping_status(interrupt: KeyboardInterrupt) -> int:
    """The exit status that an interrupt asks for: 130 after Ctrl-C, 143 after SIGTERM."""
    return interrupt.status if isinstance(interrupt, Terminated) else CTRL_C
