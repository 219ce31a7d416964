"""How every command begins and ends: by no setting of the user's, and with the status of what it found out.

Not for `import bench` or `import reports`: there the process, and what it is set to, belong to somebody else.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from archs.errors import UserError
from bench.spec.output.lines import say_error
from bench.spec.output.streams import Output, fill_closed_descriptors, take_everything
from bench.spec.signals import signals_stop, stopped, stopping_status

BAD_INPUT = 2
"""The exit status after a `UserError`, or where a disk or the system fails; argparse's too."""

CRASHED = 70
"""The exit status after an error of ours (EX_SOFTWARE). Python's own, 1, is a verdict of most commands."""

NOT_ON_WINDOWS = (
    "this runs on Linux and macOS, not on Windows, which lacks their locks (fcntl), fork servers and signals; "
    "in WSL, the Linux within Windows, it does"
)

SYSTEM_ERRORS = {
    getattr(errno, name, None)
    for name in (
        "EACCES", "EAGAIN", "EDQUOT", "EHOSTDOWN", "EHOSTUNREACH", "EIO", "EMFILE", "ENFILE", "ENODEV", "ENOLCK",
        "ELOOP", "ENAMETOOLONG", "ENOMEM", "ENOSPC", "ENOTCONN", "ENXIO", "EPERM", "EREMOTEIO", "EROFS", "ESTALE",
        "ETIMEDOUT",
    )
} - {None}  # fmt: skip
"""What a disk, a file system over the network or a limit of the system says, whatever the code that asked it."""


def run_command(main: Callable[[list[str]], int]) -> NoReturn:
    """Call the main function of a command with its arguments and end the process with the status that it returns.

    No setting of the user's changes what the command draws or prints.
    A closed standard output or standard error changes neither what the command does nor its status. If standard output
    can't be written for another reason, as on a full disk, the command does all the rest, then says so in a line on
    stderr, and a status of 0 becomes 2. Standard error may be lost: there is nowhere left to say it.

    Args:
        main: its `UserError` becomes one line on stderr and status 2, as what a disk or the system fails to do; Ctrl-C
            status 130, a signal that stops commands 128 and its number, any other exception a traceback and status 70.
    """
    if sys.platform == "win32":
        print(f"error: {NOT_ON_WINDOWS}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    prepare()
    fill_closed_descriptors()
    take_everything()
    status = status_of(main)
    if isinstance(sys.stdout, Output):
        sys.stdout.flush()
        failure = sys.stdout.failure
        if failure is not None and failure.errno != errno.EPIPE:
            print(f"error: standard output can't be written: {failure.strerror}", file=sys.stderr)
            status = status or BAD_INPUT
    sys.exit(status)


def status_of(main: Callable[[list[str]], int]) -> int:
    """Call the main function; return the exit status, and say on stderr what went wrong."""
    try:
        with signals_stop():
            return main(sys.argv[1:])
    except UserError as error:
        say_error(error)
        return BAD_INPUT
    except KeyboardInterrupt as interrupt:
        status = stopping_status(interrupt)
        print(stopped(status), file=sys.stderr)
        return status
    except SystemExit as stop:  # argparse has printed the help, or an error
        if not isinstance(stop.code, int):
            raise
        return stop.code
    except Exception as error:
        problem = system_problem(error)
        if problem is None:
            traceback.print_exc()
            return CRASHED
        say_error(f"{problem}; what is kept stays: mend that, or name another folder, and go on")
        return BAD_INPUT


def system_problem(error: BaseException) -> str | None:
    """Return what a disk or the system says in an error, and of which file; None if the error may be ours."""
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":  # Python's own words
        return "no thread can be started, as where a limit on processes (ulimit -u) or on memory is reached"
    if not isinstance(error, OSError):
        return None
    said = error.strerror or str(error)
    if error.errno == errno.ENOENT and said.startswith("No usable temporary directory"):  # Python's own words
        return "no temporary folder can be written to; name one with TMPDIR"
    if error.errno not in SYSTEM_ERRORS:
        return None
    where = error.filename2 or error.filename
    return f"{where}: {said}" if where else said


def prepare() -> None:
    """Let no setting of whoever started the command change a figure, or cost the report after all the training.

    matplotlib is told to draw into files and to read no file of settings. Call it before matplotlib is imported.
    """
    os.environ["MPLBACKEND"] = "agg"  # a notebook's, exported to what it starts, need not be installed here
    os.environ["MATPLOTLIBRC"] = os.devnull
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # numpy can't be imported where it is no number, or empty
