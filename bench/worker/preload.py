"""Imported by the server that forks the workers, and nowhere else: what each of them will need."""

from __future__ import annotations

import atexit
import os

from bench.machine.child import gc_paused

with gc_paused():
    import bench.worker.execute  # noqa: F401

# torch takes half a second to take itself down, for which whoever reads the job's output would wait
atexit.register(os._exit, 0)
