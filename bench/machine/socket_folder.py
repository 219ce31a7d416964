"""The folder of the sockets by which a job's processes find each other."""

from __future__ import annotations

import os
import tempfile
from multiprocessing import util

from archs.errors import UserError

SOCKET_PATH_BYTES = 103
"""The longest path of a socket: 103 bytes on macOS, 107 on Linux."""

SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")
"""What multiprocessing adds to the path of the temporary folder."""


def make_socket_folder() -> None:
    """Let multiprocessing make its folder for sockets, in another place if the temporary folder is of no use for that.

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
                util.get_temp_dir()  # once in a process; from then on that one is used
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
