"""What a process that computes on the CPU sets once: its threads, and a heap that it keeps."""

from __future__ import annotations

import contextlib
import ctypes

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MXFAST = -1, -3, 1  # of <malloc.h>


def compute_with(threads: int) -> None:
    """Torch's threads from now on; and memory that a training step frees is there for the next one.

    glibc hands large pieces back to the system and asks for them again, hundreds of page faults a step, until it has once
    seen a piece of 32 MiB freed. A run on MNIST shows it one, a benchmark or a small data set may not, or late
    (docs/log/performance.md#memory-cores-and-other-settings). So it is told. And it need not set small pieces
    aside, which it clears away whenever a large one is freed: at each layer of a step.
    """
    torch.set_num_threads(threads)
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 1 << 30)
        mallopt(M_MXFAST, 0)
