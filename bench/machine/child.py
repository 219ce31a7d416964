"""Calls of functions in a child process, which has torch and can be killed.

Children are forked by multiprocessing's fork server, which has imported torch and all that a worker needs once. The
job itself never loads torch, so that it starts soon, and so that whatever torch does to a process, a crash included,
it does not do to the one that keeps the results.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import site
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from archs.errors import UserError, one_line
from bench.machine.environment import ROOT
from bench.machine.processors import memory_limit, processor_seconds_limit
from bench.machine.socket_folder import make_socket_folder
from bench.spec.output.streams import take_everything
from bench.spec.signals import STOPPING, name_of

PRELOAD = ("bench.worker.preload", "bench.job.plan")
"""The modules that the fork server imports, for the workers and for the plan; names, since the job must not import
the first."""


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


def start_context(preload: Sequence[str] = PRELOAD) -> Any:
    """Return multiprocessing's context for children, and start its fork server if it isn't running.

    On a system without fork servers the context starts new processes.

    Args:
        preload: the modules that a server that is started now imports.

    Raises:
        UserError: the server can't be started, since no temporary folder can hold its socket, say.
    """
    if multiprocessing.current_process().daemon:
        raise UserError(
            "this process is a daemonic one of multiprocessing, which may start no others; call from one that was "
            "started with daemon=False"
        )
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.machine.fork_server", *preload])
    make_socket_folder()
    try:
        with stops_held_back():
            resource_tracker.ensure_running()  # by itself: it lets Ctrl-C and SIGTERM through again
        with this_project_found(), stops_held_back():
            forkserver.ensure_running()
    except OSError as error:
        raise UserError(f"the server of worker processes can't be started: {error.strerror or error}") from error
    return context


def start(process: Any) -> None:
    """Start a child whose function is importable, without the script that called us.

    multiprocessing would let the child import that first. A script that does not ask whether it is the main module
    would call the job again in each child, and one that was read from a pipe is nowhere to be imported from.

    Raises:
        UserError: the system lets no process be started.
    """
    script = sys.modules["__main__"].__dict__
    before: dict[str, Any] = {name: script[name] for name in ("__spec__", "__file__") if name in script}
    script["__spec__"] = None
    script.pop("__file__", None)
    try:
        process.start()
    except (OSError, EOFError) as error:
        is_gone = isinstance(error, FileNotFoundError | ConnectionRefusedError)
        reason = f"somebody has removed {util.get_temp_dir()}" if is_gone else getattr(error, "strerror", None) or error
        if isinstance(error, EOFError):  # the server has ended at it
            reason = "the system refuses it, as where a limit on processes (ulimit -u) or on memory is reached"
        raise UserError(f"a worker process can't be started: {reason}; the same command goes on from here") from error
    finally:
        script.update(before)


@contextmanager
def stops_held_back() -> Iterator[None]:
    """Hold Ctrl-C and what else stops a job back within the block, in this thread and in the processes that it starts.

    Those then leave it to the job, from their first moment on.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *STOPPING})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def this_project_found() -> Iterator[None]:
    """Let a process that is started within the block import this project, whatever folder it is started in.

    The fork server of Python 3.11 is not told where its parent looks for modules; it looks into the working directory.
    It would import nothing beforehand, without a word, and every child would load torch for itself. The process and its
    children keep both variables. Installed packages it finds by itself: their folder, named here, would come before
    Python's own modules, and an old package there may have the name of one.
    """
    names = ("PYTHONPATH", "PYTHONSAFEPATH")
    before = {name: os.environ[name] for name in names if name in os.environ}
    is_installed = ROOT in {Path(folder).resolve() for folder in site.getsitepackages()}
    places = [] if is_installed else [str(ROOT)]
    places += [before["PYTHONPATH"]] if before.get("PYTHONPATH") else []
    os.environ.update(PYTHONPATH=os.pathsep.join(places), PYTHONSAFEPATH="1")
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)


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
    if function.__module__ == "__main__":
        process.start()
    else:
        start(process)
    theirs.close()
    try:
        while True:
            heard_from([(ours, process)])
            kind, content = receive(ours)
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


def heard_from(children: Iterable[tuple[Connection, Any]], seconds: float | None = None) -> set[Connection]:
    """Wait until one of some children has said something or has ended; return the pipes of those that have.

    A pipe alone does not tell that a child has ended: what that has forked holds it open.

    Args:
        children: each one's pipe and process.
        seconds: to wait, at most.
    """
    pipes = {ready: pipe for pipe, process in children for ready in (pipe, process.sentinel)}
    return {pipes[ready] for ready in wait(pipes, seconds)}


def receive(pipe: Connection) -> Any:
    """Return the next message of a child that was heard from.

    Raises:
        EOFError: there is none: the child has ended.
    """
    if not pipe.poll():
        raise EOFError
    return pipe.recv()


def described(function: Callable[..., Any]) -> str:
    """Return what the process that calls a function is called on stderr: "the process that was to make plan"."""
    return f"the process that was to {function.__name__.strip('_').replace('_', ' ')}"


class ChildDied(UserError):
    """A child process ended without an answer."""


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], says: bool) -> None:
    """Call the function and send its result, or what it raised, through the pipe: the main function of a child."""
    become_child()
    if says:
        arguments = (*arguments, lambda content: pipe.send(("said", content)))
    try:
        answer = ("returned", function(*arguments))
    except BaseException as raised:  # of others' code too, which may call sys.exit
        answer = ("raised", portable(raised, described(function)))
    with suppress(OSError):  # the parent is gone
        pipe.send(answer)


def portable(error: BaseException, who: str) -> Exception:
    """Return an error as it can be sent to another process, and raised there without ending that one.

    Args:
        who: raised it, in words.
    """
    error.add_note(traceback.format_exc())
    if not isinstance(error, Exception):
        return ChildDied(f"{who} was ended by {type(error).__name__}: {one_line(error)}")
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:  # an error class of a plug-in
        plain = RuntimeError(f"{type(error).__name__}: {one_line(error)}")
        plain.add_note(traceback.format_exc())
        return plain


def become_child() -> None:
    """Leave to the job what is its own: signals, its output, and how long this process lives."""
    leave_signals_to_the_parent()
    take_everything()
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    with suppress(RuntimeError):  # a limit on processes is reached: it ends when it next reports
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def leave_signals_to_the_parent() -> None:
    """Ignore Ctrl-C and what else stops a job: it reaches all its processes, and the main process handles it."""
    for number in (signal.SIGINT, *STOPPING):
        signal.signal(number, signal.SIG_IGN)


def _end_after(parent: int) -> None:
    """End this process when its parent has ended: at once, since what the parent had claimed is now another job's."""
    wait([parent])
    os._exit(1)


def how_it_ended(exitcode: int | None) -> str:
    """Say how a child ended: "was killed by SIGKILL (out of memory?)", "ended with status 3"."""
    if exitcode is None:
        return "closed its connection to the job"
    if exitcode < 0:
        return f"was killed by {name_of(-exitcode)}" + (f" ({_why_killed()})" if -exitcode == signal.SIGKILL else "")
    return f"ended with status {exitcode}"


def _why_killed() -> str:
    """Guess why the system has killed a child, by the limits that it shares with this process."""
    memory, seconds = memory_limit(), processor_seconds_limit()
    why = "out of memory?" if memory is None else f"out of memory? it is limited to {memory / 2**20:,.0f} MiB"
    return why if seconds is None else f"{why}; or out of processor time, limited to {seconds:,} s"
