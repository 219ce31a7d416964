"""How a command is stopped from outside: by Ctrl-C, or by a signal, which does the same but for the exit status.

Batch systems warn by a signal before the time of a job is over, each by another; a terminal that is closed hangs up.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CTRL_C_STATUS = 130

ONE_REQUEST = tuple(
    getattr(signal, name) for name in ("SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
"""Signals that whoever sends them may send several times for one reason: both a terminal and its shell hang up, and the
limit of processor time is called to mind every second."""

STOPPING = (signal.SIGTERM, *ONE_REQUEST)
"""Signals that stop a command. SIGQUIT (Ctrl-\\) is not one of them: it is for who wants no last words."""


AGAIN_SECONDS = 0.01
"""After which a signal is sent once more that was dropped."""


class Terminated(KeyboardInterrupt):
    """A signal of `STOPPING` arrived: a scheduler, or a system that shuts down, wants the command to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number
        """The exit status of a program that this signal ends."""


def raise_terminated(number: int, frame: object) -> None:
    if number in ONE_REQUEST:
        signal.signal(number, signal.SIG_IGN)  # a second one must not cost the report
    raise Terminated(number)


@contextmanager
def signals_stop(handler: Callable[[int, object], None] = raise_terminated) -> Iterator[None]:
    """Make the signals of `STOPPING` raise `Terminated` within the block; only the main thread can.

    One that is ignored, as SIGHUP is under `nohup`, stays so. One that arrives where Python drops exceptions, in the
    `__del__` of some object or a callback, is sent once more, and so is Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    dropped = sys.unraisablehook

    def send_again(unraisable: sys.UnraisableHookArgs) -> None:
        interrupt = unraisable.exc_value
        if not isinstance(interrupt, KeyboardInterrupt):
            return dropped(unraisable)
        number = interrupt.status - 128 if isinstance(interrupt, Terminated) else signal.SIGINT
        if number in before:
            signal.signal(number, handler)
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()  # here it would be dropped, too

    sys.unraisablehook = send_again
    try:
        for number, known in before.items():
            if known is not signal.SIG_IGN:
                signal.signal(number, handler)
        yield
    finally:
        sys.unraisablehook = dropped
        for number, known in before.items():
            if known is not None:  # one that was not set by Python can't be set again
                signal.signal(number, known)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let what is done within the block be done before a signal of `STOPPING` stops the command.

    Neither Ctrl-C waits, nor a second signal.
    """
    arrived: list[int] = []

    def note(number: int, frame: object) -> None:
        if arrived:
            raise_terminated(number, frame)
        arrived.append(number)

    with signals_stop(note):
        yield
    if arrived:
        raise_terminated(arrived[0], None)


@contextmanager
def signals_noted() -> Iterator[list[int]]:
    """Let nothing that is done within the block be interrupted, by Ctrl-C neither: for what must not be left half done.

    What arrives is noted in the list that the block gets, which is to look at it where it takes long. At the end of the
    block the first of them stops the command.
    """
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPPING)}
    heard = {number: known for number, known in before.items() if known not in (None, signal.SIG_IGN)}
    try:
        for number in heard:
            signal.signal(number, lambda number, frame: arrived.append(number))
        yield arrived
    finally:
        for number, known in heard.items():
            signal.signal(number, known)
        if arrived:
            signal.raise_signal(arrived[0])


def stopping_status(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status that an interrupt asks for: 130 after Ctrl-C, 143 after SIGTERM."""
    return interrupt.status if isinstance(interrupt, Terminated) else CTRL_C_STATUS


def name_of(number: int) -> str:
    """Return the name of a signal; most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def what_stopped(status: int) -> str:
    """Return what has stopped a command that ends with this status: "Ctrl-C", "SIGTERM"."""
    return "Ctrl-C" if status == CTRL_C_STATUS else name_of(status - 128)


def stopped(status: int) -> str:
    """Return how the last line of a command that was stopped begins; who has pressed Ctrl-C knows."""
    return "stopped" if status == CTRL_C_STATUS else f"stopped by {what_stopped(status)}"
