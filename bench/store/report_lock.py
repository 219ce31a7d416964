"""The lock of a report folder, so that the manifest of one job never lies beside the figures of another."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.spec.output.lines import say_warning
from bench.store.claims import exclusive_lock

LOCK = ".writing"
"""The lock file, within the report folder; it is removed afterwards."""

UNWRITABLE = (
    errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
)  # fmt: skip


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep others from writing to a report folder within the block; wait for whoever does.

    Where the file system has no locks, or none that work, a warning says so: the results are worth more than the order.
    A folder that can't be written to at all is left for the caller to find.
    """

    def say() -> None:
        print(f"waiting for another process, which writes the report in {folder} …", file=sys.stderr, flush=True)

    with contextlib.ExitStack() as held:
        try:
            held.enter_context(exclusive_lock(folder / LOCK, say))
        except OSError as error:
            if error.errno not in UNWRITABLE:
                reason = error.strerror or error
                text = f"report folder {folder}: can't be locked ({reason}); let nothing else write to it now"
                say_warning(text)
        yield
