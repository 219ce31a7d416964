"""The server process that forks the workers. Loads nothing heavy, so that it can be started before anything is.

The job itself never loads torch. While the server does, on another core, the job imports what its report will need.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, util
from multiprocessing.connection import Connection
from typing import Any

from archs.errors import UserError

OPEN_FILES = "/proc/self/fd"
SPAWN = util.spawnv_passfds


@contextmanager
def uncollected() -> Iterator[None]:
    """For large imports: hardly anything of them is garbage, and looking for it is a quarter of torch's import."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def start_context() -> Any:
    """A server process that has imported everything once and forks the workers, where the system can do that.

    It is started by the first call; later ones find it running.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.worker.preload"])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: a Ctrl-C amid its imports is not its own
    try:
        with as_a_fork():
            forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
    return context


def dismiss() -> None:
    """Ends the server, for a process that needs it no more: it takes the system a while to take back what torch holds, and
    whoever reads our output waits for that. Nothing can be asked of it any more."""
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if server is not None:
        os.kill(server, signal.SIGKILL)


def can_fork() -> bool:
    """Only where no other thread could hold a lock at that moment: not beside torch, and not on every system."""
    return sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules


@contextmanager
def as_a_fork() -> Iterator[None]:
    """Within it multiprocessing's own processes, the server among them, are forks of this one where that is safe, instead
    of new interpreters that import again what is here already."""
    if can_fork() and os.path.isdir(OPEN_FILES):
        util.spawnv_passfds = fork_with  # type: ignore[assignment]
    try:
        yield
    finally:
        util.spawnv_passfds = SPAWN


def fork_with(path: object, arguments: Sequence[str], files: Sequence[int]) -> int:
    """What `multiprocessing.util.spawnv_passfds` does for `python … -c code`: runs the code in a process that has no other
    files open than `files` and the standard ones. Returns its process id."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or the fork would write it too
    process = os.fork()
    if process:
        return process
    try:
        util.spawnv_passfds = SPAWN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for file in {int(name) for name in os.listdir(OPEN_FILES)} - {0, 1, 2, *map(int, files)}:
            with suppress(OSError):  # that of the listing is closed already
                os.close(file)
        exec(arguments[-1], {})
    except BaseException as error:
        if not isinstance(error, SystemExit):
            traceback.print_exc()
    finally:
        os._exit(0)


def elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns in a process that the server forks; raises what it raises, and `UserError` if it dies."""
    context = start_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        found, error = ours.recv()
    except EOFError:
        process.join(5)
        raise UserError(f"the process that was to {function.__name__} {how_it_ended(process.exitcode)}") from None
    finally:
        ours.close()
        process.kill()  # the server buries it; waiting for that would take longer than many an answer
    if error is not None:
        raise error
    return found


def answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """The life of such a process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all processes of a job, they are the parent's to handle
        signal.signal(number, signal.SIG_IGN)
    found, error = None, None
    try:
        found = function(*arguments)
    except Exception as raised:
        raised.add_note(traceback.format_exc())
        error = raised
    with suppress(OSError):  # nobody is there to hear
        pipe.send((found, error))


def how_it_ended(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"ended with status {exitcode}"
