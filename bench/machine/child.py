"""Calls of functions in a child process, which has torch and can be killed.

Children are forked by multiprocessing's fork server, which has imported torch and all that a worker needs once. The
job itself never loads torch, so that it starts soon, and so that whatever torch does to a process, a crash included,
it does not do to the one that keeps the results.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

from archs.errors import UserError
from bench.machine.environment import ROOT
from bench.machine.processors import memory_limit, processor_seconds_limit
from bench.spec.signals import STOPPING

PRELOAD = "bench.worker.preload"
"""The module that the fork server imports; a name, since the job must not import it."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector during large imports, and leave what they made out of later collections.

    Hardly anything of it is garbage, and it stays until the process ends: looking at it takes a quarter of torch's
    import, and most of the time that a job takes to end.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def start_context(preload: Sequence[str] = (PRELOAD,)) -> Any:
    """Return multiprocessing's context for children, and start its fork server if it isn't running.

    On a system without fork servers the context starts new processes.

    Args:
        preload: the modules that a server that is started now imports.

    Raises:
        UserError: no temporary folder has a path that is short enough for the server's socket.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    with signals_ignored(), this_project_found(), socket_folder_short_enough():
        forkserver.ensure_running()
    return context


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Let a process that is started within the block ignore what stops a job: during its imports too it is the job's.

    The fork server starts all workers, and multiprocessing's tracker of resources what they share.
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *STOPPING)}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)


@contextmanager
def this_project_found() -> Iterator[None]:
    """Let a process that is started within the block import this project, whatever folder it is started in.

    The fork server of Python 3.11 is not told where its parent looks for modules; it looks into the working directory.
    It would import nothing beforehand, without a word, and every child would load torch for itself. The process and its
    children keep both variables.
    """
    names = ("PYTHONPATH", "PYTHONSAFEPATH")
    before = {name: os.environ[name] for name in names if name in os.environ}
    others = [before["PYTHONPATH"]] if before.get("PYTHONPATH") else []
    os.environ.update(PYTHONPATH=os.pathsep.join([str(ROOT), *others]), PYTHONSAFEPATH="1")
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)


SOCKET_PATH_BYTES = 103
"""The longest path of a socket: 103 bytes on macOS, 107 on Linux."""

SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")
"""What multiprocessing adds to the path of the temporary folder."""


@contextmanager
def socket_folder_short_enough() -> Iterator[None]:
    """Let multiprocessing make its socket elsewhere if the path of the temporary folder is too long for one."""
    before, most = tempfile.tempdir, SOCKET_PATH_BYTES - SOCKET_NAME_BYTES
    if len(os.fsencode(tempfile.gettempdir())) > most:
        usual = [folder for folder in ("/tmp", "/var/tmp") if os.access(folder, os.W_OK | os.X_OK)]
        if not usual:
            raise UserError(
                f"temporary folder {tempfile.gettempdir()}: its path is too long for a socket to be made in it; name a "
                f"folder with TMPDIR whose path has at most {most} characters"
            )
        tempfile.tempdir = usual[0]
    try:
        yield
    finally:
        tempfile.tempdir = before


def call_in_child(function: Callable[..., Any], *arguments: Any, listener: Callable[[Any], None] | None = None) -> Any:
    """Call a function in a child process and return its result; raise what it raises.

    Args:
        function: it must be importable by its name, and its arguments and result must pickle.
        listener: called with whatever the function reports meanwhile; if given, the function gets as its last argument
            a callable to report with.

    Raises:
        ChildDied: the process ended without an answer.
    """
    context = start_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments, listener is not None), daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            kind, content = ours.recv()
            if kind == "said" and listener is not None:
                listener(content)
            elif kind == "raised":
                raise content
            else:
                return content
    except EOFError:
        process.join(5)
        raise ChildDied(f"{described(function)} {how_it_ended(process.exitcode)}") from None
    finally:
        ours.close()
        process.kill()  # and don't wait: the server reaps it, which takes longer than many a call


def described(function: Callable[..., Any]) -> str:
    """Return what the process that calls a function is called on stderr: "the process that was to make plan"."""
    return f"the process that was to {function.__name__.strip('_').replace('_', ' ')}"


class ChildDied(UserError):
    """A child process ended without an answer."""


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], says: bool) -> None:
    """Call the function and send its result, or what it raised, through the pipe: the main function of a child."""
    leave_signals_to_the_parent()
    if says:
        arguments = (*arguments, lambda content: pipe.send(("said", content)))
    try:
        answer = ("returned", function(*arguments))
    except Exception as raised:
        raised.add_note(traceback.format_exc())
        answer = ("raised", raised)
    with suppress(OSError):  # the parent is gone
        pipe.send(answer)


def leave_signals_to_the_parent() -> None:
    """Ignore Ctrl-C and what else stops a job: it reaches all its processes, and the main process handles it."""
    for number in (signal.SIGINT, *STOPPING):
        signal.signal(number, signal.SIG_IGN)


def how_it_ended(exitcode: int | None) -> str:
    """Say how a child ended: "was killed by SIGKILL (out of memory?)", "ended with status 3"."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"was killed by {name}" + (f" ({_why_killed()})" if name == "SIGKILL" else "")
    return f"ended with status {exitcode}"


def _why_killed() -> str:
    """Guess why the system has killed a child, by the limits that it shares with this process."""
    memory, seconds = memory_limit(), processor_seconds_limit()
    why = "out of memory?" if memory is None else f"out of memory? it is limited to {memory / 2**20:,.0f} MiB"
    return why if seconds is None else f"{why}; or out of processor time, limited to {seconds:,} s"
