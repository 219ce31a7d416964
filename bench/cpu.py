"""What a process that computes on the CPU sets once: its threads, and a heap that it keeps."""

from __future__ import annotations

import contextlib
import ctypes

import torch

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>
MOST = 2**31 - 1


def compute_with(threads: int) -> None:
    """Torch's threads from now on; and memory that a training step frees is there for the next one.

    By itself, glibc hands large pieces back to the system and asks for them again at every step: hundreds of page
    faults, up to a fifth of the time, and more in one process than in the next (docs/performance.md).
    """
    torch.set_num_threads(threads)
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MOST)
