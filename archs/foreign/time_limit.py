"""A limit on how long others' code may take to be loaded, or to build a network: some never come to an end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from archs.errors import UserError
from archs.foreign.raised import is_own, label_of_line

SECONDS = 120.0
"""For one file, or one network: a hundred times what a large one takes."""

AGAIN_SECONDS = 1.0
"""After which code that goes on regardless is stopped once more."""


class Endless(UserError):
    """Others' code was stopped, since it did not come to an end."""


@contextmanager
def time_limit(whose: str) -> Iterator[None]:
    """Raise `Endless` within the block when it has taken too long.

    Only code of the main thread can be stopped, and only where it comes back to Python.

    Args:
        whose: code runs in the block, and when, for the message: "plug-in my.py, when it is loaded,".
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):  # limited already, or somebody's own alarm
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        while frame is not None and not is_own(frame.f_code.co_filename):
            frame = frame.f_back
        where = f" ({label_of_line(frame, frame.f_lineno)})" if frame else ""
        raise Endless(f"{whose} has not come to an end within {SECONDS:g} s{where}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
