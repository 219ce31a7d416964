"""Imported by the server process of bench.machine.child, and nowhere else: what the workers that it forks will need."""

from __future__ import annotations

import atexit
import gc
import os

from bench.machine.child import uncollected

with uncollected():
    import bench.worker.execute  # noqa: F401
gc.freeze()  # so that no worker's collection copies pages that it shares with the others
atexit.register(os._exit, 0)  # torch takes half a second to take itself down, while whoever reads our output waits
