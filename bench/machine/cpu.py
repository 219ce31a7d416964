"""What a process sets once before it computes on the CPU: its threads, and how it keeps memory."""

from __future__ import annotations

import torch

LARGE_BYTES = 31 << 20
"""glibc raises its threshold only for pieces below 32 MiB."""


def prepare_cpu(threads: int) -> None:
    """Let torch use this number of threads, and show the allocator a large piece of memory being freed.

    glibc returns large pieces to the system and asks for them again, at hundreds of page faults in a training step,
    until it has seen a large one freed (mallopt(3), M_MMAP_THRESHOLD). Reading MNIST does that; a benchmark, which
    reads nothing, would be slower without it (docs/decisions.md#glibc-is-told-to-keep-its-memory).
    """
    torch.set_num_threads(threads)
    torch.empty(LARGE_BYTES, dtype=torch.uint8)  # freed at once
