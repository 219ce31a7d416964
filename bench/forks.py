"""The server process that forks the workers. Loads nothing heavy, so that it can be started before anything is.

The job and the server each import torch; started first, the server does so on another core while the job does.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import Any


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
    context.set_forkserver_preload(["bench.forked"])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: a Ctrl-C amid its imports is not its own
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)
    return context
