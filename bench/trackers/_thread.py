"""A thread for each tracker: a server that does not answer holds up neither the job nor the signal that stops it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import Any

from archs.errors import one_line

PATIENCE_SECONDS = 60.0
"""How long a tracker may take over one thing that it is told."""

POLL_SECONDS = 0.25
"""Between two looks at one that is waited for."""


class TrackerThread:
    """Tells a tracker everything in the order in which it came, until something goes wrong."""

    def __init__(self, tracker: Any):
        self._tracker = tracker
        self._changed = threading.Condition()
        self._told: deque[tuple[str, tuple[Any, ...]]] = deque()  # the first is what it is at
        self._since: float | None = None  # when it began with that
        self._problem = ""
        threading.Thread(target=self._work, daemon=True).start()

    def tell(self, what: str, *arguments: Any) -> None:
        """Have one of the tracker's functions called, without waiting; of `progress` only what it has time for."""
        with self._changed:
            if what != "progress" or not self._told:
                self._told.append((what, arguments))
                self._changed.notify()

    @property
    def problem(self) -> str:
        """What went wrong, after which it is told nothing more; empty if nothing has."""
        with self._changed:
            if self._since is not None and time.monotonic() - self._since > PATIENCE_SECONDS:
                self._problem = self._problem or f"no answer for {PATIENCE_SECONDS:g} s"
            return self._problem

    @property
    def is_busy(self) -> bool:
        """Whether there is something that it was not told yet, and will be."""
        with self._changed:
            return bool(self._told) and not self.problem

    def wait(self, seconds: float) -> None:
        """Wait until it was told everything, but only for so long."""
        until = time.monotonic() + seconds
        with self._changed:
            while self.is_busy and time.monotonic() < until:
                self._changed.wait(POLL_SECONDS)

    def _work(self) -> None:
        """Call the tracker's functions: the main function of the thread."""
        what = ""
        while what != "close" and not self.problem:
            with self._changed:
                self._changed.wait_for(lambda: self._told)
                what, arguments = self._told[0]
                self._since = time.monotonic()
            try:
                getattr(self._tracker, what)(*arguments)
            except BaseException as error:  # sys.exit too, at which a thread would end without a word
                self._problem = self._problem or f"{type(error).__name__}: {one_line(error)[:300]}"
            with self._changed:
                self._since = None
                self._told.popleft()
                self._changed.notify_all()
        if what != "close":
            with contextlib.suppress(BaseException):
                self._tracker.close()
