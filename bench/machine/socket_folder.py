"""The folder of the sockets by which a job's processes find each other."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from multiprocessing import util
from pathlib import Path

from archs.errors import UserError

SOCKET_PATH_BYTES = 103
"""The longest path of a socket: 103 bytes on macOS, 107 on Linux."""

SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")
"""What multiprocessing adds to the path of the temporary folder."""

MARK = "conv-ablation"
"""A file in the folder of a job, which its main process has locked."""

_marks: dict[Path, int] = {}
"""The folder of this process → the open mark in it."""


def make_socket_folder() -> None:
    """Let multiprocessing make its folder for sockets, in another place if the temporary folder is of no use for that.

    It goes with the process; what killed jobs have left there is cleared.

    Raises:
        UserError: no folder is of use.
    """
    before, most, problems = tempfile.tempdir, SOCKET_PATH_BYTES - SOCKET_NAME_BYTES, []
    try:
        for folder in temporary_folders():
            if len(os.fsencode(folder)) > most:
                problems.append(f"{folder}: its path is too long for a socket")
                continue
            tempfile.tempdir = folder
            try:
                made = Path(util.get_temp_dir())  # once in a process; from then on that one is used
                with suppress(OSError):
                    mark(made)
                return
            except OSError as error:
                problems.append(f"{folder}: {error.strerror}")
    finally:
        tempfile.tempdir = before
    raise UserError(
        f"no temporary folder can hold a socket ({'; '.join(problems)}); name one with TMPDIR "
        f"that can be written to and whose path has at most {most} characters"
    )


def temporary_folders() -> list[str]:
    """Return the folders that temporary files may go into, the user's own first."""
    usual = ["/tmp", "/var/tmp"]
    try:
        return list(dict.fromkeys([tempfile.gettempdir(), *usual]))
    except FileNotFoundError:  # none can be written to; each says why
        return usual


def mark(folder: Path) -> None:
    """Mark a folder as that of this process, for as long as this lives; the first time also clear those of dead ones.

    Raises:
        OSError: it can't be marked.
    """
    import fcntl  # not on Windows, where a command says that it doesn't run there

    if folder in _marks:
        return
    for other in folder.parent.glob(f"pymp-*/{MARK}"):
        with suppress(OSError):
            clear_if_dead(other)
    new = folder / f".{MARK}"
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    new.rename(folder / MARK)  # only now others see it
    _marks[folder] = descriptor


def clear_if_dead(mark: Path) -> None:
    """Remove the folder of a mark; raises `OSError` if its process lives, or it is another user's."""
    import fcntl

    descriptor = os.open(mark, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(mark.parent, ignore_errors=True)
    finally:
        os.close(descriptor)
