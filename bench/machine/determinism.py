"""Repeatable training on CUDA: torch's deterministic algorithms, and the workspace that cuBLAS needs for them.

A CPU gives the same bits anyway, for the same number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
DETERMINISTIC_WORKSPACES = (":4096:8", ":16:8")
"""The values of that variable with which cuBLAS is deterministic (cuBLAS manual, Results Reproducibility)."""


def prepare(wanted: bool) -> None:
    """Set cuBLAS's workspace in the environment; call it before CUDA is first used, since cuBLAS reads it only once."""
    if wanted and os.environ.get(WORKSPACE) not in DETERMINISTIC_WORKSPACES:
        os.environ[WORKSPACE] = DETERMINISTIC_WORKSPACES[0]


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Make torch use deterministic algorithms within the block, and raise RuntimeError where an operation has none.

    If they aren't wanted, torch's switch is not touched: it imports torch's compiler, which takes seconds.
    """
    if not wanted:
        yield
        return
    import torch

    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    try:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
