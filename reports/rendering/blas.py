"""Limit numpy's linear algebra to one thread while a page is made."""

from __future__ import annotations

from contextlib import AbstractContextManager


def one_blas_thread() -> AbstractContextManager[object]:
    """Limit BLAS to one thread inside a `with` block.

    A page needs many small solves, and waking other threads for each takes a hundred times as long on busy cores.
    """
    import numpy  # noqa: F401  (its BLAS must be loaded before it can be limited)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1, user_api="blas")
