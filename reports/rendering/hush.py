"""Two things that make small numerical work slow in a busy process, held off while a page is made.

Measured on a page of 40 architectures × 3 tasks × 10 seeds, two shared cores: least squares on a 400 × 180 matrix takes
13 ms with one BLAS thread and 1.2 s with as many as there are cores; and a full garbage collection takes 80 ms once
matplotlib and pandas are loaded.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@functools.cache
def thread_pools() -> Any:
    """Those of all libraries loaded by now; looking for them takes 10 ms."""
    import numpy  # noqa: F401  (its BLAS must be loaded before it can be limited)
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


@contextmanager
def hushed() -> Iterator[None]:
    """One BLAS thread, and no collection of what exists already; both as before afterwards."""
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        with thread_pools().limit(limits=1, user_api="blas"):
            yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
