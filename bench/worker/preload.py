"""Imported by the server that forks the workers, and nowhere else: what each of them will need."""

from __future__ import annotations

import atexit
import os

from bench.machine.child import gc_paused

with gc_paused():
    import numpy.random  # noqa: F401, which numpy loads when it is first asked for

    import bench.worker.execute
    import bench.worker.label_inputs
    import bench.worker.sizes  # noqa: F401
    from archs.identity.modules import reachable
    from bench.machine.environment import ROOT

    for path in (ROOT / "archs").glob("*.py"):
        reachable(f"archs.{path.stem}")  # reads and parses it, as every fingerprint does, and remembers what it found

# torch takes half a second to take itself down, for which whoever reads the job's output would wait
atexit.register(os._exit, 0)
