"""What a process that computes on the CPU sets once: its threads, and a heap that it keeps."""

from __future__ import annotations

import torch

LARGE = 31 << 20  # bytes; glibc learns nothing from pieces beyond 32 MiB


def compute_with(threads: int) -> None:
    """Give torch so many threads from now on, and let the allocator see a large piece of memory freed.

    glibc hands large pieces back to the system and asks for them again, hundreds of page faults in a training step, until
    it has once seen a large one freed (mallopt(3), M_MMAP_THRESHOLD). After reading MNIST it has. A benchmark that reads
    nothing would take a fifth longer.
    """
    torch.set_num_threads(threads)
    torch.empty(LARGE, dtype=torch.uint8)
