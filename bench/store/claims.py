"""Claims of jobs that share a store: a run in flight has a lock file, `<store>/.claims/<run_id>`.

The lock is the system's (`flock`, through filelock), held by the job's main process. It ends with that process,
however the process ends and whatever it has forked, so that the claim of a dead job needs no time-out and no guess
about process ids. The content of the file (host, process, since when) is only for messages. Between hosts this works
where the file system has locks: local disks, NFS from version 4 on (or 3 with its lock daemon), most cluster file
systems. Where it has none, `take` raises.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from archs.errors import UserError

FOLDER = ".claims"
"""The folder of the lock files, within the store."""

STALE_TRIES = 10
"""How often a lock file is opened anew that a file system says was removed meanwhile."""


class Claims:
    """The runs that this process has claimed; `close`, or the end of the process, gives all of them back."""

    def __init__(self) -> None:
        self._held: dict[Path, BaseFileLock] = {}

    def take(self, store: Path, run_id: str) -> bool:
        """Claim a run for this job; return False if another living job has it.

        Raises:
            UserError: the store can't be locked.
        """
        path = store / FOLDER / run_id
        # no fallback to soft locks: those are mere files, which outlive their process
        lock = FileLock(path, blocking=False, fallback_to_soft=False, on_acquired=write_holder)
        while path not in self._held:
            try:
                acquire(lock, blocking=False)
                self._held[path] = lock
            except Timeout:
                if path.exists():
                    return False
                # else its holder removed the file between our open and our lock: try again with a new file
            except OSError as error:
                raise UserError(
                    f"runs folder {store}: can't be locked ({error.strerror}); name a writable one, on a file system "
                    f"with locks, with --runs-dir"
                ) from error
        return True

    def give_back(self, store: Path, run_id: str) -> None:
        """Release a claim and remove its file; do nothing if this process doesn't hold it."""
        path = store / FOLDER / run_id
        lock = self._held.pop(path, None)
        if lock is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is locked, so that no other job's file is removed
            release(lock)

    def close(self) -> None:
        """Release all claims."""
        for path in list(self._held):
            self.give_back(path.parent.parent, path.name)


@contextlib.contextmanager
def exclusive_lock(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` within the block, alone among all threads and processes; wait for it first.

    The file is removed afterwards. The lock ends with the process, so a dead one leaves nothing to wait for.

    Args:
        on_wait: called once if somebody else holds it.

    Raises:
        OSError: the file can't be made, or its file system has no locks.
    """
    lock = FileLock(path, fallback_to_soft=False)
    try:
        acquire(lock, blocking=False)
    except Timeout:
        if on_wait is not None:
            on_wait()
        acquire(lock, blocking=True)
    try:
        with contextlib.suppress(OSError):
            os.utime(path)  # it may be a killed process's; an old one would be cleared away
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is locked
        release(lock)


def acquire(lock: BaseFileLock, blocking: bool) -> None:
    """Acquire a lock, if need be with a new file.

    On NFS one that its holder, on another host, removes between our open and our lock is a stale handle. One that
    another user's job has left can't be written to, but its lock is free.

    Raises:
        Timeout: somebody else holds it, and `blocking` is false.
        OSError: the file can't be made, or its file system has no locks.
    """
    for tries_left in reversed(range(STALE_TRIES)):
        try:
            lock.acquire(blocking=blocking)
            return
        except PermissionError:
            if not tries_left or not remove_of_another(Path(lock.lock_file), blocking):
                raise
        except OSError as error:
            if error.errno != errno.ESTALE or not tries_left:
                raise


def remove_of_another(path: Path, blocking: bool) -> bool:
    """Remove a lock file that may only be read, once nobody holds it; return False if it can't be removed.

    Raises:
        Timeout: somebody holds it, and `blocking` is false.
    """
    import fcntl  # not on Windows, where a command says that it doesn't run there

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # not a newer one, which somebody may hold
            path.unlink()
        return True
    except FileNotFoundError:  # its holder has removed it
        return True
    except BlockingIOError:
        raise Timeout(str(path)) from None
    except OSError:
        return False
    finally:
        os.close(descriptor)


def release(lock: BaseFileLock) -> None:
    """Release a lock whose file was removed: whether the file system still answers, nobody waits for it."""
    with contextlib.suppress(OSError):
        lock.release()


def write_holder(descriptor: int) -> None:
    """Write host, process id and time into a lock file."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    content = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content.encode(), 0)


def describe_holder(store: Path, run_id: str) -> str:
    """Say who has a claim: "process 1234 on host"."""
    try:
        content = json.loads((store / FOLDER / run_id).read_bytes())
        return f"process {int(content['process'])} on {str(content['host'])[:80]}"
    except (OSError, ValueError, TypeError, KeyError):
        return "a process that did not say which"
