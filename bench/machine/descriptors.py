"""How many files a process has open, of those that it may have: code of a run may leave some open for ever."""

from __future__ import annotations

import errno
import os
import resource

FOLDER = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
"""The folder in which the system lists them."""


def most_open() -> int:
    """Return how many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def count_open() -> int:
    """Return how many files this process has open; as many as it may have, if it can't open the list of them."""
    try:
        return len(os.listdir(FOLDER))
    except OSError:
        return most_open()


def run_short(before: int) -> bool:
    """Return whether less than half of the files are left that could be opened when so many were open."""
    most = most_open()
    return most != resource.RLIM_INFINITY and count_open() - before > (most - before) / 2


def are_used_up(error: BaseException | None) -> bool:
    """Return whether an error says that this process has as many files open as it may have."""
    return isinstance(error, OSError) and error.errno == errno.EMFILE
