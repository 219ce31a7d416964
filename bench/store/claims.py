"""Who trains what, when several jobs share a store: one lock file per run in flight, `<store>/.claims/<run_id>`.

The lock is the system's (`flock`, by way of filelock), held by the job's main process. It is gone the moment that
process is, however it ends and whatever it has forked, so a dead job's claim needs no time-out and no guess about
process ids. What the file says (host, process, since when) is for the reader of a message only. Between hosts this
works where the file system has locks: local disks, NFS from version 4 on (or 3 with its lock daemon), most cluster file
systems. Where it has none, `take` says so by raising.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from archs.errors import UserError

FOLDER = ".claims"


class Claims:
    """The runs that this process has claimed. `close()` gives all of them back; so does the end of the process."""

    def __init__(self) -> None:
        self._held: dict[Path, BaseFileLock] = {}

    def take(self, store: Path, run_id: str) -> bool:
        """Whether the run is now this job's alone to train; False while another living job has it."""
        path = store / FOLDER / run_id
        # not `fallback_to_soft`: a file without a lock outlives its process
        lock = FileLock(path, blocking=False, fallback_to_soft=False, on_acquired=sign)
        while path not in self._held:
            try:
                lock.acquire()
                self._held[path] = lock
            except Timeout:
                if path.exists():
                    return False
                # else its last holder removed it between our open and our lock: that lock was on nothing
            except OSError as error:
                raise UserError(
                    f"runs folder {store}: can't be locked ({error.strerror}); name a writable one, on a file system "
                    f"with locks, with --runs-dir"
                ) from error
        return True

    def give_back(self, store: Path, run_id: str) -> None:
        path = store / FOLDER / run_id
        lock = self._held.pop(path, None)
        if lock is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is still locked, so that nobody else's is removed
            lock.release()

    def close(self) -> None:
        for path in list(self._held):
            self.give_back(path.parent.parent, path.name)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody else is within it for the same `path`, in this process or another.

    The file is there only meanwhile. Raises OSError where it can't be made or the file system has no locks.
    """
    with FileLock(path, fallback_to_soft=False):
        os.utime(path)  # where a killed process left it: it is in use again
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is still locked


def sign(descriptor: int) -> None:
    """Writes into a lock file who holds it."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    said = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, said.encode(), 0)


def holder(store: Path, run_id: str) -> str:
    """Who has a claim, in words."""
    try:
        said = json.loads((store / FOLDER / run_id).read_bytes())
        return f"process {int(said['process'])} on {str(said['host'])[:80]}"
    except (OSError, ValueError, TypeError, KeyError):
        return "a process that did not say which"
