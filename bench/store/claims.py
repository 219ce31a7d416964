"""Who trains what, when several jobs share a store: one lock file per run in flight, `<store>/.claims/<run_id>`.

The lock is the system's (`flock`), held by the job's main process. It is gone the moment that process is, however it
ends, so a dead job's claim needs no time-out and no guess about process ids. What the file says (host, process, since
when) is for the reader of a message only. Between hosts this works where the file system has locks: local disks, NFS
from version 4 on (or 3 with its lock daemon), most cluster file systems. Where it has none, `take` says so by raising.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from archs.errors import UserError

FOLDER = ".claims"


class Claims:
    """The runs that this process has claimed. `close()` gives all of them back; so does the end of the process."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}

    def take(self, store: Path, run_id: str) -> bool:
        """Whether the run is now this job's alone to train; False while another living job has it."""
        path = store / FOLDER / run_id
        while path not in self._held:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except OSError as error:
                raise UserError(f"runs folder {store}: {error.strerror}; name a writable folder with --runs-dir") from error  # fmt: skip
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                    return False
                raise UserError(
                    f"runs folder {store}: its file system has no locks ({error.strerror}); name one on another with --runs-dir"
                ) from error
            if is_still(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, signature(), 0)
                self._held[path] = descriptor
            else:  # its last holder removed the file between our open and our lock: that lock is on nothing
                os.close(descriptor)
        return True

    def give_back(self, store: Path, run_id: str) -> None:
        path = store / FOLDER / run_id
        descriptor = self._held.pop(path, None)
        if descriptor is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is still locked, so that nobody else's is removed
            os.close(descriptor)

    def close(self) -> None:
        for path in list(self._held):
            self.give_back(path.parent.parent, path.name)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until nobody else is within it for the same `path`, in this process or another.

    The file is there only meanwhile. Raises OSError where it can't be made or the file system has no locks.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not is_still(path, descriptor):  # as in `Claims.take`
                continue
            os.utime(path)  # where a killed process left it: it is in use again
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()  # while it is still locked
            return
        finally:
            os.close(descriptor)


def is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def signature() -> bytes:
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since}).encode()


def holder(store: Path, run_id: str) -> str:
    """Who has a claim, in words."""
    try:
        said = json.loads((store / FOLDER / run_id).read_bytes())
        return f"process {int(said['process'])} on {str(said['host'])[:80]}"
    except (OSError, ValueError, TypeError, KeyError):
        return "a process that did not say which"
