"""CUDA made repeatable: torch's deterministic algorithms, and the workspace that cuBLAS needs for them.

A CPU gives the same bits anyway, for the same number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
ALLOWED = (":4096:8", ":16:8")


def prepare(wanted: bool) -> None:
    """Before CUDA is first used, in the process whose children train: cuBLAS reads its setting only once."""
    if wanted and os.environ.get(WORKSPACE) not in ALLOWED:
        os.environ[WORKSPACE] = ALLOWED[0]


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Within it, torch takes deterministic algorithms, and raises RuntimeError for an operation that has none.

    Where they aren't wanted nothing is touched: torch's switch imports its compiler, two seconds of a worker's start.
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
