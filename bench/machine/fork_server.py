"""Imported by the server that forks a job's processes, whatever else it imports."""

from __future__ import annotations

import errno
import sys
from types import TracebackType


def say_unless_refused(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of what ends the server, but for a fork that the system refuses: the job says that."""
    if not (isinstance(error, OSError) and error.errno in (errno.EAGAIN, errno.ENOMEM)):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = say_unless_refused
